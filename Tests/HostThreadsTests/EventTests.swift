import Testing

@testable import HostThreads

@Suite(.timeLimit(.minutes(15))) struct EventTests {
  @Test(
    "a wait with a limit ends without a signal after the time, and not before", arguments: [-5, 0, 1, 20])
  func never(milliseconds: Int) {
    let event = Event()
    let start = ContinuousClock.now
    #expect(!event.wait(atMost: .milliseconds(milliseconds)))
    #expect(ContinuousClock.now - start >= .milliseconds(milliseconds))
    event.signal()
    #expect(event.wait(atMost: .zero), "a signal behind a wait that ended is for the next")
    #expect(!event.wait(atMost: .zero), "and is taken")
  }

  @Test(
    "a wait with a limit is ended by a signal, one that came before or one that comes",
    arguments: [60, Int.max])
  func signalled(seconds: Int) throws {
    let event = Event()
    event.signal()
    #expect(event.wait(atMost: .seconds(seconds)))
    let thread = try HostThread(name: "signaller") { event.signal() }
    #expect(event.wait(atMost: .seconds(seconds)))
    thread.join()
  }
}
