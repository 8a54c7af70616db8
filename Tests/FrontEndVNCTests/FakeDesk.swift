import FrontEndAPI
import FrontEndVNC
import HostThreads

/// A display of several outputs beside each other, whose guest does at once what viewers wish, unless told otherwise.
final class FakeDesk: Sendable {
  let outputs: [FakeOutput]
  private let state: Lock<State>

  struct Place: Equatable {
    var x, y: Int
  }

  private struct State {
    var places: [Place]
    var wishes: [String] = []
  }

  init(_ places: [Place]) {
    outputs = places.map { _ in FakeOutput() }
    state = Lock(State(places: places))
  }

  /// What viewers wished for, in its order.
  var wishes: [String] { state.withLock { $0.wishes } }

  /// What a server takes; the guest's outputs follow wishes if it obeys.
  func controls(_ input: FakeInput? = nil, canWish: Bool = true, obeys: Bool = true) -> VNCControls {
    var controls = input?.controls ?? VNCControls()
    var desk = VNCDesk {
      let places = self.state.withLock { $0.places }
      return zip(self.outputs, places).enumerated().map { index, pair in
        let (width, height) = pair.0.size
        return PlacedOutput(
          shown: OutputDescription(index: index, width: width, height: height), x: pair.1.x, y: pair.1.y)
      }
    }
    desk.sides = 32...16384
    if canWish {
      desk.setOutputs = { wishes in
        for (index, wish) in wishes.sorted(by: { $0.key < $1.key }) { self.take(wish, of: index, obeys) }
      }
    }
    controls.desk = desk
    return controls
  }

  private func take(_ wish: VNCDesk.Wish?, of index: Int, _ obeys: Bool) {
    let text = wish.map { wish in
      "\(index): \(wish.width)x\(wish.height)" + (wish.place.map { " at \($0.x),\($0.y)" } ?? "")
    }
    let size = (wish?.width ?? 0, wish?.height ?? 0)
    // A guest follows what is new to it. Asked before the wish is in the list, where tests look for it.
    let follows = obeys && outputs[index].size != size
    state.withLock { state in
      state.wishes.append(text ?? "\(index): off")
      if let place = wish?.place { state.places[index] = Place(x: Int(place.x), y: Int(place.y)) }
    }
    if follows { outputs[index].show(width: size.0, height: size.1, pattern(7)) }
  }

  func attach(_ frontEnd: any DisplayFrontEnd) -> any DisplayChannel {
    let parts = outputs.enumerated().map { $1.attach(Part(index: $0, frontEnd: frontEnd)) }
    let channel = Channel(parts, frontEnd.interface)
    frontEnd.attached(to: channel)
    return channel
  }

  /// The front-end as one output sees it.
  private final class Part: DisplayFrontEnd {
    let index: Int
    let frontEnd: any DisplayFrontEnd
    var interface: InterfaceVersion { frontEnd.interface }

    init(index: Int, frontEnd: any DisplayFrontEnd) {
      self.index = index
      self.frontEnd = frontEnd
    }
    func attached(to channel: any DisplayChannel) {}
    func outputChanged(_ output: Int) { frontEnd.outputChanged(index) }
  }

  private final class Channel: DisplayChannel {
    let version: InterfaceVersion
    private let parts: [any DisplayChannel]
    var outputCount: Int { parts.count }

    init(_ parts: [any DisplayChannel], _ version: InterfaceVersion) {
      self.parts = parts
      self.version = version
    }
    func takeChanges(ofOutput index: Int) -> OutputChanges? {
      guard parts.indices.contains(index), var changes = parts[index].takeChanges(ofOutput: 0) else {
        return nil
      }
      changes.output.index = index
      return changes
    }
    func withSurface<Result>(ofOutput index: Int, _ body: (borrowing Surface) -> Result) -> Result? {
      parts.indices.contains(index) ? parts[index].withSurface(ofOutput: 0, body) : nil
    }
    func cursor(ofOutput index: Int) -> CursorState? {
      parts.indices.contains(index) ? parts[index].cursor(ofOutput: 0) : nil
    }
    func detach() { for part in parts { part.detach() } }
  }
}
