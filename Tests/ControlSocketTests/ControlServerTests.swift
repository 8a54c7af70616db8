import Glibc
import HostThreads
import Testing

@testable import ControlSocket

/// Answers a screenshot with its scanout's number of bytes, a cursor with a report, scanout 99 with a failure.
@Sendable private func answer(_ request: ControlRequest) -> ControlReply {
  switch request {
  case .screenshot(let scanout, _, let encoding):
    .content([UInt8](repeating: encoding == .png ? 7 : 8, count: scanout))
  case .cursor(99): .failure(ControlFailure(.noSuchScanout, "the device has no scanout 99"))
  case .cursor(let scanout): .content(CursorReport(isVisible: true, x: Int32(scanout), y: 2).bytes)
  default: .content([])
  }
}

/// Limits that a loaded machine does not reach, but for those that a test wants to run out.
private func limits(
  clients: Int = 16, request: Int64 = 600_000, answer: Int64 = 600_000, held: Int = 64 << 20
)
  -> ControlServer.Limits
{
  var limits = ControlServer.Limits()
  limits.clients = clients
  limits.requestMilliseconds = request
  limits.answerMilliseconds = answer
  limits.heldBytes = held
  return limits
}

private let errorLine = "scanout-control 1 error "

// One after the other: they measure time.
@Suite(.serialized, .timeLimit(.minutes(15))) struct ControlServerTests {
  @Test func `requests are answered and the client sees failures`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    let size = 5_000_000
    let picture = try ControlClient.ask(
      .screenshot(scanout: size, withCursor: true, encoding: .ppm), at: directory.socket)
    #expect(picture == [UInt8](repeating: 8, count: size))
    #expect(
      try ControlClient.ask(.screenshot(scanout: 0, withCursor: true, encoding: .png), at: directory.socket)
        == [])
    let cursor = try ControlClient.ask(.cursor(scanout: 3), at: directory.socket)
    #expect(CursorReport(bytes: cursor) == CursorReport(isVisible: true, x: 3, y: 2))
    #expect(
      throws: ControlSocketError.refused(ControlFailure(.noSuchScanout, "the device has no scanout 99"))
    ) { try ControlClient.ask(.cursor(scanout: 99), at: directory.socket) }
    server.stop()
  }

  @Test func `only the owner may use the socket and its file goes with the server`() throws {
    let directory = try Directory()
    var server: ControlServer? = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    var file = stat()
    #expect(unsafe lstat(directory.socket, &file) == 0)
    #expect(file.st_mode & 0o7777 == 0o600 && file.st_mode & S_IFMT == S_IFSOCK)
    server?.stop()
    #expect(unsafe lstat(directory.socket, &file) == -1 && errno == ENOENT)
    server?.stop()
    server = nil
    #expect(openSockets(of: directory.socket) == 0)
    #expect(throws: ControlSocketError.nobodyListens(directory.socket)) {
      try ControlClient.ask(.cursor(scanout: 0), at: directory.socket)
    }
  }

  @Test func `a file that an ended server left is replaced and a living server is not`() throws {
    let directory = try Directory()
    do {
      // A server that ends without tidying up leaves a file on which nobody listens.
      let dead = try UnixSocket.make(for: directory.socket)
      let raw = dead.raw
      #expect(unsafe UnixSocket.withAddress(of: directory.socket) { unsafe bind(raw, $0, $1) } == 0)
    }
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    #expect(throws: ControlSocketError.inUse(directory.socket)) {
      try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    }
    #expect(try ControlClient.ask(.cursor(scanout: 1), at: directory.socket).count == 32)
    server.stop()
  }

  @Test func `a file that is no socket is left alone`() throws {
    let directory = try Directory()
    let path = directory.path + "/file"
    close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
    #expect(throws: ControlSocketError.notASocket(path)) { try ControlServer(path: path, respond: answer) }
    #expect(unsafe access(path, F_OK) == 0)
  }

  @Test func `a file that somebody else put in the place of the socket is not removed`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    #expect(unsafe rename(directory.socket, directory.path + "/other") == 0)
    close(unsafe open(directory.socket, O_CREAT | O_WRONLY, 0o600))
    server.stop()
    #expect(unsafe access(directory.socket, F_OK) == 0)
  }

  @Test(arguments: ["", String(repeating: "x", count: 108), "/nowhere/at/all/control", "with\0zero"])
  func `a path that cannot be one is refused with its reason`(_ path: String) {
    let error = #expect(throws: ControlSocketError.self) { try ControlServer(path: path, respond: answer) }
    #expect(error?.description.contains(path) == true)
  }

  @Test(arguments: badRequests)
  func `bad bytes get an error line and are closed`(_ row: BadRequest) throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    let client = try RawClient(directory.socket)
    client.send(row.bytes + [10])
    let text = client.receiveText()
    #expect(text.hasPrefix(errorLine + row.code.rawValue + " ") && text.hasSuffix("\n"))
    #expect(try ControlClient.ask(.cursor(scanout: 1), at: directory.socket).count == 32)
    server.stop()
  }

  @Test(arguments: [128, 1023, 1024, 1025, 100_000])
  func `a line without an end is cut off at its limit`(_ count: Int) throws {
    let directory = try Directory()
    let isCutOff = count >= ControlRequest.maximumLineBytes
    let server = try ControlServer(
      path: directory.socket, limits: isCutOff ? limits() : limits(request: 300), respond: answer)
    let client = try RawClient(directory.socket)
    client.send([UInt8](repeating: UInt8(ascii: "x"), count: count))
    let code = isCutOff ? "bad-request" : "timeout"
    #expect(client.receiveText().hasPrefix(errorLine + code))
    server.stop()
  }

  @Test func `a second request on a connection is refused`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    let client = try RawClient(directory.socket)
    client.send("scanout-control 1 cursor 0\nscanout-control 1 cursor 1\n")
    #expect(client.receiveText().hasPrefix(errorLine + "bad-request"))
    server.stop()
  }

  @Test func `a request may come in pieces and from a client that stops sending`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    let client = try RawClient(directory.socket)
    for byte in ControlRequest.cursor(scanout: 5).bytes {
      client.send([byte])
      usleep(1000)
    }
    client.shutdownSending()
    let reply = client.receiveAll()
    #expect(
      reply == Array("scanout-control 1 ok 32\n".utf8) + CursorReport(isVisible: true, x: 5, y: 2).bytes)
    server.stop()
  }

  @Test func `a client that sends nothing loses its place in time`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(request: 100), respond: answer)
    let client = try RawClient(directory.socket)
    let start = ContinuousClock.now
    #expect(client.receiveText().hasPrefix(errorLine + "timeout"))
    #expect((.milliseconds(100) ..< .seconds(60)).contains(ContinuousClock.now - start))
    // The listening socket and the client's own end, but no longer the server's end of it.
    #expect(openSockets(of: directory.socket) == 2)
    server.stop()
  }

  @Test func `a client that does not read holds nobody up and is dropped`() throws {
    let directory = try Directory()
    let server = try ControlServer(
      path: directory.socket, limits: limits(answer: 400, held: 10_000_000), respond: answer)
    let slow = try RawClient(directory.socket)
    let whole = 20_000_000
    let start = ContinuousClock.now
    slow.send(ControlRequest.screenshot(scanout: whole, withCursor: true, encoding: .png).bytes)
    #expect(!slow.receive(1).isEmpty)
    // The slow answer alone exceeds what may be held, so this waits until the time for it has run out.
    #expect(try ControlClient.ask(.cursor(scanout: 1), at: directory.socket).count == 32)
    #expect((.milliseconds(400) ..< .seconds(60)).contains(ContinuousClock.now - start))
    #expect(slow.receiveAll().count < whole)
    server.stop()
  }

  @Test func `while answers leave room other clients do not wait for a slow one`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    let slow = try RawClient(directory.socket)
    slow.send(ControlRequest.screenshot(scanout: 20_000_000, withCursor: true, encoding: .png).bytes)
    #expect(!slow.receive(1).isEmpty)
    let start = ContinuousClock.now
    for _ in 0..<20 { #expect(try ControlClient.ask(.cursor(scanout: 1), at: directory.socket).count == 32) }
    #expect(ContinuousClock.now - start < .seconds(300), "half of what the slow one has")
    server.stop()
  }

  @Test func `clients beyond the limit are told so and the others are served`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(clients: 3), respond: answer)
    let first = try (0..<3).map { _ in try RawClient(directory.socket) }
    for _ in 0..<50 {
      let late = try RawClient(directory.socket)
      #expect(late.receiveText().hasPrefix(errorLine + "busy"))
    }
    #expect(
      throws: ControlSocketError.refused(
        ControlFailure(.busy, "3 clients are connected already: try again later"))
    ) { try ControlClient.ask(.cursor(scanout: 1), at: directory.socket) }
    for client in first {
      client.send(ControlRequest.cursor(scanout: 1).bytes)
      #expect(client.receiveAll().count == 24 + 32)
    }
    #expect(try ControlClient.ask(.cursor(scanout: 1), at: directory.socket).count == 32)
    server.stop()
  }

  @Test func `clients that vanish at any byte leave no descriptor behind`() throws {
    let directory = try Directory()
    let line = ControlRequest.screenshot(scanout: 3_000_000, withCursor: true, encoding: .png).bytes
    // Room for all of them at once: a loaded machine may let them come before the server has seen any leave.
    var server: ControlServer? = try ControlServer(
      path: directory.socket, limits: limits(clients: line.count + 2), respond: answer)
    for count in 0...line.count {
      let client = try RawClient(directory.socket)
      client.send(Array(line.prefix(count)))
      if count == line.count { _ = client.receive(100) }
    }
    #expect(try ControlClient.ask(.cursor(scanout: 1), at: directory.socket).count == 32)
    // Soon only the listening socket is left, long before any time limit.
    let start = ContinuousClock.now
    while openSockets(of: directory.socket) != 1, ContinuousClock.now - start < .seconds(60) { usleep(2_000) }
    #expect(openSockets(of: directory.socket) == 1)
    server?.stop()
    server = nil
    #expect(openSockets(of: directory.socket) == 0)
  }

  @Test func `many clients at once all get their own answer`() throws {
    let directory = try Directory()
    // Twice as many as there are, since who has his answer may be gone before the server has seen it.
    let server = try ControlServer(path: directory.socket, limits: limits(clients: 16), respond: answer)
    let path = directory.socket
    let shared = Shared(Lock(0))
    let threads = try (0..<8).map { client in
      try HostThread(name: "client \(client)") {
        for round in 0..<25 {
          let size = client * 10_000 + round
          let request = ControlRequest.screenshot(scanout: size, withCursor: true, encoding: .png)
          // A failure is counted as a missing answer.
          if let picture = try? ControlClient.ask(request, at: path), picture.count == size { shared.count() }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(shared.total == 200)
    server.stop()
  }

  @Test func `an idle server sleeps`() throws {
    let directory = try Directory()
    let thread = Shared(Lock(0))
    let server = try ControlServer(path: directory.socket, limits: limits()) { request in
      thread.set(threadNumber())
      return answer(request)
    }
    _ = try ControlClient.ask(.cursor(scanout: 1), at: directory.socket)
    let id = thread.total
    let before = try switchesAtRest(ofThread: id)
    usleep(2_000_000)
    // The system counts a sleep a moment after it calls a thread asleep.
    #expect(try switchesAtRest(ofThread: id) <= before + 1)
    // The same figure moves when there is something to do.
    for _ in 0..<3 {
      _ = try ControlClient.ask(.cursor(scanout: 1), at: directory.socket)
      _ = try switchesAtRest(ofThread: id)
    }
    #expect(try switchesAtRest(ofThread: id) > before + 1)
    server.stop()
  }

  @Test func `the server stops while clients are connected`() throws {
    let directory = try Directory()
    let server = try ControlServer(path: directory.socket, limits: limits(), respond: answer)
    let silent = try RawClient(directory.socket)
    let slow = try RawClient(directory.socket)
    slow.send(ControlRequest.screenshot(scanout: 20_000_000, withCursor: true, encoding: .png).bytes)
    #expect(!slow.receive(1).isEmpty)
    server.stop()
    #expect(silent.receiveAll().isEmpty)
    #expect(slow.receiveAll().count < 20_000_000)
  }
}

/// A counter that several threads share.
private final class Shared: Sendable {
  private let value: Lock<Int>
  init(_ value: consuming sending Lock<Int>) { self.value = value }
  func set(_ new: Int) { value.withLock { $0 = new } }
  func count() { value.withLock { $0 += 1 } }
  var total: Int { value.withLock { $0 } }
}

/// The voluntary context switches of a thread, each wake-up adding one, once it sleeps behind its work: when its last
/// client has been let go, nothing but its wait for the next is left.
private func switchesAtRest(ofThread id: Int) throws -> Int {
  let end = ContinuousClock.now + .seconds(60)
  var count: Int?
  while count == nil, ContinuousClock.now < end {
    let lines = contents("/proc/self/task/\(id)/status").split(separator: "\n")
    guard lines.contains(where: { $0.hasPrefix("State:\tS") }) else {
      usleep(1000)
      continue
    }
    count = lines.first { $0.hasPrefix("voluntary_ctxt_switches") }
      .flatMap { Int($0.split(separator: "\t").last ?? "") }
  }
  return try #require(count)
}

/// The calling thread's number, from its own link in /proc.
private func threadNumber() -> Int {
  var bytes = [UInt8](repeating: 0, count: 64)
  // The system writes at most the array's size.
  let count = unsafe bytes.withUnsafeMutableBytes {
    unsafe readlink("/proc/thread-self", $0.baseAddress!, 64)
  }
  return Int(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "/").last ?? "")
    ?? 0
}

private func contents(_ path: String) -> String {
  let file = unsafe open(path, O_RDONLY)
  guard file >= 0 else { return "" }
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: 1 << 14)
  // The system writes at most the array's size.
  let count = unsafe read(file, &bytes, 1 << 14)
  return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
}
