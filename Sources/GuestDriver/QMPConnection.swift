/// QEMU's monitor protocol, as far as a test needs it: a command, its answer, an event to wait for.
///
/// Every message is a JSON object on a line of its own. What matters here shows in its first key, so
/// nothing is parsed. One thread at a time.
final class QMPConnection {
  private var lines: LineSocket
  private let timeoutInMilliseconds: Int

  /// Takes a connected socket over and says hello.
  init(owning descriptor: Int32, timeoutInMilliseconds: Int) throws {
    lines = LineSocket(owning: descriptor)
    self.timeoutInMilliseconds = timeoutInMilliseconds
    let greeting = try lines.next(
      before: .now + .milliseconds(timeoutInMilliseconds), for: "the monitor's greeting")
    guard greeting.hasPrefix("{\"QMP\"") else {
      throw DriverError.deviceFault("no greeting from the monitor")
    }
    try execute("qmp_capabilities")
  }

  /// Has the monitor do something; `arguments` is a JSON object.
  ///
  /// - Parameter event: what has to have happened, after the answer or before it.
  @discardableResult
  func execute(
    _ command: String, arguments: String = "{}", awaiting event: String? = nil
  ) throws -> String {
    let deadline = ContinuousClock.now + .milliseconds(timeoutInMilliseconds)
    try lines.send("{\"execute\": \"\(command)\", \"arguments\": \(arguments)}")
    var answer: String?, hasHappened = event == nil
    while true {
      if let answer, hasHappened { return answer }
      let line = try lines.next(before: deadline, for: "the monitor to do \(command)")
      if line.hasPrefix("{\"return\"") {
        answer = line
      } else if line.hasPrefix("{\"error\"") {
        throw DriverError.deviceFault("the monitor refuses \(command): \(line)")
      } else if let event, line.contains("\"event\": \"\(event)\"") {
        hasHappened = true
      }
    }
  }
}
