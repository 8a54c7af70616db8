import CHost
import Glibc
import GuestRAM
import HostThreads
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// The socket file, one client after another, the end.
  @Suite struct ServerTests {
    private func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    private func server(_ path: String) throws(ServerError) -> Server {
      try Server(path: path, function: FakeFunction(), memory: GuestMemory(), logger: LineRecorder().logger)
    }

    @Test("stop ends a server that waits, one that serves and one that has not begun; the file is gone")
    func stop() throws {
      let waiting = try Served()
      #expect(exists(waiting.path))
      waiting.server.stop()
      waiting.join()
      #expect(!exists(waiting.path))
      #expect(waiting.function.sink == nil)

      let serving = try Served()
      let client = try serving.client()
      #expect(client.errno(13) == 0)
      #expect(chost_event_signal(serving.server.stopDescriptor) == 0)
      serving.join()
      #expect(client.isClosed())
      #expect(!exists(serving.path))

      let early = try server(Served.freshPath())
      early.stop()
      try early.run()
      #expect(!exists(early.path))
    }

    @Test("a server for one client ends with it")
    func once() throws {
      let served = try Served(once: true)
      // Somebody who only knocks, and somebody who speaks another language, are no clients.
      _ = try Client(served.path)
      let stranger = try Client(served.path)
      #expect(stranger.errno(1, le(UInt16(7)) + le(UInt16(0))) == UInt32(EINVAL))
      do {
        let client = try served.client()
        #expect(client.errno(13) == 0)
        #expect(!served.isFinished)
      }
      served.join()
      #expect(!exists(served.path))
      #expect(served.function.resets == 4)
    }

    @Test("the file of a dead server is replaced, a living one is left alone")
    func staleFile() throws {
      let path = Served.freshPath()
      // Bound, and closed without unlinking: what a killed server leaves.
      let dead = chost_unix_socket()
      try #require(unsafe path.withCString { unsafe chost_unix_listen(dead, $0, 1) } == 0)
      close(dead)
      #expect(exists(path))
      let first = try server(path)
      #expect(throws: ServerError.inUse(path)) { try server(path) }
      #expect(exists(path))
      first.stop()
      try first.run()
      #expect(!exists(path))
    }

    @Test("what is not a socket is left alone, as is a file that another server has put there")
    func foreignFile() throws {
      let path = Served.freshPath()
      let file = try Owned.file(path, O_RDWR | O_CREAT)
      #expect(throws: ServerError.notASocket(path)) { try server(path) }
      #expect(exists(path))
      #expect(ServerError.notASocket(path).description.contains("remove it or choose another"))
      _ = unsafe unlink(path)
      let first = try server(path)
      _ = unsafe unlink(path)
      let second = try server(path)
      first.stop()
      try first.run()
      #expect(exists(path), "the second server's")
      second.stop()
      try second.run()
      #expect(!exists(path))
      _ = file
    }

    @Test("paths that cannot be are refused with the reason")
    func badPaths() {
      let long = "/tmp/" + String(repeating: "x", count: 120)
      #expect(throws: ServerError.unusablePath("")) { try server("") }
      #expect(throws: ServerError.unusablePath(long)) { try server(long) }
      #expect(throws: (any Error).self) { try server("/nonexistent-directory/x.sock") }
      do { _ = try server("/nonexistent-directory/x.sock") } catch {
        #expect(error.description == "listen on '/nonexistent-directory/x.sock': No such file or directory")
      }
    }

    @Test("a thousand clients, each with memory and interrupts, leave nothing behind")
    func manyClients() throws {
      let served = try Served()
      let ram = try Owned.memory(1 << 20), event = try Owned.event()
      _ = try served.client()
      let before = openDescriptors().count
      for round in 0..<1000 {
        let client = try served.client()
        client.send(message(2, Client.dmaMap(0, 1 << 20), flags: 0x10), [ram.number])
        client.send(message(8, Client.setIRQs(36, index: 0), flags: 0x10), [event.number])
        if round % 3 == 0 { #expect(client.errno(13) == 0) }
      }
      try served.servesNextClient()
      #expect(eventually { copies(of: ram.number) == 1 && copies(of: event.number) == 1 })
      // Other suites run meanwhile and have descriptors of their own; a leak here would be a thousand.
      #expect(openDescriptors().count < before + 500)
    }

    @Test("clients that come while one is served wait for their turn")
    func queue() throws {
      let served = try Served()
      let first = try served.client()
      let second = try Client(served.path)
      second.send(message(1, le(UInt32(0)), id: 99))
      #expect(first.errno(10, Client.access(7, 4, 2, [7, 0])) == 0)
      #expect(chost_wait_readable(second.socket, -1, -1, 50) == 0)
      shutdown(first.socket, CInt(SHUT_RDWR))
      #expect(second.reply()?.id == 99)
      #expect(second.request(9, Client.access(7, 4, 2))?.payload.suffix(2) == [0, 0])
    }

    /// How often the server's thread has gone to sleep; nil while it is awake.
    private func sleeps(_ served: Served) -> Int? {
      for task in names(in: "/proc/self/task")
      where text("/proc/self/task/\(task)/comm") == served.threadName + "\n" {
        let lines = text("/proc/self/task/\(task)/status").split(separator: "\n")
        guard lines.contains(where: { $0.hasPrefix("State:\tS") }) else { return nil }
        let line = lines.first { $0.hasPrefix("voluntary_ctxt") }
        return line.flatMap { Int($0.split(separator: "\t").last ?? "") }
      }
      return nil
    }

    /// The same, when it has gone to sleep after what it had to do. An answer has come, or the work is seen to be done, so
    /// nothing but its wait for more is left.
    private func sleepsAtRest(_ served: Served) throws -> Int {
      var count: Int?
      _ = eventually {
        count = sleeps(served)
        return count != nil
      }
      return try #require(count)
    }

    @Test("no wake-up without work, and one for each doorbell")
    func wakeUps() throws {
      let served = try Served()
      let client = try served.client()
      #expect(client.errno(13) == 0)
      let idle = try sleepsAtRest(served)
      usleep(2_000_000)
      // The system counts a sleep a moment after it calls a thread asleep.
      #expect(try sleepsAtRest(served) <= idle + 1)
      for index in 0..<100 {
        client.send(message(10, Client.access(0, 0x100, 2, [UInt8(index), 0]), flags: 0x10))
        try #require(eventually { served.function.writes.count == index + 1 })
        _ = try sleepsAtRest(served)
      }
      let after = try sleepsAtRest(served)
      // A lock that both sides want, of the tests' or of the allocator's, may cost a sleep here and there.
      #expect(99...150 ~= after - idle, "\(after - idle) for 100 doorbells")
    }
  }
}
