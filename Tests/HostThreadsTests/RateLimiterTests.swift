import HostThreads
import Testing

@Suite struct RateLimiterTests {
  private let start = ContinuousClock.now

  @Test func `a burst passes, then one for each interval`() {
    var limiter = RateLimiter(burst: 3, interval: .seconds(1), now: start)
    for _ in 0..<3 { #expect(limiter.decide(at: start) == .pass(suppressed: 0)) }
    for _ in 0..<5 { #expect(limiter.decide(at: start + .milliseconds(999)) == .suppress) }
    #expect(limiter.decide(at: start + .milliseconds(1000)) == .pass(suppressed: 5))
    #expect(limiter.decide(at: start + .milliseconds(1999)) == .suppress)
    #expect(limiter.decide(at: start + .milliseconds(2000)) == .pass(suppressed: 1))
  }

  @Test func `a flood of a minute lets one event a second through`() {
    var limiter = RateLimiter(burst: 20, interval: .seconds(1), now: start)
    var passed = 0
    for millisecond in 0..<60_000 where limiter.decide(at: start + .milliseconds(millisecond)) != .suppress {
      passed += 1
    }
    #expect(passed == 20 + 59)
  }

  @Test func `a long rest earns no more than a burst`() {
    var limiter = RateLimiter(burst: 2, interval: .milliseconds(1), now: start)
    for round in 1...3 {
      let now = start + .seconds(round * 1_000_000_000)
      #expect(limiter.decide(at: now) != .suppress)
      #expect(limiter.decide(at: now) != .suppress)
      #expect(limiter.decide(at: now) == .suppress)
    }
  }

  @Test func `time that stands still or goes back earns nothing`() {
    var limiter = RateLimiter(burst: 1, interval: .seconds(1), now: start)
    #expect(limiter.decide(at: start - .seconds(100)) == .pass(suppressed: 0))
    #expect(limiter.decide(at: start - .seconds(50)) == .suppress)
  }
}
