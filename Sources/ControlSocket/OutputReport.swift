/// What `outputs` tells of one output.
package struct OutputReport: Sendable, Equatable {
  /// Whether a guest finds a monitor there.
  package var isEnabled: Bool
  /// Whether the request that this answers has added it.
  package var isAdded: Bool
  /// The size that it prefers; while it is off, the one it had last.
  package var width: UInt32
  package var height: UInt32
  /// Where it is among the others, likewise.
  package var x: UInt32
  package var y: UInt32
  /// The size of what the guest shows there at the moment; both 0 when it shows nothing.
  package var shownWidth: UInt32
  package var shownHeight: UInt32

  package init(
    isEnabled: Bool, isAdded: Bool = false, width: UInt32, height: UInt32, x: UInt32, y: UInt32,
    shownWidth: UInt32 = 0, shownHeight: UInt32 = 0
  ) {
    (self.isEnabled, self.isAdded) = (isEnabled, isAdded)
    (self.width, self.height, self.x, self.y) = (width, height, x, y)
    (self.shownWidth, self.shownHeight) = (shownWidth, shownHeight)
  }

  /// How long each is on the wire.
  private static let byteCount = 28

  /// How it travels: seven fields of four bytes each, least significant first.
  package var bytes: [UInt8] {
    [(isEnabled ? 1 : 0) | (isAdded ? 2 : 0), width, height, x, y, shownWidth, shownHeight]
      .flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32($0 * 8)) } }
  }

  /// Reads one of `byteCount` bytes; nil when it is none.
  private init?(_ bytes: ArraySlice<UInt8>) {
    let words = stride(from: bytes.startIndex, to: bytes.endIndex, by: 4).map { at in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32($1 * 8) }
    }
    guard words[0] <= 3 else { return nil }
    self.init(
      isEnabled: words[0] & 1 != 0, isAdded: words[0] & 2 != 0, width: words[1], height: words[2],
      x: words[3], y: words[4], shownWidth: words[5], shownHeight: words[6])
  }

  /// Reads what travelled of all outputs; nil when it is not exactly that of 1 to 16.
  package static func all(bytes: [UInt8]) -> [OutputReport]? {
    let count = bytes.count / byteCount
    guard 1...16 ~= count, bytes.count == count * byteCount else { return nil }
    let reports = (0..<count).compactMap { OutputReport(bytes[$0 * byteCount..<($0 + 1) * byteCount]) }
    return reports.count == count ? reports : nil
  }

  /// One JSON object on one line.
  package func json(index: Int) -> String {
    let shown = shownWidth > 0 ? "{\"w\": \(shownWidth), \"h\": \(shownHeight)}" : "null"
    return "{\"scanout\": \(index), \"enabled\": \(isEnabled), \"added\": \(isAdded), \"w\": \(width), "
      + "\"h\": \(height), \"x\": \(x), \"y\": \(y), \"shown\": \(shown)}"
  }

  /// For people.
  package func text(index: Int) -> String {
    let shown = shownWidth > 0 ? "\(shownWidth)x\(shownHeight)" : "nothing"
    return "\(index): \(isEnabled ? "\(width)x\(height)+\(x)+\(y)" : "off"), the guest shows \(shown)"
  }
}
