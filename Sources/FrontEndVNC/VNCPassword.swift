import CLibVNCServer
import HostThreads

/// What viewers must know: VNC authentication (RFC 6143 §7.2.2), a challenge encrypted with DES.
///
/// It keeps strangers out and nothing more: the connection itself stays plain, and DES of eight characters does
/// not withstand somebody who has listened to it.
public struct VNCPassword: Sendable, Equatable {
  /// 1 to 8 bytes, none 0.
  private let bytes: [UInt8]

  /// A password; nil unless it has 1 to 8 bytes, none of them 0. Viewers cut off what is longer, so it would only
  /// look safer.
  public init?(_ bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes.prefix(9))
    guard (1...8).contains(bytes.count), !bytes.contains(0) else { return nil }
    self.bytes = bytes
  }

  /// The bytes of a challenge and of its answer.
  static let challengeCount = 16
  /// The library's DES may keep state.
  private static let cipher = Lock(())

  /// A challenge that nobody can foresee.
  static func challenge() -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<challengeCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }

  /// Whether `response` is the challenge encrypted with this password; takes as long for a wrong one as for a right one.
  func answers(_ challenge: [UInt8], with response: [UInt8]) -> Bool {
    guard challenge.count == Self.challengeCount, response.count == Self.challengeCount else { return false }
    let expected = encrypt(challenge)
    return zip(expected, response).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  /// What a viewer that knows the password answers.
  func encrypt(_ challenge: [UInt8]) -> [UInt8] {
    precondition(challenge.count == Self.challengeCount)
    var encrypted = challenge
    var key = bytes.map { CChar(bitPattern: $0) } + [0]
    // It encrypts 16 bytes in place, which was just checked, and reads the key up to its zero byte.
    Self.cipher.withLock { _ in unsafe rfbEncryptBytes(&encrypted, &key) }
    return encrypted
  }
}
