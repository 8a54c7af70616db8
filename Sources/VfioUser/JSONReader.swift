/// Reads a client's JSON text: checks all of it, and reports the few members that matter.
///
/// Text and depth are bounded, nothing is allocated, and a member that nobody knows is checked and passed over.
struct JSONReader: ~Escapable {
  /// The longest text, with its NUL.
  static let largestText = 4096
  /// Objects and arrays within each other.
  static let deepest = 16

  /// A member that matters, by its place.
  enum Key: Equatable {
    case capabilities
    case maxMessageDescriptors, maxDataTransferSize, maxDMAMaps, pageSizes, writeMultiple
    case migration, migrationPageSize
    case unknown
  }

  /// A member's value as far as anyone asks.
  enum Value: Equatable {
    case object
    case boolean(Bool)
    /// A whole number from 0.
    case natural(UInt64)
    /// A number with a sign, a fraction, an exponent or too many digits.
    case otherNumber
    case other

    var number: UInt64 {
      get throws(JSONFault) {
        switch self {
        case .natural(let value): return value
        case .otherNumber: throw .outOfRange
        default: throw .wrongType
        }
      }
    }

    var boolean: Bool {
      get throws(JSONFault) {
        guard case .boolean(let value) = self else { throw .wrongType }
        return value
      }
    }
  }

  private let text: RawSpan
  private var at = 0

  @_lifetime(copy text)
  init(_ text: RawSpan) { self.text = text }

  /// Reads the one object that the text is.
  mutating func readDocument(_ found: (Key, Value) throws(JSONFault) -> Void) throws(JSONFault) {
    skipSpace()
    guard peek() == UInt8(ascii: "{") else { throw .malformed }
    _ = try readValue(depth: 0, inside: nil, found)
    skipSpace()
    guard at == text.byteCount else { throw .malformed }
  }

  private typealias Report = (Key, Value) throws(JSONFault) -> Void

  /// Reads a value; `inside` names the object that it is, if its members matter.
  private mutating func readValue(depth: Int, inside: Key?, _ found: Report) throws(JSONFault) -> Value {
    skipSpace()
    switch peek() {
    case UInt8(ascii: "{"):
      try readObject(depth: depth + 1, inside: inside, found)
      return .object
    case UInt8(ascii: "["):
      try readArray(depth: depth + 1, found)
      return .other
    case UInt8(ascii: "\""):
      _ = try readString()
      return .other
    case UInt8(ascii: "t"):
      try expect("true")
      return .boolean(true)
    case UInt8(ascii: "f"):
      try expect("false")
      return .boolean(false)
    case UInt8(ascii: "n"):
      try expect("null")
      return .other
    default:
      return try readNumber()
    }
  }

  private mutating func readObject(depth: Int, inside: Key?, _ found: Report) throws(JSONFault) {
    guard depth <= Self.deepest else { throw .tooDeep }
    at += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return }
    repeat {
      skipSpace()
      let name = try readString()
      let key = depth == 1 ? self.key(name, in: nil) : inside.map { self.key(name, in: $0) } ?? .unknown
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw .malformed }
      let value = try readValue(depth: depth, inside: key, found)
      if key != .unknown { try found(key, value) }
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw .malformed }
  }

  private mutating func readArray(depth: Int, _ found: Report) throws(JSONFault) {
    guard depth <= Self.deepest else { throw .tooDeep }
    at += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return }
    repeat {
      _ = try readValue(depth: depth, inside: .unknown, found)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw .malformed }
  }

  /// Reads a string and returns where its bytes are. A name with an escape in it is none that we know.
  private mutating func readString() throws(JSONFault) -> Range<Int> {
    guard take(UInt8(ascii: "\"")) else { throw .malformed }
    let start = at
    while let byte = peek() {
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return start..<at - 1
      case UInt8(ascii: "\\"): try readEscape()
      case 0..<0x20: throw .malformed
      default: break
      }
    }
    throw .malformed
  }

  private mutating func readEscape() throws(JSONFault) {
    guard let byte = peek() else { throw .malformed }
    at += 1
    switch byte {
    case UInt8(ascii: "u"):
      for _ in 0..<4 {
        guard let digit = peek(), Self.isHexDigit(digit) else { throw .malformed }
        at += 1
      }
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      break
    default: throw .malformed
    }
  }

  private mutating func readNumber() throws(JSONFault) -> Value {
    let isNegative = take(UInt8(ascii: "-"))
    let start = at
    var value: UInt64? = 0
    while let digit = peek(), Self.isDigit(digit) {
      at += 1
      guard let old = value else { continue }
      let (tens, first) = old.multipliedReportingOverflow(by: 10)
      let (sum, second) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      value = first || second ? nil : sum
    }
    // At least one digit, and none behind a leading zero.
    guard at > start, at == start + 1 || text.load8(at: start) != UInt8(ascii: "0") else { throw .malformed }
    var isWhole = true
    if take(UInt8(ascii: ".")) {
      isWhole = false
      try skipDigits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isWhole = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try skipDigits()
    }
    guard isWhole, !isNegative, let value else { return .otherNumber }
    return .natural(value)
  }

  private mutating func skipDigits() throws(JSONFault) {
    let start = at
    while let digit = peek(), Self.isDigit(digit) { at += 1 }
    guard at > start else { throw .malformed }
  }

  private mutating func skipSpace() {
    while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { at += 1 }
  }

  private mutating func expect(_ word: StaticString) throws(JSONFault) {
    let range = at..<at + word.utf8CodeUnitCount
    guard range.upperBound <= text.byteCount, isEqual(range, word) else { throw .malformed }
    at = range.upperBound
  }

  private func peek() -> UInt8? { at < text.byteCount ? text.load8(at: at) : nil }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    at += 1
    return true
  }

  private func isEqual(_ range: Range<Int>, _ word: StaticString) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    for index in 0..<range.count {
      // A literal of this file, and the index is below its count.
      guard unsafe text.load8(at: range.lowerBound + index) == word.utf8Start[index] else { return false }
    }
    return true
  }

  /// The member that a name is in an object; nil is the document itself.
  private func key(_ name: Range<Int>, in object: Key?) -> Key {
    switch object {
    case nil: return isEqual(name, "capabilities") ? .capabilities : .unknown
    case .capabilities:
      if isEqual(name, "max_msg_fds") { return .maxMessageDescriptors }
      if isEqual(name, "max_data_xfer_size") { return .maxDataTransferSize }
      if isEqual(name, "max_dma_maps") { return .maxDMAMaps }
      if isEqual(name, "pgsizes") { return .pageSizes }
      if isEqual(name, "write_multiple") { return .writeMultiple }
      return isEqual(name, "migration") ? .migration : .unknown
    case .migration: return isEqual(name, "pgsize") ? .migrationPageSize : .unknown
    default: return .unknown
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "f")
  }
}
