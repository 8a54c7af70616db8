import CHost
import GuestRAM

/// Where random bytes come from.
package protocol EntropySource: Sendable {
  /// Fills `bytes` from the start, as far as it can without waiting, and says how far; 0 when it has failed.
  ///
  /// On the device's thread.
  func fill(_ bytes: inout MutableRawSpan) -> Int
}

/// The system's random number generator, seen to be seeded.
package struct SystemEntropy: EntropySource {
  /// - Throws: `HostError` with `EAGAIN` when the generator has not been seeded yet, as early in the host's own start.
  package init() throws(HostError) {
    var byte: UInt8 = 0
    // One byte, and the count says one.
    let filled = unsafe chost_random(&byte, 1)
    guard filled == 1 else { throw HostError(operation: "getrandom", errno: Int32(clamping: -filled)) }
  }

  package func fill(_ bytes: inout MutableRawSpan) -> Int {
    unsafe bytes.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      // The system fills at most the span's own count. A seeded generator does not fail, but a signal may cut a large
      // request short, and the kernel promises only 256 bytes whatever comes.
      let filled = unsafe chost_random(base, bytes.count)
      return unsafe filled > 0 ? filled : max(0, chost_random(base, min(256, bytes.count)))
    }
  }
}
