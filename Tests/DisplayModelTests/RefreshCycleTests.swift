import Testing

@testable import DisplayModel

@Suite struct RefreshCycleTests {
  @Test("refreshes are a period apart, from the start on, and the next one always lies ahead")
  func next() {
    let start = ContinuousClock.now
    let cycle = RefreshCycle(from: start, width: 1920, height: 1080)
    let first = cycle.next(after: start)
    let period = start.duration(to: first)
    #expect(cycle.next(after: start.advanced(by: .milliseconds(-5))) == first)
    #expect(cycle.next(after: first.advanced(by: .nanoseconds(-1))) == first)
    #expect(cycle.next(after: first) == first.advanced(by: period))
    let late = start.advanced(by: .seconds(86_400 * 365))
    let next = cycle.next(after: late)
    #expect(next > late && next <= late.advanced(by: period))
  }

  @Test(
    "every size is refreshed 60 times a second, within a thousandth", arguments: [1, 32, 640, 1920, 16384])
  func rate(side: Int) {
    for other in [1, 480, 1080, 16384] {
      let start = ContinuousClock.now
      let period = start.duration(
        to: RefreshCycle(from: start, width: side, height: other).next(after: start))
      #expect(period > .microseconds(16_650) && period < .microseconds(16_684), "\(side)x\(other): \(period)")
    }
  }
}
