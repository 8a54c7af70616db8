import Glibc
import ScanoutDevice

/// Why a call of the C interface fails: an error number, which C gets with its sign changed.
struct Refusal: Error, Equatable {
  let errno: CInt

  static let invalid = Refusal(errno: EINVAL)
  static let tooBig = Refusal(errno: E2BIG)
  static let wrongKind = Refusal(errno: ENOTSUP)
  static let busy = Refusal(errno: EAGAIN)

  init(errno: CInt) { self.errno = errno }

  /// An error of the host's system; one without a number is not to look like success.
  init(_ error: HostError) { self.init(errno: error.errno > 0 ? error.errno : EIO) }

  init(_ error: GuestMemoryError) {
    switch error {
    case .unaligned, .wraps: self.init(errno: EINVAL)
    case .overlap: self.init(errno: EEXIST)
    case .notFound: self.init(errno: ENOENT)
    case .partial: self.init(errno: ERANGE)
    }
  }
}

/// What a C function returns that does `body`: 0, or the negative error number.
func result(_ body: () throws(Refusal) -> Void) -> CInt {
  do {
    try body()
    return 0
  } catch {
    return -error.errno
  }
}

/// A call of the device's own, its errors as a refusal.
func refusing<Result: ~Copyable>(_ body: () throws(HostError) -> Result) throws(Refusal) -> Result {
  do throws(HostError) { return try body() } catch { throw Refusal(error) }
}

/// What of an input device's event was kept.
func keep(_ isKept: Bool) throws(Refusal) {
  guard isKept else { throw .busy }
}
