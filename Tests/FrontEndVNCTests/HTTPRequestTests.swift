import Testing

@testable import FrontEndVNC

@Suite struct HTTPRequestTests {
  private static func status(of head: String) -> HTTPStatus? {
    do throws(HTTPStatus) {
      _ = try HTTPRequest(Array(head.utf8))
      return nil
    } catch { return error }
  }

  @Test(arguments: [
    ("GET / HTTP/1.1", [], true), ("GET /?a=/../b HTTP/1.1", [], true),
    ("GET /vnc.html HTTP/1.0", ["vnc.html"], false),
    ("HEAD /app/ui.js?v=1 HTTP/1.1", ["app", "ui.js"], false),
    ("GET /a..b/c-d_e HTTP/1.1", ["a..b", "c-d_e"], false),
    ("GET /app/ HTTP/1.1", ["app"], true),
  ])
  func `a path is read name by name`(_ line: String, _ path: [String], _ isDirectory: Bool) throws {
    let request = try HTTPRequest(Array("\(line)\r\nHost: a".utf8))
    #expect(request.path == path)
    #expect(request.isDirectory == isDirectory)
    #expect(request.isHead == line.hasPrefix("HEAD"))
  }

  @Test(arguments: [
    "GET /../secret", "GET /app/../../secret", "GET /./vnc.html", "GET //etc/passwd", "GET /app//ui.js",
    "GET /%2e%2e/secret", "GET /..%2fsecret", "GET /a%00b", "GET /a\\b", "GET /.git/config", "GET /...",
    "GET /a;b", "GET /\u{e4}",
  ])
  func `a path that could lead elsewhere leads nowhere`(_ start: String) {
    #expect(Self.status(of: start + " HTTP/1.1\r\nHost: a") == .notFound)
  }

  @Test(
    arguments: [
      ("", .badRequest), ("GET", .badRequest), ("GET /", .badRequest), ("GET  / HTTP/1.1", .badRequest),
      ("GET / HTTP/1.1 ", .badRequest), ("GET a HTTP/1.1", .badRequest),
      ("GET http://a/ HTTP/1.1", .badRequest),
      ("GET * HTTP/1.1", .badRequest), ("GET / HTTP/2.0", .versionNotSupported),
      ("GET / HTTP/1.2", .versionNotSupported),
      ("GET / http/1.1", .versionNotSupported), ("get / HTTP/1.1", .methodNotAllowed),
      ("POST / HTTP/1.1", .methodNotAllowed), ("OPTIONS / HTTP/1.1", .methodNotAllowed),
      ("CONNECT a:1 HTTP/1.1", .methodNotAllowed), ("RFB 003.008", .badRequest),
      ("GET / HTTP/1.1\r\nHost", .badRequest), ("GET / HTTP/1.1\r\n: a", .badRequest),
      ("GET / HTTP/1.1\r\nHost : a", .badRequest), ("GET / HTTP/1.1\r\nHost: a\r\n b", .badRequest),
      ("GET / HTTP/1.1\r\nHost: a\r\nHost: a", .badRequest), ("GET / HTTP/1.1\r\nA: b\nHost: c", .badRequest),
      ("GET / HTTP/1.1\r\nA: b\rHost: c", .badRequest), ("GET / HTTP/1.1\nHost: a", .badRequest),
      ("GET / HTTP/1.1\r\nA: b\r\r\nHost: c", .badRequest), ("GET / HTTP/1.1\r\nA: \0", .badRequest),
      ("GET / HTTP/1.1\r\nOrigin: a\r\nORIGIN: b", .badRequest),
      ("GET / HTTP/1.1\r\nA\u{301}: b", .badRequest),
      ("GET / HTTP/1.1\r\nContent-Length: 1", .badRequest),
      ("GET / HTTP/1.1\r\nContent-Length: -0", .badRequest),
      ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked", .badRequest),
    ] as [(String, HTTPStatus)])
  func `what is no request is refused`(_ head: String, _ status: HTTPStatus) {
    #expect(Self.status(of: head) == status)
  }

  @Test func `fields are found by name in any case, and lists joined`() throws {
    let request = try HTTPRequest(
      Array(
        "GET / HTTP/1.1\r\nHOST:\t a:1 \t\r\nConnection: Keep-Alive\r\nconnection:upgrade ,x\r\nEmpty:".utf8))
    #expect(request.field("host") == "a:1")
    #expect(request.list("connection") == ["keep-alive", "upgrade", "x"])
    #expect(request.field("empty") == "")
    #expect(request.field("other") == nil)
    #expect(request.list("other") == [])
  }

  @Test func `a hundred fields are enough`() {
    let head = { (count: Int) in "GET / HTTP/1.1" + String(repeating: "\r\na: b", count: count) }
    #expect(Self.status(of: head(100)) == nil)
    #expect(Self.status(of: head(101)) == .headTooLarge)
  }

  @Test func `random bytes are refused or read`() {
    var generator = SystemRandomNumberGenerator()
    let words = [
      "GET ", "/", " HTTP/1.1", "\r\n", "\r", "\n", ":", "Host", " ", "a", "\u{301}", "..", "%2e", "\0", "\t",
    ]
    var read = 0
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0..<12, using: &generator)).map { _ in
        words.randomElement(using: &generator)!
      }
      guard let request = try? HTTPRequest(Array(("GET /" + text.joined()).utf8)) else { continue }
      read += 1
      #expect(request.path.allSatisfy { !$0.hasPrefix(".") && !$0.isEmpty && !$0.contains("/") })
    }
    #expect(read > 0)
  }
}

@Suite struct DigestTests {
  // RFC 3174 §7.3 and FIPS 180's examples.
  @Test(arguments: [
    ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
    ),
    ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    (
      "0123456701234567012345670123456701234567012345670123456701234567", 10,
      "dea356a2cddd90c7a7ecedc5ebb563934f460452"
    ),
  ])
  func `digests are those of the standard`(_ text: String, _ count: Int, _ digest: String) {
    let message = Array(String(repeating: text, count: count).utf8)
    #expect(SHA1.digest(message).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == digest)
  }

  // RFC 4648 §10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func `bytes become characters`(_ text: String, _ encoded: String) {
    #expect(Base64.encode(Array(text.utf8)) == encoded)
  }

  @Test func `a key is 16 bytes in any spelling of theirs alone`() {
    for _ in 0..<100 { #expect(Base64.isKey(Base64.encode((0..<16).map { _ in .random(in: 0...255) }))) }
    for text in [
      "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ===",
      "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQ  ", "dGhlIHNhbXBsZSBub2-jZQ==",
    ] {
      #expect(!Base64.isKey(text), "\(text)")
    }
  }
}

@Suite struct WebAccessTests {
  @Test(arguments: [
    "127.0.0.1:6080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:6080", "[::1]", "192.168.1.2:80",
    "[fe80::1]:80",
  ])
  func `numbers and localhost are nobody else's names`(_ host: String) {
    #expect(WebAccess(hasPassword: false).admits(host: host))
  }

  @Test(arguments: [
    "evil.example:6080", "evil.example", "127.0.0.1.evil.example:6080", "localhost.evil.example", "", ":6080",
    "127.0.0.1:", "127.0.0.1:6080x", "127.0.0.1:123456", "127.1", "0x7f.0.0.1", "[evil.example]", "[::1",
    "::1",
    "user@127.0.0.1", "localhost.", "127.0.0.1,evil.example",
  ])
  func `a name that others can point here is refused`(_ host: String) {
    #expect(!WebAccess(hasPassword: false).admits(host: host))
  }

  @Test func `with a password the host may have any name, but has one`() {
    #expect(WebAccess(hasPassword: true).admits(host: "screen.example:6080"))
    #expect(!WebAccess(hasPassword: true).admits(host: ""))
    #expect(!WebAccess(hasPassword: true).admits(host: nil))
  }

  @Test(arguments: [true, false]) func `a web socket is for pages of this server`(_ hasPassword: Bool) {
    let access = WebAccess(hasPassword: hasPassword)
    for origin in [nil, "http://127.0.0.1:6080", "https://127.0.0.1:6080", "HTTP://127.0.0.1:6080"] {
      #expect(access.admits(origin: origin, host: "127.0.0.1:6080"))
    }
    for origin in [
      "null", "", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:60800",
      "http://127.0.0.1:6081",
      "http://localhost:6080", "file://127.0.0.1:6080", "127.0.0.1:6080",
      "http://127.0.0.1:6080.evil.example",
    ] {
      #expect(!access.admits(origin: origin, host: "127.0.0.1:6080"), "\(origin)")
    }
  }
}
