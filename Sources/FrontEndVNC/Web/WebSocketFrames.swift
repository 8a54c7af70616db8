/// The frames of a web socket on the way from the browser (RFC 6455 §5): what they carry, and what they ask for.
///
/// It keeps a frame's header and a control frame's few bytes at most, never a message.
struct WebSocketReader {
  /// The longest frame that carries data. The longest message of a viewer's is a clipboard of 1 MiB.
  static let maximumDataBytes: UInt64 = 4 << 20

  /// Why no more frames are taken (§7.4.1).
  enum Ending: UInt16 {
    case normal = 1000
    case goingAway = 1001
    case protocolError = 1002
    case unsupportedData = 1003
    case tooLong = 1009
  }

  private enum Opcode: UInt8 {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  /// A frame whose payload is on its way.
  private struct Frame {
    let opcode: Opcode
    let mask: [UInt8]
    var left: UInt64
    var maskIndex = 0
    /// A control frame's.
    var payload: [UInt8] = []
  }

  /// Bytes of a header that is not whole yet.
  private var header: [UInt8] = []
  private var frame: Frame?
  /// Between the first frame of a message and its last.
  private var isInMessage = false
  /// Set once nothing more is taken; what to tell the browser.
  private(set) var ending: Ending?

  /// Takes what has come.
  ///
  /// - Parameters:
  ///   - data: what the viewer's code gets is added to it; never more bytes than came.
  ///   - replies: frames for the browser are added to it; never more bytes than came.
  mutating func take(_ bytes: ArraySlice<UInt8>, data: inout [UInt8], replies: inout [UInt8]) {
    var rest = bytes
    while ending == nil {
      if frame == nil {
        guard let byte = rest.popFirst() else { return }
        header.append(byte)
        readHeader()
      }
      // A frame without payload is over at once.
      if frame != nil, !takePayload(&rest, &data, &replies) { return }
    }
  }

  /// Looks whether the header is whole, and begins the frame or ends it all.
  private mutating func readHeader() {
    guard header.count >= 2 else { return }
    let length = header[1] & 0x7f
    let lengthBytes = length == 126 ? 2 : length == 127 ? 8 : 0
    guard header.count == 2 + lengthBytes + 4 else {
      // What its first bytes say is judged at once, not when the last one comes.
      if header.count == 2 { ending = fault(header[0], header[1]) }
      return
    }
    let count = header[2..<2 + lengthBytes].reduce(UInt64(length > 125 ? 0 : length)) { $0 << 8 | UInt64($1) }
    // §5.2: in the fewest bytes.
    let least: UInt64 = length == 126 ? 126 : length == 127 ? 0x1_0000 : 0
    guard count >= least, let opcode = Opcode(rawValue: header[0] & 15) else {
      return ending = .protocolError
    }
    guard count <= Self.maximumDataBytes else { return ending = .tooLong }
    if opcode.rawValue < 8 { isInMessage = header[0] & 0x80 == 0 }
    frame = Frame(opcode: opcode, mask: Array(header.suffix(4)), left: count)
    header.removeAll()
  }

  /// What is wrong with a frame that begins so.
  private func fault(_ first: UInt8, _ second: UInt8) -> Ending? {
    let isFinal = first & 0x80 != 0
    // No extension was agreed on (§5.2), and a browser masks everything (§5.1).
    guard first & 0x70 == 0, second & 0x80 != 0, let opcode = Opcode(rawValue: first & 15) else {
      return .protocolError
    }
    switch opcode {
    case .text: return .unsupportedData
    case .binary: return isInMessage ? .protocolError : nil
    case .continuation: return isInMessage ? nil : .protocolError
    // §5.5: in one piece, and short.
    case .close, .ping, .pong: return isFinal && second & 0x7f <= 125 ? nil : .protocolError
    }
  }

  /// Takes what is there of the payload; false when the frame needs more.
  private mutating func takePayload(
    _ rest: inout ArraySlice<UInt8>, _ data: inout [UInt8], _ replies: inout [UInt8]
  ) -> Bool {
    guard var frame else { return true }
    let piece = rest.prefix(Int(min(frame.left, UInt64(rest.count))))
    rest = rest.dropFirst(piece.count)
    let isData = frame.opcode.rawValue < 8
    for byte in piece {
      let plain = byte ^ frame.mask[frame.maskIndex]
      frame.maskIndex = (frame.maskIndex + 1) % 4
      if isData { data.append(plain) } else { frame.payload.append(plain) }
    }
    frame.left -= UInt64(piece.count)
    guard frame.left == 0 else {
      self.frame = frame
      return false
    }
    self.frame = nil
    switch frame.opcode {
    case .ping: replies += WebSocketFrame.header(0x8a, frame.payload.count) + frame.payload
    // A number of two bytes, or nothing.
    case .close: ending = frame.payload.count == 1 ? .protocolError : .normal
    case .pong, .continuation, .binary, .text: break
    }
    return true
  }
}

/// The frames of a web socket on the way to the browser, which are not masked.
enum WebSocketFrame {
  /// The longest header.
  static let maximumHeaderBytes = 10

  /// A header: the first byte, and the length in the fewest bytes.
  static func header(_ first: UInt8, _ count: Int) -> [UInt8] {
    let length = UInt64(count)
    let bytes = { (size: UInt64) in (1...size).map { UInt8(truncatingIfNeeded: length >> (8 * (size - $0))) }
    }
    if count < 126 { return [first, UInt8(count)] }
    return count < 0x1_0000 ? [first, 126] + bytes(2) : [first, 127] + bytes(8)
  }

  /// A whole message of data.
  static func binary(_ bytes: ArraySlice<UInt8>) -> [UInt8] { header(0x82, bytes.count) + bytes }

  /// The last frame.
  static func close(_ ending: WebSocketReader.Ending) -> [UInt8] {
    [0x88, 2, UInt8(ending.rawValue >> 8), UInt8(ending.rawValue & 0xff)]
  }
}
