import GuestDriver

/// The entropy device (virtio 1.4 §5.4).
extension ConformanceSuite {
  static let entropyRequests: [ConformanceCase] = [
    ConformanceCase(
      "entropy.at-least-one-byte", ["5.4.6.2-1"], needs: [.modern, .kind(.entropy)],
      tried: "offer 64 bytes of room", expected: "1 to 64 bytes are written"
    ) { bench in
      let length = try PlainDriver(bench).roundTrip().length
      try expect((1...64).contains(length), came: "len \(length)")
      return "\(length) bytes"
    }
  ]
}
