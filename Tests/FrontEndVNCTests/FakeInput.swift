import FrontEndAPI
import FrontEndVNC
import Glibc
import HostThreads

/// A keyboard and a pointer that write down what viewers do with them.
final class FakeInput: Sendable {
  private struct State {
    var log: [String] = []
    var attached = 0
    var lights = KeyboardLights()
    var hearers: [any KeyboardFrontEnd] = []
  }

  private let state = Lock(State())
  let kind: PointerKind

  init(_ kind: PointerKind = .absolute) { self.kind = kind }

  /// What a server takes.
  var controls: VNCControls {
    var controls = VNCControls()
    controls.keyboard = { frontEnd in
      self.state.withLock { $0.hearers.append(frontEnd) }
      return Channel(self, frontEnd.interface)
    }
    controls.pointer = { Channel(self, $0.interface) }
    return controls
  }

  /// Channels that nobody has detached.
  var attached: Int { state.withLock { $0.attached } }
  var log: [String] { state.withLock { $0.log } }

  /// The guest sets its lights.
  func setLights(_ lights: KeyboardLights) {
    let hearers = state.withLock { state in
      state.lights = lights
      return state.hearers
    }
    for hearer in hearers { hearer.lightsChanged(lights) }
  }

  /// The log once it has as many lines, which are then forgotten; what there is after a minute.
  func take(_ count: Int) -> [String] {
    let start = ContinuousClock.now
    while state.withLock({ $0.log.count }) < count, ContinuousClock.now - start < .seconds(60) {
      usleep(1000)
    }
    return state.withLock { state in
      defer { state.log = [] }
      return state.log
    }
  }

  private func add(_ line: String) -> Bool {
    state.withLock { $0.log.append(line) }
    return true
  }

  private final class Channel: KeyboardChannel, PointerChannel {
    let version: InterfaceVersion
    private let input: FakeInput

    init(_ input: FakeInput, _ version: InterfaceVersion) {
      self.input = input
      self.version = version
      input.state.withLock { $0.attached += 1 }
    }

    var lights: KeyboardLights { input.state.withLock { $0.lights } }
    var kind: PointerKind { input.kind }
    func key(_ key: KeyCode, isPressed: Bool) -> Bool {
      input.add((isPressed ? "" : "-") + (key.name ?? "?"))
    }
    func move(toX x: Int, y: Int) -> Bool { input.add("to \(x),\(y)") }
    func move(byX x: Int, y: Int) -> Bool { input.add("by \(x),\(y)") }
    func button(_ button: MouseButton, isPressed: Bool) -> Bool {
      input.add((isPressed ? "" : "-") + "\(button)")
    }
    func scroll(vertical: Int, horizontal: Int) -> Bool { input.add("scroll \(vertical),\(horizontal)") }
    func touch(_ contact: Int, x: Int, y: Int) -> Bool { input.add("touch \(contact) \(x),\(y)") }
    func lift(_ contact: Int) -> Bool { input.add("lift \(contact)") }
    func detach() { input.state.withLock { $0.attached -= 1 } }
  }
}
