import CHost
import Glibc
import GuestRAM
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// What a VMM does, in its order.
  @Suite struct GoodPathTests {
    @Test("a client that speaks like QEMU attaches, runs, resets and leaves")
    func likeQEMU() throws {
      let served = try Served()
      let ram = try Owned.memory(4 << 20)
      let pin = try Owned.event(), fault = try Owned.event(), vector = try Owned.event()
      do {
        let client = try Client(served.path)
        let version = try client.negotiate()
        #expect(version.size <= 214)
        #expect(Array(version.payload[0..<4]) == [0, 0, 0, 0])
        #expect(version.payload.last == 0)
        #expect(version.payload.dropFirst(4).dropLast().allSatisfy { $0 != 0 })
        #expect(String(decoding: version.payload, as: UTF8.self).contains("\"write_multiple\":true"))

        // Memory, in a burst of which only the last is waited for: RAM with a file, flash without one.
        client.send(message(2, Client.dmaMap(0, 4 << 20), flags: 0x10), [ram.number])
        #expect(client.errno(2, Client.dmaMap(0xfffc_0000, 0x40000, flags: 1)) == 0)
        #expect(served.memory.ranges.map(\.count) == [4 << 20])

        let info = try #require(client.request(4, le(UInt32(16)) + [UInt8](repeating: 0, count: 12)))
        #expect(info.payload == le(UInt32(16)) + le(UInt32(3)) + le(UInt32(9)) + le(UInt32(5)))
        let sizes: [UInt64] = [4096, 64, 0, 0, 1 << 20, 0, 0, 256, 0]
        for (index, size) in sizes.enumerated() {
          let request = le(UInt32(32)) + le(UInt32(0)) + le(UInt32(index)) + [UInt8](repeating: 0, count: 20)
          let reply = try #require(client.request(5, request))
          let flags: UInt32 = size == 0 ? 0 : 3
          #expect(
            reply.payload == le(UInt32(32)) + le(flags) + le(UInt32(index)) + le(UInt32(0)) + le(size)
              + le(UInt64(0)))
        }
        let configuration = try #require(client.request(9, Client.access(7, 0, 256)))
        #expect(configuration.payload.count == 16 + 256)
        #expect(Array(configuration.payload[16..<20]) == [0x36, 0x1b, 0x05, 0x00])
        for (index, (flags, count)) in [(7, 1), (1, 0), (3, 4), (1, 1), (1, 1)].enumerated() {
          let reply = try #require(
            client.request(7, le(UInt32(16)) + le(UInt32(0)) + le(UInt32(index)) + le(UInt32(0))))
          #expect(
            reply.payload == le(UInt32(16)) + le(UInt32(flags)) + le(UInt32(index)) + le(UInt32(count)))
        }
        #expect(client.errno(8, Client.setIRQs(0x24, index: 0), [pin.number]) == 0)
        #expect(client.errno(8, Client.setIRQs(0x24, index: 3), [fault.number]) == 0)

        // The machine's reset.
        #expect(client.errno(8, Client.setIRQs(0x21, index: 0, count: 0)) == 0)
        #expect(client.errno(10, Client.access(7, 4, 2, [0x06, 0x00])) == 0)
        #expect(client.errno(13) == 0)
        #expect(served.function.resets == 1)
        #expect(client.errno(8, Client.setIRQs(0x24, index: 0), [pin.number]) == 0)

        // The firmware moves low memory.
        #expect(client.request(3, Client.dmaUnmap(0, 4 << 20))?.payload == Client.dmaUnmap(0, 4 << 20))
        #expect(client.errno(2, Client.dmaMap(0, 0xc0000), [ram.number]) == 0)
        #expect(
          client.errno(2, Client.dmaMap(0xc0000, 0x20000, offset: 0xc0000, flags: 1), [ram.number]) == 0)
        #expect(client.errno(2, Client.dmaMap(0xe0000, 0x20000, flags: 1)) == 0)

        // The driver takes the device: MSI-X instead of INTx, one vector at a time.
        #expect(client.errno(8, Client.setIRQs(0x21, index: 0, count: 0)) == 0)
        #expect(client.errno(8, Client.setIRQs(0x24, index: 2, start: 0)) == 0)
        #expect(client.errno(8, Client.setIRQs(0x24, index: 2, start: 1), [vector.number]) == 0)
        served.function.sink?.signalMessage(vector: 1, address: 0, data: 0)
        #expect(vector.wasSignalled)
        #expect(!pin.wasSignalled)

        // A posted doorbell, several at once, and a read that must come behind them.
        client.send(message(10, Client.access(0, 0x100, 2, [1, 0]), flags: 0x10))
        client.send(
          message(10, Client.access(0, 0x104, 2, [2, 0]), flags: 0x10)
            + message(10, Client.access(0, 0x108, 4, [3, 0, 0, 0]), flags: 0x10))
        let read = try #require(client.request(9, Client.access(0, 0x10, 4)))
        #expect(read.payload == Client.access(0, 0x10, 4, [0x10, 0x11, 0x12, 0x13]))
        #expect(served.function.writes.suffix(3).map(\.offset) == [0x100, 0x104, 0x108])
        #expect(served.function.writes.last?.bytes == [3, 0, 0, 0])
        let rows =
          Client.access(0, 0x20, 2, [9, 8, 0, 0, 0, 0, 0, 0])
          + Client.access(1, 8, 8, [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(client.request(15, le(UInt64(2)) + rows)?.payload == le(UInt64(2)))
        #expect(served.function.writes.suffix(2).map(\.bytes) == [[9, 8], [1, 2, 3, 4, 5, 6, 7, 8]])
        #expect(served.function.writes.last?.region == .bar(1))
      }
      #expect(eventually { served.function.resets == 2 })
      try served.servesNextClient()
      for owned in [ram, pin, fault, vector] { #expect(copies(of: owned.number) == 1) }
    }

    @Test("write_multiple is offered only to a client that has it")
    func subset() throws {
      let served = try Served()
      let client = try Client(served.path)
      // What Cloud Hypervisor's client sends.
      let reply = try client.negotiate(
        "{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":1048576,\"migration\":{\"pgsize\":4096}}}"
      )
      let json = String(decoding: reply.payload.dropFirst(4).dropLast(), as: UTF8.self)
      #expect(
        json
          == "{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":65536,\"max_dma_maps\":4096,\"pgsizes\":4096}}"
      )
    }

    @Test("a reply of the largest size arrives whole")
    func largestRead() throws {
      let served = try Served()
      let client = try served.client()
      let reply = try #require(client.request(9, Client.access(4, 0x100, 65536)))
      #expect(reply.payload.count == 16 + 65536)
      #expect(reply.payload[16...].enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: 0x100 + $0) })
      let data = (0..<65536).map { UInt8(truncatingIfNeeded: $0 * 7) }
      #expect(client.errno(10, Client.access(4, 0x2000, 65536, data)) == 0)
      #expect(served.function.writes.last?.bytes == data)
    }

    @Test("memory that is not shared is named once")
    func unsharedMemory() throws {
      let served = try Served()
      let client = try served.client()
      #expect(client.errno(2, Client.dmaMap(0, 512 << 20)) == 0)
      #expect(client.errno(2, Client.dmaMap(1 << 32, 512 << 20)) == 0)
      #expect(client.errno(2, Client.dmaMap(0xfffc_0000, 0x40000, flags: 1)) == 0)
      #expect(
        served.log.lines.count { $0.contains("guest memory is not shared") && $0.contains("share=on") } == 1)
      #expect(client.errno(3, Client.dmaUnmap(0, 512 << 20)) == 0)
      #expect(client.errno(3, Client.dmaUnmap(0, 0, flags: 2)) == 0)
      #expect(client.errno(2, Client.dmaMap(0, 512 << 20)) == 0)
    }
  }
}
