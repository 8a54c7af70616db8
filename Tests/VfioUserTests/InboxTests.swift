import CHost
import CLinuxVfio
import Glibc
import HostThreads
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// Bytes and descriptors as they come out of a socket.
  @Suite struct InboxTests {
    /// A message that was taken out, and what came with it.
    struct Found: Equatable {
      var id: UInt16
      var descriptors: Int
      var isIncomplete = false
    }

    /// An inbox for expectations, which cannot hold what cannot be copied.
    final class Mail {
      private var inbox: Inbox
      init(_ socket: CInt, largestMessage: Int) {
        inbox = Inbox(socket: socket, largestMessage: largestMessage)
      }

      func receive() -> Inbox.Arrival { inbox.receive() }

      /// The next message, taken out; nil if there is none.
      func next() -> Found? {
        guard case .message(let header, _) = inbox.front() else { return nil }
        let descriptors = inbox.takeDescriptors()
        inbox.dropFront()
        return Found(id: header.id, descriptors: descriptors.count, isIncomplete: descriptors.isIncomplete)
      }
    }

    private func pair() throws -> (Owned, Owned) {
      var numbers: [CInt] = [-1, -1]
      let result = unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &numbers)
      try #require(result == 0)
      return (try Owned(numbers[0]), try Owned(numbers[1]))
    }

    private func send(_ socket: CInt, _ bytes: [UInt8], _ descriptors: [CInt] = []) -> Int {
      unsafe chost_send(socket, bytes, bytes.count, descriptors, CInt(descriptors.count))
    }

    @Test("one read takes a burst, and descriptors stay with the message they were sent with")
    func burst() throws {
      let (ours, theirs) = try pair()
      let event = try Owned.event()
      let inbox = Mail(ours.number, largestMessage: 4096)
      #expect(inbox.receive() == .nothing)
      // Linux ends a read behind the piece with descriptors.
      #expect(send(theirs.number, message(1, id: 1) + message(1, id: 2)) == 32)
      #expect(send(theirs.number, message(1, [1, 2, 3], id: 3), [event.number, event.number]) == 19)
      #expect(send(theirs.number, message(1, id: 4)) == 16)
      #expect(inbox.receive() == .bytes)
      for (id, count) in [(1, 0), (2, 0), (3, 2)] {
        #expect(inbox.next() == Found(id: UInt16(id), descriptors: count))
      }
      #expect(inbox.next() == nil)
      #expect(inbox.receive() == .bytes)
      #expect(inbox.next()?.id == 4)
      #expect(copies(of: event.number) == 1)
    }

    @Test("two messages in parts, each with its own descriptors")
    func parts() throws {
      let (ours, theirs) = try pair()
      let event = try Owned.event()
      let inbox = Mail(ours.number, largestMessage: 4096)
      let first = message(1, [UInt8](repeating: 1, count: 100), id: 1)
      let second = message(1, [UInt8](repeating: 2, count: 100), id: 2)
      #expect(send(theirs.number, Array(first[..<50]), [event.number]) == 50)
      #expect(inbox.receive() == .bytes)
      #expect(inbox.next() == nil)
      // The rest of the first has no descriptors, so the start of the second comes in the same read.
      #expect(send(theirs.number, Array(first[50...])) == 66)
      #expect(send(theirs.number, Array(second[..<5]), [event.number, event.number]) == 5)
      #expect(inbox.receive() == .bytes)
      #expect(inbox.next() == Found(id: 1, descriptors: 1))
      #expect(inbox.next() == nil)
      #expect(send(theirs.number, Array(second[5...])) == 111)
      #expect(inbox.receive() == .bytes)
      #expect(inbox.next() == Found(id: 2, descriptors: 2))
    }

    @Test("messages of the largest size go through a buffer of twice that, at every offset")
    func wrapping() throws {
      let (ours, theirs) = try pair()
      let inbox = Mail(ours.number, largestMessage: 256)
      var received = 0
      for round in 0..<200 {
        let size = 240 - round
        let bytes = message(1, [UInt8](repeating: 7, count: max(0, size)), id: UInt16(round))
        #expect(send(theirs.number, bytes) == bytes.count)
        if round % 3 == 2 {
          while inbox.receive() == .bytes {
            while let found = inbox.next() {
              #expect(found.id == UInt16(received))
              received += 1
            }
          }
        }
      }
      shutdown(theirs.number, CInt(SHUT_RDWR))
      while inbox.receive() == .bytes { while inbox.next() != nil { received += 1 } }
      #expect(received == 200)
      #expect(inbox.receive() == .end)
    }

    @Test("an inbox that goes away closes what it holds")
    func abandoned() throws {
      let (ours, theirs) = try pair()
      let event = try Owned.event()
      do {
        let inbox = Mail(ours.number, largestMessage: 4096)
        #expect(send(theirs.number, message(1, [1], id: 1), [event.number]) == 17)
        #expect(inbox.receive() == .bytes)
        #expect(send(theirs.number, [1, 2, 3], [event.number]) == 3)
        #expect(copies(of: event.number) > 1)
      }
      #expect(copies(of: event.number) == 1)
    }

    @Test("descriptors for which the process has no room make their message incomplete")
    func noRoom() throws {
      struct Outcome {
        var found: Found?
        var left = -1
      }
      let outcome = Lock(Outcome())
      let pending = Pending()
      pending.start {
        // A table of this thread's own is filled up, so that nobody else notices.
        guard vfio_test_own_descriptors() == 0 else { return }
        var numbers: [CInt] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &numbers) == 0 else { return }
        let null = unsafe open("/dev/null", O_RDWR)
        _ = self.send(numbers[0], message(1, id: 5), [CInt](repeating: null, count: 8))
        var last = dup(null)
        while true {
          let next = dup(null)
          if next < 0 { break }
          last = next
        }
        for index in 0..<3 { close(last - CInt(index)) }
        let inbox = Mail(numbers[1], largestMessage: 256)
        _ = inbox.receive()
        let found = inbox.next()
        // All three are free again: they were closed with their message.
        let again = [dup(null), dup(null), dup(null), dup(null)]
        outcome.withLock {
          $0.found = found
          $0.left = again.count { $0 >= 0 }
        }
      }
      pending.join()
      let result = outcome.withLock { $0 }
      #expect(result.found == Found(id: 5, descriptors: 3, isIncomplete: true))
      #expect(result.left == 3)
    }
  }
}
