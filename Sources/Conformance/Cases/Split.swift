import GuestDriver

/// Split virtqueues (virtio 1.4 §2.7).
extension ConformanceSuite {
  static let splitQueues: [ConformanceCase] = [
    ConformanceCase(
      "split.used-length", ["2.7.8.2-2"], tried: "let the device write into a buffer of 0xa5",
      expected: "len is no more than the room, and its bytes are written"
    ) { bench in
      let driver = try PlainDriver(bench)
      let chain = try driver.layOutRequest()
      _ = try driver.rings[0].offer(chain.descriptors)
      try driver.kick()
      let length = Int(try driver.awaitUsed().length)
      let room = chain.responseExtents.flatMap { bench.ram.read($0.address, count: $0.count) }
      try expect(length <= room.count, came: "len \(length) for a room of \(room.count)")
      // No request of an ordinary driver is answered with the filling itself, a long run of one byte.
      try expect(
        length < 16 || !room[..<length].allSatisfy { $0 == 0xa5 }, came: "len \(length), nothing was written")
      return "\(length) of \(room.count) bytes"
    }
  ]
}
