/// How strokes and clicks are spelled.
extension ControlRequest {
  /// The longest line of strokes that are split: far more and a guest would have no room for one request's events.
  package static let maximumStrokesBytes = 128

  /// Splits strokes into requests of short lines; one stroke that is too long for any of them is left as it is.
  package static func keys(splitting strokes: [[UInt16]]) -> [ControlRequest] {
    let empty = ControlRequest.keys([]).bytes.count
    var requests: [ControlRequest] = []
    var part: [[UInt16]] = []
    var count = empty
    for stroke in strokes {
      let added = word(stroke).utf8.count + 1
      if !part.isEmpty, count + added > maximumStrokesBytes {
        requests.append(.keys(part))
        part = []
        count = empty
      }
      part.append(stroke)
      count += added
    }
    return part.isEmpty ? requests : requests + [.keys(part)]
  }

  /// A stroke as one word.
  static func word(_ stroke: [UInt16]) -> String { stroke.map(String.init).joined(separator: "-") }

  static func strokes(_ words: inout ControlLine) throws(ControlFailure) -> [[UInt16]] {
    var strokes: [[UInt16]] = []
    while !words.isAtEnd {
      guard let word = words.nextWord() else { throw badStroke }
      var stroke: [UInt16] = []
      for number in word.split(separator: "-", omittingEmptySubsequences: false) {
        guard number.allSatisfy(\.isNumber), let key = UInt16(number) else { throw badStroke }
        stroke.append(key)
      }
      strokes.append(stroke)
    }
    guard !strokes.isEmpty else { throw badStroke }
    return strokes
  }

  private static var badStroke: ControlFailure {
    ControlFailure(.badRequest, "a stroke is the numbers of its keys with `-` between, as in `29-46`")
  }

  static func words(_ target: PointerTarget) -> String {
    switch target {
    case .pixel(let scanout, let x, let y): "pixel \(scanout) \(x) \(y)"
    case .place(let x, let y): "place \(x) \(y)"
    case .way(let x, let y): "way \(x) \(y)"
    }
  }

  static func target(_ words: inout ControlLine) throws(ControlFailure) -> PointerTarget {
    switch words.nextWord() {
    case "pixel":
      guard let scanout = words.nextNumber(), let x = words.nextNumber(), let y = words.nextNumber() else {
        throw ControlFailure(.badRequest, "three numbers must follow `pixel`: the scanout's, x and y")
      }
      return .pixel(scanout: scanout, x: x, y: y)
    case "place":
      guard let x = words.nextNumber(), let y = words.nextNumber() else { throw badPlace }
      return .place(x: x, y: y)
    case "way":
      guard let x = words.nextSignedNumber(), let y = words.nextSignedNumber() else { throw badPlace }
      return .way(x: x, y: y)
    default:
      throw ControlFailure(.badRequest, "`pixel`, `place` or `way` must follow the request's name")
    }
  }

  private static var badPlace: ControlFailure {
    ControlFailure(.badRequest, "two numbers must follow, x and y")
  }
}
