/// A change to the outputs that a device offers its guest.
package enum OutputAction: Sendable, Equatable {
  /// Gives an output a size and turns it on. Without a position one that is on stays where it is, and one that was
  /// off comes right of the others.
  case set(scanout: Int, width: Int, height: Int, at: OutputPosition?)
  /// Turns the first output on that is off; right of the others without a position.
  case add(width: Int, height: Int, at: OutputPosition?)
  /// Turns an output off.
  case remove(scanout: Int)
}

/// Where an output's upper left corner is, in pixels, in the plane that all outputs share.
package struct OutputPosition: Sendable, Equatable {
  package let x: Int
  package let y: Int

  package init(x: Int, y: Int) {
    self.x = x
    self.y = y
  }
}

/// How the actions are spelled.
extension OutputAction {
  /// The action as words.
  var words: String {
    switch self {
    case .set(let scanout, let width, let height, let position):
      "set \(scanout) \(width) \(height)\(Self.words(position))"
    case .add(let width, let height, let position): "add \(width) \(height)\(Self.words(position))"
    case .remove(let scanout): "remove \(scanout)"
    }
  }

  private static func words(_ position: OutputPosition?) -> String {
    position.map { " at \($0.x) \($0.y)" } ?? ""
  }

  /// Reads actions up to the line's end.
  static func all(_ words: inout ControlLine) throws(ControlFailure) -> [OutputAction] {
    var actions: [OutputAction] = []
    while !words.isAtEnd { actions.append(try next(&words)) }
    return actions
  }

  private static func next(_ words: inout ControlLine) throws(ControlFailure) -> OutputAction {
    switch words.nextWord() {
    case "set":
      guard let scanout = words.nextNumber(), let width = words.nextNumber(), let height = words.nextNumber()
      else {
        throw ControlFailure(.badRequest, "three numbers must follow `set`: the scanout's, width and height")
      }
      return .set(scanout: scanout, width: width, height: height, at: try position(&words))
    case "add":
      guard let width = words.nextNumber(), let height = words.nextNumber() else {
        throw ControlFailure(.badRequest, "two numbers must follow `add`: width and height")
      }
      return .add(width: width, height: height, at: try position(&words))
    case "remove":
      guard let scanout = words.nextNumber() else {
        throw ControlFailure(.badRequest, "the scanout's number must follow `remove`")
      }
      return .remove(scanout: scanout)
    default:
      throw ControlFailure(.badRequest, "what can be done to outputs is `set`, `add` and `remove`")
    }
  }

  private static func position(_ words: inout ControlLine) throws(ControlFailure) -> OutputPosition? {
    guard words.skip("at") else { return nil }
    guard let x = words.nextNumber(), let y = words.nextNumber() else {
      throw ControlFailure(.badRequest, "two numbers must follow `at`, x and y")
    }
    return OutputPosition(x: x, y: y)
  }
}
