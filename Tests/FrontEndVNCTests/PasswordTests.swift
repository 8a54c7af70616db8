import Testing

@testable import FrontEndVNC

@Suite(.timeLimit(.minutes(15))) struct PasswordTests {
  // Computed with `openssl enc -des-ecb`, the key's bytes with their bits in reverse.
  @Test(arguments: [
    ("scanout1", "03bac4b49c65909d90c9eedaa2a0b5b7"), ("abc", "9c22b4f2088c3465a1562c4b9d6edb04"),
  ])
  func `a challenge is encrypted as viewers do it`(_ text: String, _ expected: String) throws {
    let password = try #require(VNCPassword(text.utf8))
    let encrypted = password.encrypt((0..<16).map { UInt8($0) })
    let digits = encrypted.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    #expect(digits.joined() == expected)
    #expect(password.answers((0..<16).map { UInt8($0) }, with: encrypted))
    #expect(!password.answers((1..<17).map { UInt8($0) }, with: encrypted))
    #expect(!password.answers((0..<16).map { UInt8($0) }, with: Array(encrypted.dropLast())))
  }

  @Test(arguments: ["", "ninechars", "a\0b"])
  func `what viewers would cut off is no password`(_ text: String) {
    #expect(VNCPassword(text.utf8) == nil)
  }

  @Test(arguments: ["RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"])
  func `whoever knows the password gets in`(_ version: String) throws {
    let password = try #require(VNCPassword("scanout1".utf8))
    let scene = try Scene(protection: .password(password))
    scene.output.show(width: 9, height: 9, pattern(1))
    let viewer = try scene.viewer()
    try viewer.begin(version: version, password: password)
    viewer.request(incremental: false)
    try viewer.update()
    #expect(viewer.shows(pattern(1)))
  }

  @Test(arguments: ["RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"])
  func `whoever does not is told so and disconnected, and sees nothing`(_ version: String) throws {
    let scene = try Scene(protection: .password(try #require(VNCPassword("scanout1".utf8))))
    scene.output.show(width: 9, height: 9, pattern(1))
    let viewer = try scene.viewer()
    let wrong = try #require(VNCPassword("scanout2".utf8))
    #expect(throws: RawViewerError.self) { try viewer.begin(version: version, password: wrong) }
    #expect(viewer.isDisconnected())
    #expect(scene.output.viewers == 0)
  }

  @Test func `a viewer cannot choose to go without`() throws {
    let scene = try Scene(protection: .password(try #require(VNCPassword("scanout1".utf8))))
    let viewer = try scene.viewer()
    _ = try viewer.read(12)
    viewer.send(Array("RFB 003.008\n".utf8))
    #expect(try viewer.read(2) == [1, 2])
    viewer.send([1])
    #expect(try viewer.number(4) == 1)
    #expect(viewer.isDisconnected())
  }

  @Test func `no two viewers are challenged alike`() throws {
    let scene = try Scene(protection: .password(try #require(VNCPassword("scanout1".utf8))))
    let challenges = try (0..<4).map { _ in
      let viewer = try scene.viewer()
      _ = try viewer.read(12)
      viewer.send(Array("RFB 003.008\n".utf8) + [2])
      return try viewer.read(2 + 16)
    }
    #expect(Set(challenges).count == 4)
  }
}
