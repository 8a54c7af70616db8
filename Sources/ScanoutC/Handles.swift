/// Hands an object to C, which owns a reference from now on.
func handle(of object: AnyObject) -> OpaquePointer {
  // Ended by `takeBack` alone.
  unsafe OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// The object behind a handle, which stays C's.
func object<Object: AnyObject>(_ handle: OpaquePointer?, _ type: Object.Type) throws(Refusal) -> Object {
  guard let handle = unsafe handle else { throw .invalid }
  // The caller promises that it is one of `handle(of:)` and has not ended; C's types keep the kinds apart.
  return unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

/// Ends a handle: its reference is the caller's. nil for none.
func takeBack<Object: AnyObject>(_ handle: OpaquePointer?, _ type: Object.Type) -> Object? {
  guard let handle = unsafe handle else { return nil }
  // As above, and the header has C end a handle once.
  return unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeRetainedValue()
}

/// Where C wants a handle.
@safe struct HandleTarget {
  private let place: UnsafeMutablePointer<OpaquePointer?>

  init(_ place: UnsafeMutablePointer<OpaquePointer?>?) throws(Refusal) {
    guard let place = unsafe place else { throw .invalid }
    unsafe self.place = place
  }

  /// Gives C an object to own.
  func give(_ object: AnyObject) {
    // The caller of C's promises that the place is its own, for the time of the call.
    unsafe place.pointee = handle(of: object)
  }
}

/// UTF-8 of C's, at most `limit` bytes of it; nil is no text.
func text(_ start: UnsafePointer<CChar>?, limit: Int = 128) throws(Refusal) -> String? {
  guard let start = unsafe start else { return nil }
  // A terminated string; not read beyond its end, nor beyond the limit.
  var count = 0
  while count <= limit, unsafe start[count] != 0 { count += 1 }
  guard count <= limit else { throw .invalid }
  let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
  guard let text = unsafe String(validating: bytes, as: UTF8.self) else { throw .invalid }
  return text
}
