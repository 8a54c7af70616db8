import Glibc

/// The serial port: lines in, lines out.
final class SerialLine {
  private let port: Descriptor
  private var pending: [UInt8] = []
  /// A line longer than this is no request; the rest of it is dropped.
  private static let limit = 65536

  init(path: String) throws(SystemFailure) {
    port = try Descriptor(opening: path, O_RDWR | O_NOCTTY)
    var settings = termios()
    // The record is ours, and its address is good for the length of each call.
    guard unsafe tcgetattr(port.number, &settings) == 0 else { throw .last("settings of \(path)") }
    unsafe cfmakeraw(&settings)
    settings.c_oflag |= tcflag_t(OPOST | ONLCR)
    guard unsafe tcsetattr(port.number, TCSANOW, &settings) == 0 else { throw .last("raw \(path)") }
  }

  /// The next line without its end; nil when the port is closed.
  func next() throws(SystemFailure) -> String? {
    while true {
      if let end = pending.firstIndex(where: { $0 == 0x0a || $0 == 0x0d }) {
        let line = pending[..<end]
        pending.removeSubrange(...end)
        if line.isEmpty { continue }
        return String(decoding: line, as: UTF8.self)
      }
      let more = try port.read(4096)
      if more.isEmpty { return nil }
      if pending.count + more.count > Self.limit { pending.removeAll() }
      pending += more
    }
  }

  func write(_ text: String) throws(SystemFailure) {
    try port.write(Array(text.utf8))
  }
}
