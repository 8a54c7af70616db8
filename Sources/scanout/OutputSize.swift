import ArgumentParser

/// What `--output` takes: the size of an output in pixels, as `WIDTHxHEIGHT`.
struct OutputSize: ExpressibleByArgument, Equatable, CustomStringConvertible {
  let width: Int
  let height: Int

  /// What a side may have.
  static let sides = 32...16384
  /// What the only output has when none is asked for.
  static let standard = OutputSize(width: 1280, height: 800)

  private init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  init?(argument: String) {
    let parts = argument.split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count == 2, let width = Self.side(parts[0]), let height = Self.side(parts[1]) else {
      return nil
    }
    self.init(width: width, height: height)
  }

  var description: String { "\(width)x\(height)" }
  var defaultValueDescription: String { description }

  /// Digits alone: `Int` would take a sign.
  private static func side(_ text: Substring) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let side = Int(text), sides.contains(side)
    else { return nil }
    return side
  }
}
