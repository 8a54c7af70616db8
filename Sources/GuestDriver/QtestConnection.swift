import CGuestDriver
import Synchronization

/// QEMU's qtest protocol: one line a command, one line an answer, and lines about interrupts between them.
///
/// The lines are those that QEMU documents in `system/qtest.c`. One lock covers a command and its answer,
/// so that another thread may wait for an interrupt meanwhile.
final class QtestConnection: Sendable {
  private struct State: ~Copyable {
    var lines: LineSocket
    /// Why nothing can be said any more: after it an answer might belong to an earlier command.
    var failure: DriverError?
    /// The interrupt lines that are high.
    var raised: Set<Int> = []
    /// Whether the watched pin rose since somebody asked.
    var pinHasRisen = false
  }

  private let state: Mutex<State>
  private let descriptor: Int32
  /// The interrupt lines that may be the driven function's.
  private let watched: Set<Int>
  let timeoutInMilliseconds: Int

  /// Takes a connected socket over.
  init(owning descriptor: Int32, watching lines: Set<Int>, timeoutInMilliseconds: Int) {
    self.descriptor = descriptor
    self.watched = lines
    self.timeoutInMilliseconds = timeoutInMilliseconds
    state = Mutex(State(lines: LineSocket(owning: descriptor)))
  }

  // MARK: Commands

  /// Says a command and returns what its answer has after `OK`, without the space.
  @discardableResult
  func call(_ command: String) throws -> String {
    try state.withLock { state in
      if let failure = state.failure { throw failure }
      do {
        return try exchange(command, &state)
      } catch let failure as DriverError {
        state.failure = failure
        throw failure
      }
    }
  }

  /// Says a command whose answer is a number.
  func number(_ command: String) throws -> UInt64 {
    let answer = try call(command)
    guard answer.hasPrefix("0x"), let value = UInt64(answer.dropFirst(2), radix: 16) else {
      throw DriverError.deviceFault("the answer \(answer) to \(command)")
    }
    return value
  }

  private func exchange(_ command: String, _ state: inout State) throws -> String {
    let deadline = ContinuousClock.now + .milliseconds(timeoutInMilliseconds)
    try state.lines.send(command)
    while true {
      let line = try state.lines.next(before: deadline, for: "the answer to \(command)")
      if note(line, &state) { continue }
      guard line == "OK" || line.hasPrefix("OK ") else {
        throw DriverError.deviceFault("qtest says \(line) to \(command)")
      }
      return String(line.dropFirst(3))
    }
  }

  // MARK: Interrupts

  /// Takes a line about an interrupt; false if it is none.
  private func note(_ line: String, _ state: inout State) -> Bool {
    let words = line.split(separator: " ")
    guard words.count == 3, words[0] == "IRQ", let number = Int(words[2]) else { return false }
    guard watched.contains(number) else { return true }
    if words[1] == "raise" {
      state.raised.insert(number)
      state.pinHasRisen = true
    } else {
      state.raised.remove(number)
    }
    return true
  }

  /// Forgets that the pin rose, or has it rise again if it is still high.
  func rearmPin() { state.withLock { $0.pinHasRisen = !$0.raised.isEmpty } }

  /// Waits until the pin rises, and takes that.
  func waitForPin(timeoutInMilliseconds: Int) throws -> Bool {
    let deadline = ContinuousClock.now + .milliseconds(timeoutInMilliseconds)
    while true {
      let hasRisen = try state.withLock { state in
        if let failure = state.failure { throw failure }
        while let line = try state.lines.nextIfHere() {
          guard note(line, &state) else { throw DriverError.deviceFault("qtest says \(line) unasked") }
        }
        defer { state.pinHasRisen = false }
        return state.pinHasRisen
      }
      if hasRisen { return true }
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { return false }
      // Outside the lock, and in short turns: another thread's command may take the line from the socket.
      let turn = min(Int(left / .milliseconds(1)) + 1, 5)
      let ready = guest_driver_wait_readable(descriptor, Int32(turn))
      guard ready >= 0 else { throw DriverError.host(call: "poll", errno: -ready) }
    }
  }
}
