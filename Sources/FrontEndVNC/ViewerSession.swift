import FrontEndAPI

/// What a trusted viewer and the server say to each other. Used by the viewer's thread alone.
struct ViewerSession: ~Copyable {
  private let socket: ViewerSocket
  private let setup: VNCServer.Setup
  private var screen: ViewerScreen
  private var input: ViewerInput
  /// Encodings of ours that the viewer has offered and was told of.
  private var extensions: Set<ViewerExtension> = []
  /// What it was told of the guest's lights.
  private var toldLights: KeyboardLights?
  /// For whom wishes are made.
  private let viewer: ObjectIdentifier
  private let outputCount: Int
  /// What is to be passed on, and when: viewers whose window is being resized send many.
  private var wish: (outputs: [Int: Rectangle], wish: DesktopWish, due: Int64)?

  /// nil without memory or descriptors.
  ///
  /// - Parameters:
  ///   - input: detached by the caller.
  ///   - viewer: whose wishes are its own.
  init?(
    _ socket: ViewerSocket, _ channel: any DisplayChannel, _ input: ViewerInput, _ setup: VNCServer.Setup,
    for viewer: ObjectIdentifier
  ) {
    guard let screen = ViewerScreen(socket, channel, setup, for: viewer) else { return nil }
    self.viewer = viewer
    outputCount = channel.outputCount
    self.socket = socket
    self.setup = setup
    self.screen = screen
    self.input = input
  }

  /// False once the viewer has gone or was thrown out.
  var isOpen: Bool { screen.isOpen }
  /// Whether its ClientInit message has come.
  var isInitialised: Bool { screen.isInitialised }

  /// Messages that viewers send, by their first byte. Others of the library's change files, scale, or chat.
  private enum Message {
    static let setPixelFormat: UInt8 = 0
    static let setEncodings: UInt8 = 2
    static let updateRequest: UInt8 = 3
    static let key: UInt8 = 4
    static let pointer: UInt8 = 5
    static let clipboard: UInt8 = 6
    static let setDesktopSize: UInt8 = 251
    static let scanCode: UInt8 = 255
  }

  /// Takes one message; false when the viewer has gone or has to.
  mutating func takeMessage() -> Bool {
    guard screen.isInitialised else {
      screen.processMessage()
      return true
    }
    switch socket.peek() {
    case nil: return false
    case Message.key: return takeKey()
    case Message.scanCode where extensions.contains(.scanCodes): return takeScanCode()
    case Message.pointer: return takePointer()
    case Message.clipboard: return skipClipboard()
    case Message.setDesktopSize: return takeWish()
    case Message.setPixelFormat, Message.updateRequest:
      screen.processMessage()
      return true
    case Message.setEncodings:
      screen.processMessage()
      return announceExtensions()
    case let type?:
      setup.report(VNCReport(weight: .detail, text: "a viewer sent a message of type \(type): disconnected"))
      return false
    }
  }

  /// Brings the viewer up to date; false when it cannot go on.
  mutating func update() -> Bool { tellLights() && screen.update() }

  // MARK: Input

  /// A key by its keysym (RFC 6143 §7.5.4).
  private mutating func takeKey() -> Bool {
    guard let message = read(8) else { return false }
    input.key(Keysym(rawValue: Self.number(message[4..<8])), isPressed: message[1] != 0)
    return true
  }

  /// A key by its place: the one submessage of this type that there is here.
  private mutating func takeScanCode() -> Bool {
    guard let message = read(12), message[1] == 0 else { return false }
    input.key(
      ScanCode(rawValue: Self.number(message[8..<12])), Keysym(rawValue: Self.number(message[4..<8])),
      isPressed: Self.number(message[2..<4]) != 0)
    return true
  }

  /// Place and buttons (RFC 6143 §7.5.5).
  private mutating func takePointer() -> Bool {
    guard let message = read(6) else { return false }
    var mask = UInt16(message[1])
    // With more buttons the highest bit says that another byte of them follows.
    if extensions.contains(.moreButtons), mask & 0x80 != 0 {
      guard let more = read(1) else { return false }
      mask = mask & 0x7f | UInt16(more[0]) << 7
    }
    let x = Int(Self.number(message[2..<4])), y = Int(Self.number(message[4..<6]))
    input.point(mask: mask, x: x, y: y, place: screen.place(x: x, y: y))
    return true
  }

  /// Clipboards go nowhere: read and forgotten, up to a limit. A negative length announces the extended form (§7.5.6
  /// knows only the plain one).
  private func skipClipboard() -> Bool {
    guard let head = read(8) else { return false }
    let count = Int(Int32(bitPattern: Self.number(head[4..<8]))).magnitude
    guard count <= UInt(setup.limits.clipboardBytes) else { return false }
    return socket.skip(Int(count), by: deadline)
  }

  // MARK: Wishes

  /// When `passDueWish` is to be called; nil while there is nothing to pass on.
  var due: Int64? { wish?.due }

  /// A wish for other screens: answered at once, passed on as soon as that may be. The last one counts.
  private mutating func takeWish() -> Bool {
    guard let head = read(8), let list = read(Int(head[6]) * 16) else { return false }
    let screens = stride(from: 0, to: list.count, by: 16).map { start in
      let fields = stride(from: start + 4, to: start + 12, by: 2).map { Self.number(list[$0..<$0 + 2]) }
      return DesktopWish.Screen(
        id: Self.number(list[start..<start + 4]),
        area: Rectangle(x: fields[0], y: fields[1], width: fields[2], height: fields[3]))
    }
    let wish = DesktopWish(
      width: Int(Self.number(head[2..<4])), height: Int(Self.number(head[4..<6])), screens: screens)
    return answer(consider(wish))
  }

  private mutating func consider(_ wish: DesktopWish) -> DesktopWish.Answer {
    guard let desk = setup.controls.desk, desk.setOutputs != nil else { return .prohibited }
    switch wish.outputs(showing: setup.output, count: outputCount, sides: desk.sides) {
    case .failure(let refusal): return refusal.answer
    case .success(let outputs):
      let isSo =
        self.wish == nil && screen.size == (wish.width, wish.height) && screen.screens == wish.screens
      // Passed on even so: the guest may be about to follow an earlier wish.
      self.wish = (outputs, wish, self.wish?.due ?? setup.wishes.reserve())
      return isSo ? .done : .forwarded
    }
  }

  /// An `ExtendedDesktopSize` with the screens as they are; nothing for a viewer that does not know it.
  private func answer(_ answer: DesktopWish.Answer) -> Bool {
    guard screen.knowsScreens else { return true }
    let screens = screen.screens
    var bytes: [UInt8] = [0, 0, 0, 1, 0, 1, 0, answer.rawValue]
    for side in [screen.size.0, screen.size.1] { bytes += Self.bytes(UInt32(clamping: side), 2) }
    bytes += Self.bytes(UInt32(bitPattern: -308), 4) + [UInt8(screens.count), 0, 0, 0]
    for screen in screens {
      bytes += Self.bytes(screen.id, 4)
      for field in [screen.area.x, screen.area.y, screen.area.width, screen.area.height] {
        bytes += Self.bytes(field, 2)
      }
      bytes += [0, 0, 0, 0]
    }
    return socket.write(bytes, by: deadline)
  }

  /// Passes the viewer's wish on to the guest when its time has come; the guest does with it as it likes.
  mutating func passDueWish() {
    guard let (outputs, wish, due) = wish, Clock.now() >= due, let set = setup.controls.desk?.setOutputs
    else { return }
    self.wish = nil
    setup.wishes.pass(wish, of: viewer)
    var wishes: [Int: VNCDesk.Wish?] = [:]
    for index in setup.output.map({ [$0] }) ?? Array(0..<outputCount) {
      let wish = outputs[index].map { area in
        VNCDesk.Wish(
          width: Int(area.width), height: Int(area.height),
          place: setup.output == nil ? VNCDesk.Wish.Place(x: area.x, y: area.y) : nil)
      }
      wishes.updateValue(wish, forKey: index)
    }
    set(wishes)
  }

  // MARK: Extensions

  /// Tells the viewer which of the encodings that it has offered are spoken here.
  private mutating func announceExtensions() -> Bool {
    for offered in screen.offeredExtensions where !extensions.contains(offered) {
      let isSpoken =
        switch offered {
        case .scanCodes, .lights: input.hasKeyboard
        case .moreButtons: input.pointerKind != nil
        case .pointerWays: input.pointerKind == .relative
        }
      guard isSpoken else { continue }
      extensions.insert(offered)
      if offered == .lights { continue }  // told with their state
      // An empty rectangle; its x of 0 asks for ways.
      guard send(offered) else { return false }
      if offered == .pointerWays { input.takeWays() }
    }
    return true
  }

  /// Tells a viewer that takes them of the guest's lights when they have changed.
  private mutating func tellLights() -> Bool {
    guard extensions.contains(.lights), input.lights != toldLights else { return true }
    let lights = input.lights
    toldLights = lights
    // The protocol's order: Scroll Lock, Num Lock, Caps Lock.
    let bits = [KeyboardLights.scrollLock, .numLock, .capsLock].enumerated()
      .reduce(UInt8(0)) { $0 | (lights.contains($1.element) ? 1 << UInt8($1.offset) : 0) }
    return send(.lights, [bits])
  }

  /// Sends an update of one rectangle without pixels. The library has sent all of its own before it returns.
  private func send(_ encoding: ViewerExtension, _ content: [UInt8] = []) -> Bool {
    let number = Self.bytes(UInt32(bitPattern: encoding.rawValue), 4)
    return socket.write([0, 0, 0, 1] + [UInt8](repeating: 0, count: 8) + number + content, by: deadline)
  }

  // MARK: Bytes

  private var deadline: Int64 { Clock.now() + setup.limits.messageMilliseconds }

  private func read(_ count: Int) -> [UInt8]? { socket.read(count, by: deadline) }

  /// The lowest bytes of a number, the highest first.
  private static func bytes(_ number: UInt32, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: number >> UInt32($0 * 8)) }
  }

  /// A number of up to four bytes, the highest first.
  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.reduce(0) { $0 << 8 | UInt32($1) }
  }
}
