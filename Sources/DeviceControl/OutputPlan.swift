import ControlSocket
import DisplayModel
import FrontEndPNG

/// What the host wants of each output while that is being changed: a copy, so that a wrong change leaves all as it was.
package struct OutputPlan {
  package private(set) var outputs: [OutputPreference]
  private let before: [OutputPreference]
  /// The numbers of those that were added.
  package private(set) var added: Set<Int> = []

  /// How far from the origin an edge may be: guests count in 32 bits with a sign.
  package static let reach = Int(Int32.max)

  /// Begins with what is wanted now.
  package init(_ outputs: [OutputPreference]) { (self.outputs, before) = (outputs, outputs) }

  /// What is another now, by its number.
  package var changes: [Int: OutputPreference] {
    Dictionary(uniqueKeysWithValues: outputs.enumerated().filter { before[$0] != $1 }.map { ($0, $1) })
  }

  /// The outputs of a device that starts: these, in their order, and more that are off.
  ///
  /// - Parameter off: the size of an output that is off.
  package init(
    _ sizes: [(mode: OutputMode, position: OutputPosition?)], count: Int, off: OutputMode
  ) throws(ControlFailure) {
    let preference = OutputPreference(mode: off, isEnabled: false)
    self.init(Array(repeating: preference, count: max(count, sizes.count)))
    for (index, size) in sizes.enumerated() { try turnOn(index, size.mode, at: size.position) }
  }

  /// Makes one change.
  package mutating func apply(_ action: OutputAction) throws(ControlFailure) {
    switch action {
    case .set(let index, let width, let height, let position):
      try turnOn(try known(index), try Self.mode(width, height), at: position)
    case .add(let width, let height, let position):
      guard let index = outputs.firstIndex(where: { !$0.isEnabled }) else {
        throw ControlFailure(
          .allOn, "all scanouts are on: turn one off, or start the server with a larger --max-outputs")
      }
      try turnOn(index, try Self.mode(width, height), at: position)
      added.insert(index)
    case .remove(let index):
      outputs[try known(index)].isEnabled = false
      added.remove(index)
    }
  }

  private func known(_ index: Int) throws(ControlFailure) -> Int {
    guard outputs.indices.contains(index) else {
      let error = PictureError.noSuchOutput(index: index, count: outputs.count)
      throw ControlFailure(.noSuchScanout, error.description)
    }
    return index
  }

  private static func mode(_ width: Int, _ height: Int) throws(ControlFailure) -> OutputMode {
    guard let mode = OutputMode(width: width, height: height) else {
      throw ControlFailure(
        .badRequest,
        "an output of \(width)x\(height) is none: each side has \(OutputMode.sides.lowerBound) to "
          + "\(OutputMode.sides.upperBound) pixels")
    }
    return mode
  }

  private mutating func turnOn(
    _ index: Int, _ mode: OutputMode, at position: OutputPosition?
  ) throws(ControlFailure) {
    let place: OutputPosition
    if let position {
      place = position
    } else if outputs[index].isEnabled {
      place = OutputPosition(x: Int(outputs[index].x), y: Int(outputs[index].y))
    } else {
      place = rightOfAll
    }
    guard 0...Self.reach - mode.width ~= place.x, 0...Self.reach - mode.height ~= place.y else {
      throw ControlFailure(
        .badRequest,
        "scanout \(index) at \(place.x), \(place.y) is too far off: its edges are at most \(Self.reach)")
    }
    outputs[index] = OutputPreference(mode: mode, x: UInt32(place.x), y: UInt32(place.y))
  }

  /// Beside the output that reaches farthest to the right.
  private var rightOfAll: OutputPosition {
    outputs.filter(\.isEnabled).map { OutputPosition(x: Int($0.x) + $0.mode.width, y: Int($0.y)) }
      .max { $0.x < $1.x } ?? OutputPosition(x: 0, y: 0)
  }
}
