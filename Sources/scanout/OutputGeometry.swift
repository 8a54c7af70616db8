import ArgumentParser
import ControlSocket
import DeviceControl
import DisplayModel

/// The size of an output in pixels, as `WIDTHxHEIGHT`, and where it is among the others, as `+X+Y` behind that.
struct OutputGeometry: ExpressibleByArgument, Equatable, CustomStringConvertible {
  let mode: OutputMode
  /// nil when it is for others to say.
  let position: OutputPosition?

  /// What the only output has when none is asked for.
  static let standard: OutputGeometry = {
    guard let geometry = OutputGeometry(argument: "1280x800") else {
      preconditionFailure("the standard size is one that the device takes")
    }
    return geometry
  }()

  /// How one is spelled, for help.
  static let form =
    "such as 1920x1080 or 1920x1080+1280+0, each side \(OutputMode.sides.lowerBound) to "
    + "\(OutputMode.sides.upperBound)"

  init?(argument: String) {
    let parts = argument.split(separator: "+", omittingEmptySubsequences: false)
    let sides = parts[0].split(separator: "x", omittingEmptySubsequences: false)
    guard sides.count == 2, let width = Self.number(sides[0], digits: 5),
      let height = Self.number(sides[1], digits: 5), let mode = OutputMode(width: width, height: height)
    else { return nil }
    self.mode = mode
    switch parts.count {
    case 1: position = nil
    case 3:
      guard let x = Self.number(parts[1], digits: 10), let y = Self.number(parts[2], digits: 10) else {
        return nil
      }
      position = OutputPosition(x: x, y: y)
    default: return nil
    }
  }

  var description: String {
    "\(mode.width)x\(mode.height)" + (position.map { "+\($0.x)+\($0.y)" } ?? "")
  }

  /// Digits alone: `Int` would take a sign.
  static func number(_ text: Substring, digits: Int) -> Int? {
    guard (1...digits).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(text)
  }
}

extension OutputPlan {
  /// The outputs of a device that starts: these, in their order, and more that are off.
  init(_ geometries: [OutputGeometry], count: Int) throws(ControlFailure) {
    try self.init(
      geometries.map { ($0.mode, $0.position) }, count: count, off: OutputGeometry.standard.mode)
  }
}
