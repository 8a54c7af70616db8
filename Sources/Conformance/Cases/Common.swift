import GuestDriver

/// The common configuration structure (virtio 1.4 §4.1.4.3.1).
extension ConformanceSuite {
  static let commonRegisters: [ConformanceCase] = [
    ConformanceCase(
      "common.queue-select-past-end", ["4.1.4.3.1-13"],
      tried: "select queues past num_queues and read queue_size", expected: "0 for each"
    ) { bench in
      let function = try bench.function
      let count = try function.read(.queueCount)
      for queue in [count, count + 1, 0x7fff, 0xffff] where queue >= count && queue <= 0xffff {
        try function.write(.queueSelect, queue)
        try expect("queue_size of queue \(queue)", try function.read(.queueSize), is: 0)
      }
      return "0"
    },

    ConformanceCase(
      "common.queue-size-is-a-power-of-two", ["4.1.4.3.1-14"],
      tried: "read queue_size of every queue without VIRTIO_F_RING_PACKED", expected: "0 or a power of two"
    ) { bench in
      try bench.negotiate()
      let function = try bench.function
      var sizes: [UInt64] = []
      for queue in 0..<(try function.read(.queueCount)) {
        try function.write(.queueSelect, queue)
        sizes.append(try function.read(.queueSize))
        try expect(
          sizes.last?.nonzeroBitCount ?? 0 <= 1, came: "queue \(queue) has the size \(sizes.last ?? 0)")
      }
      return sizes.map { "\($0)" }.joined(separator: ", ")
    },
  ]
}
