/// An output with its place beside the others.
public struct PlacedOutput: Sendable, Equatable {
  /// What the guest shows there.
  public var shown: OutputDescription
  /// Where the host wants its left edge, in pixels of a plane that all outputs share.
  public var x: Int
  /// Where the host wants its top, likewise.
  public var y: Int

  /// An output at a place.
  public init(shown: OutputDescription, x: Int, y: Int) {
    self.shown = shown
    self.x = x
    self.y = y
  }
}

/// Outputs beside each other, as a desktop arranges them: what a guest shows on all of them together.
public struct DeskLayout: Sendable, Equatable {
  /// An output that is on.
  public struct Screen: Sendable, Equatable {
    /// Its number.
    public let output: Int
    /// Its place, counted from the corner of the smallest rectangle around all.
    public let area: Rectangle
  }

  /// In the order of their numbers; those that are off are missing.
  public let screens: [Screen]
  /// Pixels across; 0 while all are off.
  public let width: Int
  /// Pixels down; likewise.
  public let height: Int

  /// Where the host wants them if that makes sense for the sizes that the guest shows; else, since two would overlap or no
  /// place was ever chosen, from left to right, as desktops do.
  public init(_ outputs: [PlacedOutput]) {
    let shown = outputs.filter(\.shown.isEnabled)
    let left = shown.map(\.x).min() ?? 0, top = shown.map(\.y).min() ?? 0
    var screens: [Screen] = []
    for output in shown {
      screens.append(Screen(output, x: output.x - left, y: output.y - top))
    }
    if Self.hasOverlap(screens) {
      var edge = 0
      screens = []
      for output in shown {
        screens.append(Screen(output, x: edge, y: 0))
        edge += output.shown.width
      }
    }
    self.screens = screens
    width = screens.map { Int($0.area.x) + Int($0.area.width) }.max() ?? 0
    height = screens.map { Int($0.area.y) + Int($0.area.height) }.max() ?? 0
  }

  private static func hasOverlap(_ screens: [Screen]) -> Bool {
    screens.indices.contains { index in
      screens[..<index].contains { screens[index].area.overlaps($0.area) }
    }
  }

  /// Where a pixel of an output is among all; one outside of the output is taken for the one at its edge. nil while the
  /// output is off.
  public func pixel(ofOutput output: Int, x: Int, y: Int) -> (x: Int, y: Int)? {
    guard let area = screens.first(where: { $0.output == output })?.area else { return nil }
    return (
      Int(area.x) + max(0, min(x, Int(area.width) - 1)), Int(area.y) + max(0, min(y, Int(area.height) - 1))
    )
  }
}

extension DeskLayout.Screen {
  fileprivate init(_ output: PlacedOutput, x: Int, y: Int) {
    self.output = output.shown.index
    area = Rectangle(
      x: UInt32(clamping: x), y: UInt32(clamping: y), width: UInt32(clamping: output.shown.width),
      height: UInt32(clamping: output.shown.height))
  }
}

extension Rectangle {
  /// Whether they have a pixel in common.
  public func overlaps(_ other: Rectangle) -> Bool {
    func meet(_ a: UInt32, _ aCount: UInt32, _ b: UInt32, _ bCount: UInt32) -> Bool {
      Int(a) < Int(b) + Int(bCount) && Int(b) < Int(a) + Int(aCount)
    }
    return meet(x, width, other.x, other.width) && meet(y, height, other.y, other.height)
  }
}
