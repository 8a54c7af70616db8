import Testing

@testable import HostThreads

/// A thread that would wait for itself ends the process with a sentence instead.
@Suite(.timeLimit(.minutes(15))) struct CalloutTests {
  private static func text(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  }

  @Test("a reader that enters its gate again")
  func readerAgain() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let gate = Gate(0)
      gate.withReading { _ in Callout.run { gate.withReading { _ in } } }
    }
    #expect(Self.text(result).contains("a front-end asked for pixels from inside a call of the device"))
  }

  @Test("a reader that writes")
  func readerWrites() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let gate = Gate(0)
      gate.withReading { _ in gate.withWriting { _ in } }
    }
    #expect(Self.text(result).contains("guest memory was changed from inside a call of a device"))
  }

  @Test("a call to whoever embeds the device that writes")
  func calloutWrites() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let gate = Gate(0)
      Callout.run { gate.withWriting { _ in } }
    }
    #expect(Self.text(result).contains("guest memory was changed from inside a call of a device"))
  }

  @Test("a thread that takes its lock again")
  func lockAgain() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let lock = Lock(0)
      lock.withLock { _ in lock.withLock { $0 += 1 } }
    }
    #expect(Self.text(result).contains("a call of the device was answered by a call of the device"))
  }

  @Test(
    "a thread may be inside of one gate after the other, and of one in another, and write when it is out again"
  )
  func inOrder() {
    let one = Gate(1), other = Gate(2)
    let sum = one.withReading { a in other.withReading { b in a + b } } + other.withReading { $0 }
    #expect(sum == 5)
    Callout.run {
      Callout.run {}
      #expect(one.withReading { $0 } == 1)
    }
    one.withWriting { $0 = 7 }
    #expect(one.withReading { $0 } == 7)
  }
}
