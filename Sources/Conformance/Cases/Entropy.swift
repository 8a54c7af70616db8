import GuestDriver

/// The entropy device (virtio 1.4 §5.4).
extension ConformanceSuite {
  static let entropyRequests: [ConformanceCase] = [
    ConformanceCase(
      "entropy.at-least-one-byte", ["5.4.6.2-1"], needs: [.modern, .kind(.entropy)],
      tried: "offer 64 bytes of room, three times", expected: "1 to 64 bytes are written each time"
    ) { bench in
      let driver = try PlainDriver(bench)
      var lengths: [UInt32] = []
      for _ in 0..<3 {
        let length = try driver.roundTrip().length
        try expect((1...64).contains(length), came: "len \(length)")
        lengths.append(length)
      }
      return "\(lengths) bytes"
    },

    ConformanceCase(
      "entropy.bytes-differ", ["5.4.6-1"], needs: [.modern, .kind(.entropy)],
      tried: "take 32 bytes twice", expected: "different bytes, of many values"
    ) { bench in
      let driver = try PlainDriver(bench)
      let first = try take(32, driver), second = try take(32, driver)
      try expect(first != second, came: "the same 32 bytes twice")
      // Chance leaves fewer than 8 different values among 32 random bytes less than once in 10^28.
      try expect(Set(first).count >= 8, came: "\(Set(first).count) different values among 32 bytes")
      return "\(Set(first).count) different values, then others"
    },
  ]

  /// Takes so many random bytes, in as many requests as the device wants.
  private static func take(_ count: Int, _ driver: PlainDriver) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let chain = try driver.layOutRequest()
      _ = try driver.rings[0].offer(chain.descriptors)
      try driver.kick()
      let length = Int(try driver.awaitUsed().length), room = chain.responseExtents[0]
      try expect((1...room.count).contains(length), came: "len \(length) for a room of \(room.count)")
      bytes += driver.bench.ram.read(room.address, count: length)
    }
    return Array(bytes.prefix(count))
  }
}
