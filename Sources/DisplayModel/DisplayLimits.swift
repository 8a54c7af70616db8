import FrontEndAPI

/// The size that an output prefers, as it stands in display information and in its EDID.
public struct OutputMode: Sendable, Equatable {
  /// What either side may be, in pixels.
  public static let sides = 32...16384

  /// Pixels in a row.
  public let width: Int
  /// Rows.
  public let height: Int

  /// A size; nil if one of the sides is out of `sides`.
  public init?(width: Int, height: Int) {
    guard Self.sides.contains(width), Self.sides.contains(height) else { return nil }
    self.width = width
    self.height = height
  }

  /// The same with each side lowered to what can be shown, which is a mode's at least; nil: anything can.
  package func lowered(to largest: PictureSize?) -> OutputMode {
    guard let largest,
      let mode = OutputMode(width: min(width, largest.width), height: min(height, largest.height))
    else { return self }
    return mode
  }
}

/// What the host wants of an output: how large it is, where it stands among the others, and whether it is there at all.
///
/// A guest learns of it and does as it likes.
public struct OutputPreference: Sendable, Equatable {
  /// The size, as the native resolution of a panel; a guest is told as much of it as can be shown.
  public var mode: OutputMode
  /// Where its left edge is, in pixels, in a plane that all outputs share.
  public var x: UInt32
  /// Where its top is, likewise.
  public var y: UInt32
  /// Whether the user has it switched on: to a guest it is a monitor that is plugged in.
  public var isEnabled: Bool

  /// An output of this size; at the origin and there unless said otherwise.
  public init(mode: OutputMode, x: UInt32 = 0, y: UInt32 = 0, isEnabled: Bool = true) {
    self.mode = mode
    self.x = x
    self.y = y
    self.isEnabled = isEnabled
  }

  /// The same with a size that can be shown; nil: anything can.
  package func lowered(to largest: PictureSize?) -> OutputPreference {
    var lowered = self
    lowered.mode = mode.lowered(to: largest)
    return lowered
  }
}

/// The most that a guest may ask of a display.
public struct DisplayLimits: Sendable, Equatable {
  /// The largest picture that an output shows, and the largest size that one prefers; nil: any. A resource may be larger:
  /// outputs show parts of it.
  public let largestMode: OutputMode?
  /// Pixels on either side of a resource, 1 to 16384 (rows of 64 KiB).
  public let maxDimension: UInt32
  /// Entries of one resource's backing list.
  public let maxBackingEntries: UInt32
  /// Resources that exist at the same time. Each is at least one mapping of the process, of which systems
  /// allow about 65,000.
  public let maxResources: Int
  /// Bytes that a guest can make the device hold: pixels, backing lists, cursor images, finished surfaces.
  public let memory: UInt64

  /// Limits; what exceeds what this package can bear is lowered to that.
  public init(
    maxDimension: UInt32 = 16384, maxBackingEntries: UInt32 = 16384, maxResources: Int = 16384,
    memory: UInt64 = 512 << 20, largestMode: OutputMode? = nil
  ) {
    self.largestMode = largestMode
    self.maxDimension = min(max(maxDimension, 1), 16384)
    self.maxBackingEntries = min(maxBackingEntries, 1 << 20)
    self.maxResources = min(max(maxResources, 0), 32768)
    self.memory = memory
  }
}
