import FrontEndAPI
import Glibc
import GuestRAM
import HostThreads
import Testing

@testable import DisplayModel

/// A front-end that counts, and does what a test asks of it when it is told.
final class CountingFrontEnd: DisplayFrontEnd {
  let interface: InterfaceVersion
  fileprivate let state = Lock<State>(State())

  struct State {
    var channel: (any DisplayChannel)?
    var told: [Int] = []
    var onAttach: (@Sendable (any DisplayChannel) -> Void)?
    var onChange: (@Sendable (any DisplayChannel, Int) -> Void)?
  }

  init(
    type: String = DisplayInterface.type, major: UInt32 = DisplayInterface.major, minor: UInt32 = 0,
    onAttach: (@Sendable (any DisplayChannel) -> Void)? = nil,
    onChange: (@Sendable (any DisplayChannel, Int) -> Void)? = nil
  ) {
    interface = InterfaceVersion(type: type, label: "test", major: major, minor: minor)
    state.withLock {
      $0.onAttach = onAttach
      $0.onChange = onChange
    }
  }

  var told: [Int] { state.withLock { $0.told } }

  func attached(to channel: any DisplayChannel) {
    let onAttach = state.withLock {
      $0.channel = channel
      return $0.onAttach
    }
    onAttach?(channel)
  }

  func outputChanged(_ index: Int) {
    let (channel, onChange) = state.withLock {
      $0.told.append(index)
      return ($0.channel, $0.onChange)
    }
    if let channel { onChange?(channel, index) }
  }
}

/// A display without a guest: commands go in, front-ends look.
final class Bench {
  let memory = GuestMemory()
  let budget = MemoryBudget(limit: 256 << 20)
  let publisher: DisplayPublisher
  let display: Display

  init(outputs: Int = 1, largest: PictureSize? = nil) {
    publisher = DisplayPublisher(outputCount: outputs, label: "bench", largest: largest)
    let preference = OutputPreference(mode: OutputMode(width: 640, height: 480)!)
    display = Display(
      outputs: OutputDirectory(Array(repeating: preference, count: outputs)), memory: memory,
      limits: DisplayLimits(), budget: budget,
      publisher: publisher)
  }

  @discardableResult
  func apply(_ command: DisplayCommand) -> DisplayFault? {
    memory.withAccess { access -> DisplayFault? in
      do throws(DisplayFault) {
        _ = try display.apply(command, in: access)
        return nil
      } catch { return error }
    }
  }

  /// Shows a new resource of this size.
  func show(_ id: UInt32, _ width: UInt32, _ height: UInt32, on output: UInt32 = 0) {
    let id = ResourceID(id)!
    #expect(apply(.createResource(id, .b8g8r8x8, width: width, height: height)) == nil)
    let rectangle = Rectangle(x: 0, y: 0, width: width, height: height)
    #expect(apply(.setScanout(output: output, ScanoutSource(resource: id, rectangle: rectangle))) == nil)
  }

  func flush(_ id: UInt32, _ x: UInt32, _ y: UInt32, _ width: UInt32, _ height: UInt32) {
    let rectangle = Rectangle(x: x, y: y, width: width, height: height)
    #expect(apply(.flush(ResourceID(id)!, rectangle)) == nil)
  }
}

@Suite struct PublisherTests {
  @Test func `the handshake agrees on the lower minor version`() throws {
    let bench = Bench(outputs: 3)
    let channel = try bench.publisher.attach(CountingFrontEnd(minor: 9))
    #expect(channel.version == bench.publisher.interface)
    #expect(channel.outputCount == 3)
  }

  @Test(arguments: [("display", 0), ("display", 2), ("input", 1)] as [(String, UInt32)])
  func `a front-end of another type or major version is refused and hears nothing`(
    _ type: String, _ major: UInt32
  ) {
    let bench = Bench()
    let frontEnd = CountingFrontEnd(type: type, major: major, onAttach: { _ in Issue.record("attached") })
    #expect(throws: InterfaceMismatch.self) { try bench.publisher.attach(frontEnd) }
    bench.show(1, 8, 8)
    #expect(frontEnd.told == [])
  }

  @Test func `the first call reports everything, the next only what is new`() throws {
    let bench = Bench()
    bench.show(1, 100, 80)
    let channel = try bench.publisher.attach(CountingFrontEnd())
    let first = try #require(channel.takeChanges(ofOutput: 0))
    #expect(first.isReplaced && first.cursorChanged)
    #expect(first.damage == [Rectangle(x: 0, y: 0, width: 100, height: 80)])
    #expect(channel.takeChanges(ofOutput: 0)?.isEmpty == true)
  }

  @Test func `an output that is off reports so and has no surface`() throws {
    let channel = try Bench().publisher.attach(CountingFrontEnd())
    let first = try #require(channel.takeChanges(ofOutput: 0))
    #expect(first.isReplaced && first.damage == [] && !first.output.isEnabled)
    #expect(channel.withSurface(ofOutput: 0) { _ in true } == nil)
    #expect(channel.takeChanges(ofOutput: 1) == nil)
    #expect(channel.takeChanges(ofOutput: -1) == nil)
    #expect(channel.cursor(ofOutput: 1) == nil)
    #expect(channel.withSurface(ofOutput: .max) { _ in true } == nil)
  }

  @Test func `a reset takes the finished surface away, whether or not somebody asks`() throws {
    let bench = Bench(outputs: 2)
    let channel = try bench.publisher.attach(CountingFrontEnd())
    bench.show(1, 640, 480)
    bench.show(2, 320, 200, on: 1)
    for output in 0..<2 { _ = channel.takeChanges(ofOutput: output) }
    #expect(channel.withSurface(ofOutput: 0) { $0.width } == 640)
    bench.display.reset()
    #expect(channel.withSurface(ofOutput: 0) { $0.width } == nil)
    #expect(bench.budget.inUse == 0)
    // Whoever comes next shows something, but until somebody asks there is nothing to see.
    bench.show(1, 640, 480)
    #expect(channel.withSurface(ofOutput: 0) { $0.width } == nil)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.withSurface(ofOutput: 0) { $0.width } == 640)
  }

  @Test func `a surface that is lent out while the output goes off is let go right after`() throws {
    let bench = Bench()
    let channel = try bench.publisher.attach(CountingFrontEnd())
    bench.show(1, 640, 480)
    _ = channel.takeChanges(ofOutput: 0)
    let output = bench.publisher.outputs[0]
    let isThereStill = channel.withSurface(ofOutput: 0) { surface in
      output.show(nil)  // as the device's thread does, which waits for nobody
      return surface.width == 640
    }
    #expect(isThereStill == true)
    #expect(bench.apply(.releaseResource(ResourceID(1)!)) == nil)
    #expect(channel.withSurface(ofOutput: 0) { $0.width } == nil)
    #expect(bench.budget.inUse == 0)
  }

  @Test func `a surface from before the output went off is never lent out again`() throws {
    let bench = Bench()
    let channel = try bench.publisher.attach(CountingFrontEnd())
    bench.show(1, 640, 480)
    _ = channel.takeChanges(ofOutput: 0)
    _ = channel.withSurface(ofOutput: 0) { _ in
      bench.display.reset()
      bench.show(1, 640, 480)
    }
    #expect(channel.withSurface(ofOutput: 0) { _ in true } == nil)
  }

  @Test func `a front-end is told once until it has asked`() throws {
    let bench = Bench(outputs: 2)
    bench.show(1, 50, 50, on: 1)
    let frontEnd = CountingFrontEnd()
    let channel = try bench.publisher.attach(frontEnd)
    #expect(frontEnd.told == [])
    for _ in 0..<5 { bench.flush(1, 0, 0, 10, 10) }
    #expect(frontEnd.told == [1])
    _ = channel.takeChanges(ofOutput: 0)  // another output: asks nothing of this one
    bench.flush(1, 0, 0, 10, 10)
    #expect(frontEnd.told == [1])
    _ = channel.takeChanges(ofOutput: 1)
    bench.flush(1, 5, 5, 1, 1)
    bench.apply(.moveCursor(CursorPosition(output: 1, x: 4, y: 4)))
    #expect(frontEnd.told == [1, 1])
  }

  @Test func `what changes nothing tells nobody`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let frontEnd = CountingFrontEnd()
    let channel = try bench.publisher.attach(frontEnd)
    bench.apply(.moveCursor(CursorPosition(output: 0, x: 0, y: 0)))
    bench.apply(.updateCursor(CursorPosition(output: 0, x: 0, y: 0), nil))
    bench.flush(1, 50, 50, 0, 0)
    #expect(frontEnd.told == [])
    extendLifetime(channel)
  }

  @Test func `each front-end has damage of its own`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let channels = try (0..<3).map { _ in try bench.publisher.attach(CountingFrontEnd()) }
    for channel in channels { _ = channel.takeChanges(ofOutput: 0) }
    bench.flush(1, 0, 0, 5, 5)
    #expect(channels[0].takeChanges(ofOutput: 0)?.damage == [Rectangle(x: 0, y: 0, width: 5, height: 5)])
    bench.flush(1, 20, 20, 5, 5)
    #expect(channels[0].takeChanges(ofOutput: 0)?.damage == [Rectangle(x: 20, y: 20, width: 5, height: 5)])
    #expect(channels[1].takeChanges(ofOutput: 0)?.damage.count == 2)
    channels[1].detach()
    bench.apply(.setScanout(output: 0, nil))
    #expect(channels[2].takeChanges(ofOutput: 0)?.isReplaced == true)
    #expect(channels[1].takeChanges(ofOutput: 0) == nil)
  }

  @Test func `after detaching a front-end hears nothing and is let go`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    weak var gone: CountingFrontEnd?
    do {
      let frontEnd = CountingFrontEnd(onAttach: { _ in })
      gone = frontEnd
      let channel = try bench.publisher.attach(frontEnd)
      channel.detach()
      channel.detach()
      bench.flush(1, 0, 0, 5, 5)
      #expect(frontEnd.told == [])
      frontEnd.forget()
    }
    #expect(gone == nil)
  }

  @Test func `a channel that was detached shows nothing more`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let channels = try (0..<2).map { _ in try bench.publisher.attach(CountingFrontEnd()) }
    for channel in channels { _ = channel.takeChanges(ofOutput: 0) }
    channels[0].detach()
    #expect(channels[0].withSurface(ofOutput: 0) { _ in true } == nil)
    #expect(channels[0].cursor(ofOutput: 0) == nil)
    #expect(channels[1].withSurface(ofOutput: 0) { _ in true } == true)
  }

  @Test func `the display keeps an attached front-end alive`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let isTold = Flag()
    let channel = try bench.publisher.attach(CountingFrontEnd(onChange: { _, _ in isTold.set(true) }))
    bench.flush(1, 0, 0, 5, 5)
    #expect(isTold.value)
    channel.detach()
  }

  @Test func `a front-end may ask while it is being attached, and detach while it is told`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let frontEnd = CountingFrontEnd(
      onAttach: { #expect($0.takeChanges(ofOutput: 0)?.isReplaced == true) },
      onChange: { channel, _ in channel.detach() })
    let channel = try bench.publisher.attach(frontEnd)
    #expect(channel.takeChanges(ofOutput: 0)?.isEmpty == true)
    bench.flush(1, 0, 0, 5, 5)
    bench.flush(1, 0, 0, 5, 5)
    #expect(frontEnd.told == [0])
    #expect(channel.takeChanges(ofOutput: 0) == nil)
  }

  @Test func `what changes during the handshake is told after it`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let publisher = bench.publisher
    let frontEnd = CountingFrontEnd(onAttach: { _ in
      publisher.outputs[0].addDamage(Rectangle(x: 1, y: 1, width: 1, height: 1))
    })
    _ = try publisher.attach(frontEnd)
    #expect(frontEnd.told == [0])
  }

  @Test func `a detach waits for a call that is under way on another thread`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let entered = Event(), leave = Event()
    let isInside = Flag()
    let frontEnd = CountingFrontEnd(onChange: { _, _ in
      isInside.set(true)
      entered.signal()
      leave.wait()
      isInside.set(false)
    })
    let channel = try bench.publisher.attach(frontEnd)
    let output = bench.publisher.outputs[0]
    let device = try HostThread(name: "device") {
      output.addDamage(Rectangle(x: 0, y: 0, width: 1, height: 1))
    }
    entered.wait()
    #expect(isInside.value)
    let releaser = try HostThread(name: "releaser") {
      usleep(50_000)  // long enough for a detach that does not wait to be seen
      leave.signal()
    }
    channel.detach()
    #expect(!isInside.value)
    device.join()
    releaser.join()
  }

  @Test(.timeLimit(.minutes(15)))
  func `two detaches at once both wait for the call and both return`() throws {
    let bench = Bench()
    bench.show(1, 50, 50)
    let entered = Event(), leave = Event()
    let frontEnd = CountingFrontEnd(onChange: { _, _ in
      entered.signal()
      leave.wait()
    })
    let channel = try bench.publisher.attach(frontEnd)
    let output = bench.publisher.outputs[0]
    let device = try HostThread(name: "device") {
      output.addDamage(Rectangle(x: 0, y: 0, width: 1, height: 1))
    }
    entered.wait()
    let first = try HostThread(name: "first") { channel.detach() }
    let second = try HostThread(name: "second") { channel.detach() }
    usleep(50_000)  // both are waiting by now; if one is not yet, it returns all the sooner
    leave.signal()
    for thread in [device, first, second] { thread.join() }
  }
}

extension CountingFrontEnd {
  /// Drops its own reference to the channel, which refers back to it.
  func forget() { state.withLock { $0.channel = nil } }
}

/// A boolean between threads.
final class Flag: Sendable {
  private let state = Lock(false)
  var value: Bool { state.withLock { $0 } }
  func set(_ value: Bool) { state.withLock { $0 = value } }
}
