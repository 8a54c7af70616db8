import Testing

@testable import HostThreads

@Suite(.timeLimit(.minutes(15))) struct ReplyTests {
  @Test("a value that was given before is there at once, and the first one stays")
  func before() {
    let reply = Reply<Int>()
    #expect(reply.value() == nil)
    reply.give(7)
    reply.give(8)
    #expect(reply.value() == 7)
    #expect(reply.value(withinMilliseconds: 60_000) == 7)
  }

  @Test("who waits is woken by the value")
  func during() throws {
    let reply = Reply<Int>()
    let thread = try HostThread(name: "giver") { reply.give(7) }
    #expect(reply.value(withinMilliseconds: 60_000) == 7)
    thread.join()
  }

  @Test("who waits for nothing goes on after the time, and not before", arguments: [Int.min, 0, 1, 20])
  func never(milliseconds: Int) {
    let start = ContinuousClock.now
    #expect(Reply<Int>().value(withinMilliseconds: milliseconds) == nil)
    #expect(ContinuousClock.now - start >= .milliseconds(max(milliseconds, 0)))
  }
}
