import CLibVNCServer

/// Encodings that viewers offer and the library does not know: we speak them ourselves.
enum ViewerExtension: CInt, CaseIterable {
  /// `QEMU Pointer Motion Change`: ways instead of places.
  case pointerWays = -257
  /// `QEMU Extended Key Event`: scan codes beside keysyms.
  case scanCodes = -258
  /// `QEMU LED State`.
  case lights = -261
  /// `ExtendedMouseButtons`: more than eight.
  case moreButtons = -316

  fileprivate var bit: UInt { 1 << UInt(Self.allCases.firstIndex(of: self) ?? 0) }
}

/// Hears from the library which of them a viewer offers.
enum LibraryExtensions {
  /// The library keeps the record for the rest of the process, and a number for each client: a bit for each encoding.
  ///
  /// Sendable: nobody changes it after it was registered.
  @unsafe private struct Registration: @unchecked Sendable {
    let record: UnsafeMutablePointer<rfbProtocolExtension>

    init() {
      let encodings = ViewerExtension.allCases.map(\.rawValue) + [0]
      let list = UnsafeMutablePointer<CInt>.allocate(capacity: encodings.count)
      // As many as were allocated, with the 0 that ends them.
      _ = unsafe UnsafeMutableBufferPointer(start: list, count: encodings.count).initialize(from: encodings)
      unsafe record = .allocate(capacity: 1)
      var record = unsafe rfbProtocolExtension()
      unsafe record.pseudoEncodings = unsafe list
      unsafe record.enablePseudoEncoding = { _, data, encoding in
        guard let offered = ViewerExtension(rawValue: encoding), let data = unsafe data else { return 0 }
        // The client's own number, which the library passes about as a pointer.
        let bits = UInt(bitPattern: unsafe data.pointee) | offered.bit
        unsafe data.pointee = unsafe UnsafeMutableRawPointer(bitPattern: bits)
        return -1
      }
      unsafe self.record.initialize(to: record)
      unsafe rfbRegisterProtocolExtension(self.record)
    }
  }

  private static let registration = unsafe Registration()

  /// Done once, before any viewer is served.
  static func prepare() { _ = unsafe registration.record }

  /// What a client has offered so far.
  static func offered(by client: rfbClientPtr) -> Set<ViewerExtension> {
    // The list is the client's own, which this thread alone uses. There are no other extensions, but who knows.
    var entry = unsafe client.pointee.extensions
    while let data = unsafe entry, unsafe data.pointee.extension != registration.record {
      unsafe entry = unsafe data.pointee.next
    }
    let bits = UInt(bitPattern: unsafe entry?.pointee.data)
    return Set(ViewerExtension.allCases.filter { bits & $0.bit != 0 })
  }
}
