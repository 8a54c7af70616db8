import CHost
import CLinuxVfio
import Glibc
import HostThreads
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// SET_IRQS and what follows from it.
  @Suite struct InterruptTests {
    private enum Flags {
      static let none: UInt32 = 1, bool: UInt32 = 2, event: UInt32 = 4
      static let mask: UInt32 = 8, unmask: UInt32 = 16, trigger: UInt32 = 32
    }

    static let badSets: [(UInt32, UInt32, UInt32, UInt32)] = [
      // flags, index, start, count
      (0, 0, 0, 1), (1, 0, 0, 1), (32, 0, 0, 1), (3 | 32, 0, 0, 1), (7 | 32, 0, 0, 1), (1 | 48, 0, 0, 1),
      (1 | 56, 0, 0, 1),
      (1 | 32 | 64, 0, 0, 1), (.max, 0, 0, 1), (33, 5, 0, 1), (33, .max, 0, 1), (33, 0, 1, 1), (33, 0, 0, 2),
      (33, 2, 4, 1), (33, 2, 0, 5), (33, 2, 3, 2), (33, 2, .max, 1), (33, 2, 1, .max), (33, 2, .max, .max),
      (33, 1, 0, 1),
      (33, 2, 1, 0), (9, 2, 0, 0), (17, 0, 0, 0), (34, 0, 0, 0), (36, 0, 0, 0), (9, 3, 0, 1), (17, 3, 0, 1),
      (9, 4, 0, 1),
      (18, 4, 0, 1), (20, 3, 0, 1),
    ]

    @Test("sets that make no sense are refused, with and without descriptors", arguments: badSets)
    func badSet(flags: UInt32, index: UInt32, start: UInt32, count: UInt32) throws {
      let served = try Served()
      let client = try served.client()
      let event = try Owned.event()
      for descriptors in [[], [event.number]] {
        let request = Client.setIRQs(flags, index: index, start: start, count: count, data: [1, 1, 1, 1, 1])
        #expect(client.errno(8, request, descriptors) == UInt32(EINVAL))
      }
      #expect(copies(of: event.number) == 1)
      #expect(client.errno(8, Client.setIRQs(36, index: 2, start: 3), [event.number]) == 0)
    }

    @Test("all sensible pairs of data and action, for each kind")
    func sensibleSets() throws {
      let served = try Served()
      let client = try served.client()
      for index: UInt32 in [0, 2, 3, 4] {
        for data in [Flags.none, Flags.bool, Flags.event] {
          for action in [Flags.mask, Flags.unmask, Flags.trigger] {
            let error = client.errno(8, Client.setIRQs(data | action, index: index, data: [1]))
            let expected: CInt
            if index > 2, action != Flags.trigger {
              expected = EINVAL
            } else if data == Flags.event, action == Flags.mask || action == Flags.unmask && index == 2 {
              expected = ENOTTY
            } else {
              expected = 0
            }
            #expect(error == UInt32(expected), "index \(index), data \(data), action \(action)")
          }
        }
      }
      #expect(
        client.errno(8, Client.setIRQs(33, index: 1, count: 0)) == 0,
        "turning off what is not there is nothing")
    }

    @Test("a set of bytes that is too short is refused")
    func shortBools() throws {
      let served = try Served()
      let client = try served.client()
      for count in 0..<4 {
        let data = [UInt8](repeating: 1, count: count)
        #expect(
          client.errno(8, Client.setIRQs(Flags.bool | Flags.trigger, index: 2, count: 4, data: data))
            == UInt32(EINVAL))
      }
    }

    @Test(
      "a number of descriptors that is not the number of vectors is refused; one bad descriptor spoils all")
    func wrongDescriptors() throws {
      let served = try Served()
      let client = try served.client()
      let events = try (0..<4).map { _ in try Owned.event() }
      let numbers = events.map(\.number)
      let set = Client.setIRQs(36, index: 2, count: 4)
      for count in [1, 2, 3] { #expect(client.errno(8, set, Array(numbers.prefix(count))) == UInt32(EINVAL)) }
      #expect(client.errno(8, set, numbers + [numbers[0]]) == UInt32(EINVAL))
      #expect(client.errno(8, set, [CInt](repeating: numbers[0], count: 20)) == UInt32(EMFILE))
      var pair: [CInt] = [-1, -1]
      try #require(unsafe pipe(&pair) == 0)
      let wrong: [Owned] = [
        try Owned(pair[0]), try Owned(pair[1]), try .memory(4096), try Owned(chost_unix_socket()),
        try .file("/dev/null", O_RDWR),
        try Owned(epoll_create1(0)), try .file("/", O_RDONLY),
      ]
      for one in wrong {
        #expect(client.errno(8, set, Array(numbers.prefix(3)) + [one.number]) == UInt32(EINVAL))
        #expect(client.errno(8, Client.setIRQs(36, index: 0), [one.number]) == UInt32(EINVAL))
        #expect(
          client.errno(8, Client.setIRQs(Flags.event | Flags.unmask, index: 0), [one.number])
            == UInt32(EINVAL))
      }
      for number in numbers { #expect(copies(of: number) == 1) }
      #expect(client.errno(8, set, numbers) == 0)
      for number in numbers { #expect(copies(of: number) == 2) }
      for (vector, event) in events.enumerated() {
        served.function.sink?.signalMessage(vector: vector, address: 1, data: 2)
        #expect(event.wasSignalled)
      }
      #expect(client.errno(8, Client.setIRQs(33, index: 2, count: 0)) == 0)
      for number in numbers { #expect(copies(of: number) == 1) }
    }

    @Test(
      "a message for a vector without an eventfd waits for one, and is forgotten when the kind is turned off")
    func pendingMessage() throws {
      let served = try Served()
      let client = try served.client()
      let first = try Owned.event(), second = try Owned.event()
      let sink = try #require(served.function.sink)
      #expect(sink.ownsMSIXTable)
      for vector in [-1, 4, Int.max, Int.min] { sink.signalMessage(vector: vector, address: 0, data: 0) }
      sink.signalMessage(vector: 2, address: 0, data: 0)
      #expect(client.errno(8, Client.setIRQs(36, index: 2, start: 2), [first.number]) == 0)
      #expect(first.wasSignalled)
      #expect(client.errno(8, Client.setIRQs(36, index: 2, start: 2)) == 0)
      #expect(copies(of: first.number) == 1)
      sink.signalMessage(vector: 2, address: 0, data: 0)
      #expect(client.errno(8, Client.setIRQs(33, index: 2, count: 0)) == 0)
      #expect(client.errno(8, Client.setIRQs(36, index: 2, start: 2), [second.number]) == 0)
      #expect(!first.wasSignalled && !second.wasSignalled)
      // Replacing an eventfd closes the old one.
      #expect(client.errno(8, Client.setIRQs(36, index: 2, start: 2), [first.number]) == 0)
      #expect(copies(of: second.number) == 1)
      // Masked, a message waits for the unmask; a test trigger does not.
      #expect(
        client.errno(8, Client.setIRQs(Flags.bool | Flags.mask, index: 2, count: 4, data: [0, 0, 1, 0])) == 0)
      sink.signalMessage(vector: 2, address: 0, data: 0)
      #expect(!first.wasSignalled)
      #expect(client.errno(8, Client.setIRQs(33, index: 2, start: 2)) == 0)
      #expect(first.wasSignalled)
      #expect(client.errno(8, Client.setIRQs(Flags.none | Flags.unmask, index: 2, start: 2)) == 0)
      #expect(first.wasSignalled)
    }

    @Test("INTx is a level: masked by each signal, signalled again by an unmask while it is up")
    func pin() throws {
      let served = try Served()
      let client = try served.client()
      let event = try Owned.event()
      let sink = try #require(served.function.sink)
      let unmask = Client.setIRQs(Flags.none | Flags.unmask, index: 0)
      // Up before the client listens: told when it does.
      sink.setINTx(asserted: true)
      #expect(client.errno(8, Client.setIRQs(36, index: 0), [event.number]) == 0)
      #expect(event.wasSignalled)
      sink.setINTx(asserted: false)
      sink.setINTx(asserted: true)
      #expect(!event.wasSignalled, "masked by the signal")
      #expect(client.errno(8, unmask) == 0)
      #expect(event.wasSignalled)
      #expect(client.errno(8, unmask) == 0)
      #expect(event.wasSignalled, "still up")
      sink.setINTx(asserted: false)
      #expect(client.errno(8, unmask) == 0)
      #expect(!event.wasSignalled)
      #expect(client.errno(8, Client.setIRQs(Flags.bool | Flags.mask, index: 0, data: [1])) == 0)
      sink.setINTx(asserted: true)
      #expect(!event.wasSignalled)
      #expect(client.errno(8, Client.setIRQs(Flags.bool | Flags.unmask, index: 0, data: [0])) == 0)
      #expect(!event.wasSignalled, "not chosen")
      #expect(client.errno(8, Client.setIRQs(Flags.bool | Flags.unmask, index: 0, data: [1])) == 0)
      #expect(event.wasSignalled)
      // Turned off and on again: a fresh start, and the line is still up.
      #expect(client.errno(8, Client.setIRQs(33, index: 0, count: 0)) == 0)
      #expect(client.errno(8, Client.setIRQs(36, index: 0), [event.number]) == 0)
      #expect(event.wasSignalled)
      // A reset of the function lowers it.
      #expect(client.errno(13) == 0)
      #expect(client.errno(8, unmask) == 0)
      #expect(!event.wasSignalled)
    }

    @Test("INTx can be unmasked by an eventfd of the client's")
    func unmaskEvent() throws {
      let served = try Served()
      let client = try served.client()
      let event = try Owned.event(), unmask = try Owned.event()
      let sink = try #require(served.function.sink)
      #expect(client.errno(8, Client.setIRQs(36, index: 0), [event.number]) == 0)
      #expect(client.errno(8, Client.setIRQs(Flags.event | Flags.unmask, index: 0), [unmask.number]) == 0)
      for _ in 0..<5 {
        sink.setINTx(asserted: true)
        #expect(event.isSignalledSoon())
        #expect(chost_event_signal(unmask.number) == 0)
      }
      sink.setINTx(asserted: false)
      _ = eventually { !event.wasSignalled }
      #expect(client.errno(8, Client.setIRQs(Flags.event | Flags.unmask, index: 0)) == 0)
      #expect(copies(of: unmask.number) == 1)
    }

    @Test("an eventfd that is full, or made blocking, does not hold up the device")
    func fullEvent() throws {
      let served = try Served()
      let client = try served.client()
      let event = try Owned(eventfd(0, 0))
      #expect(client.errno(8, Client.setIRQs(36, index: 2), [event.number]) == 0)
      #expect(fcntl(event.number, F_GETFL) & O_NONBLOCK != 0)
      // The client has the same open file, so it can undo that.
      #expect(fcntl(event.number, F_SETFL, O_RDWR) == 0)
      var most = UInt64.max - 1
      let written = unsafe write(event.number, &most, 8)
      try #require(written == 8)
      let sink = try #require(served.function.sink)
      for _ in 0..<100 { sink.signalMessage(vector: 0, address: 0, data: 0) }
      #expect(client.errno(13) == 0)
    }

    @Test("taking from an eventfd that was made blocking and emptied by the client does not wait")
    func emptyEvent() throws {
      let event = try Owned(eventfd(0, 0))
      let number = event.number
      let taken = Lock<CInt?>(nil)
      let server = Pending()
      server.start {
        let result = chost_event_take(number)
        taken.withLock { $0 = result }
      }
      #expect(eventually { taken.withLock { $0 } == 0 })
      #expect(chost_event_signal(number) == 0)  // frees a thread that waits
      server.join()
      #expect(chost_event_take(number) == 1)
      #expect(chost_event_take(number) == 0)
      #expect(chost_event_take(-1) == -EBADF)
    }

    @Test("interrupts from the device's thread while clients come, change everything and go")
    func fromAnotherThread() throws {
      let served = try Served()
      let events = try (0..<4).map { _ in try Owned.event() }
      #expect(eventually { served.function.sink != nil })
      let sink = try #require(served.function.sink)
      let isOver = Lock(false)
      let device = Pending()
      device.start {
        var level = false
        while !isOver.withLock({ $0 }) {
          for vector in 0..<4 { sink.signalMessage(vector: vector, address: 0, data: 0) }
          level.toggle()
          sink.setINTx(asserted: level)
        }
      }
      for round in 0..<40 {
        let client = try served.client()
        for step in 0..<20 {
          let event = events[(round + step) % 4].number
          let start = UInt32(step % 4)
          client.send(message(8, Client.setIRQs(36, index: 2, start: start), flags: 0x10), [event])
          client.send(message(8, Client.setIRQs(36, index: 0), flags: 0x10), [event])
          client.send(
            message(8, Client.setIRQs(UInt32(step % 2 == 0 ? 9 : 17), index: 2, start: start), flags: 0x10))
          client.send(message(8, Client.setIRQs(17, index: 0), flags: 0x10))
          if step % 5 == 4 { client.send(message(8, Client.setIRQs(33, index: 2, count: 0), flags: 0x10)) }
        }
        #expect(client.errno(13) == 0)
      }
      isOver.withLock { $0 = true }
      device.join()
      #expect(eventually { events.allSatisfy { copies(of: $0.number) == 1 } })
    }

    @Test("a client's eventfds are closed when it leaves, and no interrupt reaches it any more")
    func leaving() throws {
      let served = try Served()
      let events = try (0..<7).map { _ in try Owned.event() }
      do {
        let client = try served.client()
        for vector in 0..<4 {
          #expect(
            client.errno(8, Client.setIRQs(36, index: 2, start: UInt32(vector)), [events[vector].number]) == 0
          )
        }
        #expect(client.errno(8, Client.setIRQs(36, index: 0), [events[4].number]) == 0)
        #expect(client.errno(8, Client.setIRQs(36, index: 3), [events[5].number]) == 0)
        #expect(client.errno(8, Client.setIRQs(36, index: 4), [events[6].number]) == 0)
        for event in events { #expect(copies(of: event.number) == 2) }
        #expect(client.errno(8, Client.setIRQs(33, index: 3)) == 0)
        #expect(events[5].wasSignalled)
      }
      #expect(eventually { events.allSatisfy { copies(of: $0.number) == 1 } })
      let sink = try #require(served.function.sink)
      for vector in 0..<4 { sink.signalMessage(vector: vector, address: 0, data: 0) }
      #expect(events.allSatisfy { !$0.wasSignalled })
    }
  }
}
