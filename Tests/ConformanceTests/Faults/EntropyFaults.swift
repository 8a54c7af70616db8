/// The entropy device.
extension SeededFault {
  static let entropyFaults: [SeededFault] = [
    SeededFault(
      "entropy.no-byte", caughtBy: "entropy.at-least-one-byte", on: .entropy,
      .used { _, buffer in buffer.length = 0 }),
    SeededFault(
      "entropy.more-than-the-buffer", caughtBy: "entropy.at-least-one-byte", on: .entropy,
      .used { _, buffer in buffer.length = 65 }),
    SeededFault(
      "entropy.same-bytes-each-time", caughtBy: "entropy.bytes-differ", on: .entropy,
      .used { _, buffer in buffer.chain?.response = (0..<64).map { 17 &* $0 &+ 5 } }),
    SeededFault(
      "entropy.one-byte-repeated", caughtBy: "entropy.bytes-differ", on: .entropy,
      .used { function, buffer in
        function.tally += 1
        let byte = UInt8(truncatingIfNeeded: function.tally)
        buffer.chain?.response = Array(repeating: byte, count: 64)
      }),
    SeededFault(
      "entropy.writes-nothing", caughtBy: "entropy.bytes-differ", on: .entropy,
      .used { _, buffer in buffer.chain?.response = Array(repeating: 0xa5, count: 64) }),
  ]
}
