/// How a picture travels over the control socket.
package enum PictureEncoding: String, Sendable, CaseIterable {
  case png
  /// Portable pixmap, P6.
  case ppm
}

/// Where a pointer is to go before it clicks.
package enum PointerTarget: Sendable, Equatable {
  /// A pixel of an output.
  case pixel(scanout: Int, x: Int, y: Int)
  /// A place on the tablet, of 0 to 32767.
  case place(x: Int, y: Int)
  /// Moved by this much, as a mouse.
  case way(x: Int, y: Int)
}

/// The button that a click presses.
package enum PointerButton: String, Sendable, CaseIterable {
  case left, middle, right
  /// The pointer is moved alone.
  case none
}

/// How much of a click is done; the word for it is the request's name.
package enum ClickPart: String, Sendable, CaseIterable {
  case whole = "click"
  /// The button stays down.
  case press
  case release
}

/// What a client of the control socket asks for; one request for each connection.
///
/// On the wire it is one line of at most `maximumLineBytes` bytes:
/// ```
/// scanout-control 1 screenshot SCANOUT cursor|plain png|ppm
/// scanout-control 1 cursor SCANOUT
/// scanout-control 1 keys KEY[-KEY]... ...
/// scanout-control 1 click|press|release pixel SCANOUT X Y BUTTON
/// scanout-control 1 click|press|release place|way X Y BUTTON
/// scanout-control 1 lights
/// scanout-control 1 inspect text|json
/// scanout-control 1 outputs [ACTION]...
/// ```
/// where an ACTION is one of
/// ```
/// set SCANOUT WIDTH HEIGHT [at X Y]
/// add WIDTH HEIGHT [at X Y]
/// remove SCANOUT
/// ```
package enum ControlRequest: Sendable, Equatable {
  /// A picture of an output, with the cursor drawn into it or without.
  case screenshot(scanout: Int, withCursor: Bool, encoding: PictureEncoding)
  /// Position, visibility and image checksum of an output's cursor, as a `CursorReport`.
  case cursor(scanout: Int)
  /// Strokes on the keyboard, one after the other: the numbers of keys that go down in this order and come up in the
  /// opposite one.
  case keys([[UInt16]])
  /// Moves a pointer and clicks, or does a part of it.
  case click(PointerTarget, PointerButton, ClickPart = .whole)
  /// The keyboard's lights, as one byte: bit 0 Num Lock, 1 Caps Lock, 2 Scroll Lock.
  case lights
  /// The state of every device, for people or for programs.
  case inspect(asJSON: Bool)
  /// Changes the outputs, all of it or nothing, and tells of each as an `OutputReport`.
  case outputs([OutputAction])

  /// The longest request line, its line feed included: it holds an action for each of sixteen outputs.
  package static let maximumLineBytes = 1024

  /// The request as its line, with the line feed.
  package var bytes: [UInt8] {
    let words =
      switch self {
      case .screenshot(let scanout, let withCursor, let encoding):
        "screenshot \(scanout) \(withCursor ? "cursor" : "plain") \(encoding.rawValue)"
      case .cursor(let scanout): "cursor \(scanout)"
      case .keys(let strokes): "keys " + strokes.map(Self.word).joined(separator: " ")
      case .click(let target, let button, let part):
        "\(part.rawValue) \(Self.words(target)) \(button.rawValue)"
      case .lights: "lights"
      case .inspect(let asJSON): "inspect \(asJSON ? "json" : "text")"
      case .outputs(let actions): (["outputs"] + actions.map(\.words)).joined(separator: " ")
      }
    return Array("\(ControlLine.name) \(ControlLine.version) \(words)\n".utf8)
  }

  /// Reads a line, given without its line feed.
  ///
  /// - Throws: what the client is answered with.
  package init(line: ArraySlice<UInt8>) throws(ControlFailure) {
    var words = try ControlLine(line)
    switch words.nextWord() {
    case "screenshot":
      let scanout = try Self.scanout(&words)
      let withCursor: Bool
      switch words.nextWord() {
      case "cursor": withCursor = true
      case "plain": withCursor = false
      default: throw ControlFailure(.badRequest, "`cursor` or `plain` must follow the scanout's number")
      }
      guard let word = words.nextWord(), let encoding = PictureEncoding(rawValue: word) else {
        throw ControlFailure(.badRequest, "a screenshot is `png` or `ppm`")
      }
      self = .screenshot(scanout: scanout, withCursor: withCursor, encoding: encoding)
    case "cursor":
      self = .cursor(scanout: try Self.scanout(&words))
    case "keys": self = .keys(try Self.strokes(&words))
    case "lights": self = .lights
    case "inspect":
      switch words.nextWord() {
      case "text": self = .inspect(asJSON: false)
      case "json": self = .inspect(asJSON: true)
      default: throw ControlFailure(.badRequest, "`text` or `json` must follow `inspect`")
      }
    case "outputs": self = .outputs(try OutputAction.all(&words))
    case let name:
      guard let part = name.flatMap(ClickPart.init(rawValue:)) else {
        throw ControlFailure(
          .badRequest,
          "requests are `screenshot`, `cursor`, `keys`, `click`, `press`, `release`, `lights`, `inspect` and `outputs`"
        )
      }
      let target = try Self.target(&words)
      guard let word = words.nextWord(), let button = PointerButton(rawValue: word) else {
        throw ControlFailure(.badRequest, "a click's last word is `left`, `middle`, `right` or `none`")
      }
      self = .click(target, button, part)
    }
    guard words.isAtEnd else { throw ControlFailure(.badRequest, "the line goes on after its last word") }
  }

  private static func scanout(_ words: inout ControlLine) throws(ControlFailure) -> Int {
    guard let number = words.nextNumber() else {
      throw ControlFailure(.badRequest, "the scanout's number, from 0, must follow the request's name")
    }
    return number
  }
}
