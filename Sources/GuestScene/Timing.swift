/// The timing of a mode that no list has: the wanted size at 60 frames a second with plain margins.
///
/// A paravirtual output has no beam, so that only the order of the numbers and the rate matter.
public struct Timing: Equatable, Sendable {
  /// The pixel clock in kHz.
  public let clock: UInt32
  /// Visible pixels of a line, and where its sync pulse begins, ends, and the line ends.
  public let columns, syncStart, syncEnd, total: UInt16
  /// The same of the frame, in lines.
  public let rows, rowSyncStart, rowSyncEnd, rowTotal: UInt16

  /// The timing for a size.
  ///
  /// - Returns: nil for a side of 0, or one too long to leave room for the margins.
  public init?(width: Int, height: Int) {
    let sides = 1...16384
    guard sides.contains(width), sides.contains(height) else { return nil }
    columns = UInt16(width)
    syncStart = columns + 48
    syncEnd = syncStart + 32
    total = syncEnd + 80
    rows = UInt16(height)
    rowSyncStart = rows + 3
    rowSyncEnd = rowSyncStart + 6
    rowTotal = rowSyncEnd + 15
    clock = UInt32(total) * UInt32(rowTotal) * 60 / 1000
  }
}
