/// The part of the protocol before a viewer is trusted: version, security type, password (RFC 6143 §7.1, §7.2).
///
/// It is spoken here and not by libvncserver, which keeps the security types of all servers of a process in one
/// list, waits for each message without regard to the others' time, and takes web sockets and TLS on the same port.
struct Handshake {
  let socket: ViewerSocket
  let password: VNCPassword?
  /// When it must be over, on the monotonic clock.
  let deadline: Int64

  /// How a handshake ends.
  enum Outcome: Equatable {
    /// The viewer may look; its ClientInit message comes next.
    case accepted
    /// It has gone, was too slow, or does not speak the protocol; what it did is for the log.
    case refused(String)
  }

  /// Versions as viewers see them; what lies between counts as the one below (§7.1.1).
  private enum Version { case v3, v7, v8 }

  private static let none: UInt8 = 1
  private static let vncAuthentication: UInt8 = 2

  /// Speaks it to its end.
  func run() -> Outcome {
    guard write(Array("RFB 003.008\n".utf8)), let line = read(12) else { return .refused("no version") }
    guard let version = Self.version(line) else { return .refused("not a version") }
    let type = password == nil ? Self.none : Self.vncAuthentication
    if version == .v3 {
      guard write([0, 0, 0, type]) else { return .refused("gone") }
    } else {
      guard write([1, type]), let chosen = read(1) else { return .refused("no security type") }
      guard chosen[0] == type else {
        if version == .v8 { _ = write([0, 0, 0, 1] + Self.text("this security type was not offered")) }
        return .refused("a security type that was not offered")
      }
    }
    guard let password else {
      // Only the newest version has a result without authentication.
      guard version != .v8 || write([0, 0, 0, 0]) else { return .refused("gone") }
      return .accepted
    }
    let challenge = VNCPassword.challenge()
    guard write(challenge), let response = read(VNCPassword.challengeCount) else {
      return .refused("no password")
    }
    guard password.answers(challenge, with: response) else {
      _ = write([0, 0, 0, 1] + (version == .v8 ? Self.text("the password is wrong") : []))
      return .refused("a wrong password")
    }
    return write([0, 0, 0, 0]) ? .accepted : .refused("gone")
  }

  /// `RFB 003.00x` and a line feed; nil for anything else.
  private static func version(_ line: [UInt8]) -> Version? {
    guard line.starts(with: Array("RFB ".utf8)), line[7] == UInt8(ascii: "."), line[11] == 10,
      let major = number(line[4..<7]), let minor = number(line[8..<11])
    else { return nil }
    if major > 3 { return .v8 }
    guard major == 3, minor >= 3 else { return nil }
    return minor >= 8 ? .v8 : minor == 7 ? .v7 : .v3
  }

  /// Three decimal digits.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// A string as the protocol has it: its length in four bytes, and ASCII.
  private static func text(_ text: StaticString) -> [UInt8] {
    let bytes = Array(text.description.utf8)
    return [0, 0, 0, UInt8(bytes.count)] + bytes
  }

  private func read(_ count: Int) -> [UInt8]? { socket.read(count, by: deadline) }
  private func write(_ bytes: [UInt8]) -> Bool { socket.write(bytes, by: deadline) }
}
