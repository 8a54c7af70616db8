import CHost
import CLinuxVfio
import Glibc
import GuestRAM
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// The client's memory: what is mapped, what is refused, and who owns the descriptors.
  @Suite struct DMATests {
    static let badMaps: [(String, UInt64, UInt64, UInt64, UInt32, CInt)] = [
      ("no bytes", 0, 0, 0, 3, EINVAL), ("a size of half a page", 0, 2048, 0, 3, EINVAL),
      ("an address inside a page", 2048, 4096, 0, 3, EINVAL),
      ("a file offset inside a page", 0, 4096, 512, 3, EINVAL),
      ("the end of the address space", .max - 4095, 4096, 0, 3, EINVAL),
      ("a wrap", .max - 4095, 8192, 0, 3, EINVAL),
      ("beyond the file", 1 << 20, (1 << 20) + 4096, 0, 3, EINVAL),
      ("behind the file", 0, 4096, 1 << 20, 3, EINVAL),
      ("an offset that wraps", 0, 8192, .max - 4095, 3, EINVAL),
      ("all there is", 0, .max - 4095, 0, 3, EEXIST),
      ("no permission", 0, 4096, 0, 0, EINVAL), ("an unknown flag", 0, 4096, 0, 7, EINVAL),
      ("only unknown flags", 0, 4096, 0, 8, EINVAL), ("an overlap in front", 0x1000, 0x1_0000, 0, 3, EEXIST),
      ("an overlap behind", 0x1_3000, 0x4000, 0, 3, EEXIST),
      ("a piece of what is there", 0x1_1000, 0x1000, 0, 3, EEXIST),
      ("more than what is there", 0, 0x2_0000, 0, 3, EEXIST),
      ("exactly what is there", 0x1_0000, 0x4000, 0, 3, EEXIST),
    ]

    @Test("a bad map is refused and its descriptor closed", arguments: badMaps)
    func badMap(name: String, address: UInt64, count: UInt64, offset: UInt64, flags: UInt32, error: CInt)
      throws
    {
      let served = try Served()
      let client = try served.client()
      let file = try Owned.memory(1 << 20)
      #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x4000), [file.number]) == 0)
      let before = served.memory.ranges
      #expect(
        client.errno(2, Client.dmaMap(address, count, offset: offset, flags: flags), [file.number])
          == UInt32(error))
      #expect(served.memory.ranges == before)
      #expect(copies(of: file.number) == 1)
      #expect(client.errno(3, Client.dmaUnmap(0x1_0000, 0x4000)) == 0, "the first map is untouched")
    }

    @Test("an overlap with memory that has no file is refused too")
    func remembered() throws {
      let served = try Served()
      let client = try served.client()
      let file = try Owned.memory(1 << 20)
      #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x4000)) == 0)
      #expect(client.errno(2, Client.dmaMap(0x1_2000, 0x4000), [file.number]) == UInt32(EEXIST))
      #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x4000)) == UInt32(EEXIST))
      #expect(served.memory.ranges.isEmpty)
    }

    static let badUnmaps: [(UInt64, UInt64, UInt32, CInt)] = [
      (0, 0, 0, EINVAL), (0x1_0000, 0, 0, EINVAL), (0x1_0000, 0x800, 0, EINVAL),
      (0x1_0001, 0x1000, 0, EINVAL),
      (.max - 4095, 8192, 0, EINVAL), (0x1_0000, 0x1000, 0, EINVAL), (0x1_1000, 0x3000, 0, EINVAL),
      (0x1_1000, 0x1000, 0, EINVAL), (0xf000, 0x2000, 0, EINVAL), (0x1_3000, 0x2_0000, 0, EINVAL),
      (0, 0x1000, 0, ENOENT),
      (0x8000_0000, 0x1000, 0, ENOENT), (0x1_0000, 0x4000, 1, EINVAL), (0x1_0000, 0x4000, 2, EINVAL),
      (0, 0x1000, 2, EINVAL),
      (0, 0, 3, EINVAL), (0x1_0000, 0x4000, 4, EINVAL), (0, 0, .max, EINVAL),
    ]

    @Test("a bad unmap is refused and changes nothing", arguments: badUnmaps)
    func badUnmap(address: UInt64, count: UInt64, flags: UInt32, error: CInt) throws {
      let served = try Served()
      let client = try served.client()
      let file = try Owned.memory(1 << 20)
      #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x4000), [file.number]) == 0)
      #expect(client.errno(2, Client.dmaMap(0x2_0000, 0x4000), [file.number]) == 0)
      #expect(client.errno(3, Client.dmaUnmap(address, count, flags: flags)) == UInt32(error))
      #expect(served.memory.ranges.count == 2)
    }

    @Test("one unmap takes all that lies inside it, with and without files")
    func unmapSeveral() throws {
      let served = try Served()
      let client = try served.client()
      let file = try Owned.memory(1 << 20)
      #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x4000), [file.number]) == 0)
      #expect(client.errno(2, Client.dmaMap(0x1_4000, 0x4000)) == 0)
      #expect(client.errno(2, Client.dmaMap(0x2_0000, 0x4000, offset: 0x8000, flags: 1), [file.number]) == 0)
      #expect(client.errno(2, Client.dmaMap(0x8_0000, 0x4000), [file.number]) == 0)
      #expect(
        client.request(3, Client.dmaUnmap(0x1_0000, 0x1_4000))?.payload == Client.dmaUnmap(0x1_0000, 0x1_4000)
      )
      #expect(served.memory.ranges.map(\.start.value) == [0x8_0000])
      #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x1_4000), [file.number]) == 0)
      #expect(client.errno(3, Client.dmaUnmap(0, 0, flags: 2)) == 0)
      #expect(served.memory.ranges.isEmpty)
      #expect(client.errno(3, Client.dmaUnmap(0, 0, flags: 2)) == 0, "nothing to do is not an error here")
    }

    @Test("descriptors that cannot be mapped as asked are refused and closed")
    func wrongKinds() throws {
      let served = try Served()
      let client = try served.client()
      var pair: [CInt] = [-1, -1]
      try #require(unsafe pipe(&pair) == 0)
      let kinds: [Owned] = [
        try .event(), try Owned(pair[0]), try Owned(pair[1]), try Owned(chost_unix_socket()),
        try .file("/", O_RDONLY),
        try .file("/dev/null", O_RDWR), try .file("/dev/zero", O_RDWR), try Owned(epoll_create1(0)),
        try .file("/proc/self/exe", O_RDONLY), try .file("/proc/self/exe", 0o10000000 /* O_PATH */),
      ]
      for kind in kinds {
        let before = copies(of: kind.number)
        for _ in 0..<20 {
          let error = try #require(client.errno(2, Client.dmaMap(0, 4096), [kind.number]))
          #expect(error != 0)
        }
        // Other suites may open or close the same files meanwhile; a leak here would be twenty.
        #expect(copies(of: kind.number) < before + 10)
      }
      #expect(served.memory.ranges.isEmpty)
      // A file that may only be read can be mapped if nothing more is asked.
      #expect(client.errno(2, Client.dmaMap(0, 4096, flags: 1), [kinds[8].number]) == 0)
    }

    @Test("surplus descriptors are refused and closed", arguments: [2, 9, 16, 17, 253])
    func surplus(count: Int) throws {
      let served = try Served()
      let client = try served.client()
      let file = try Owned.memory(1 << 20)
      let many = [CInt](repeating: file.number, count: count)
      let error = UInt32(count > 16 ? EMFILE : EINVAL)
      #expect(client.errno(2, Client.dmaMap(0, 4096), many) == error)
      #expect(copies(of: file.number) == 1)
      // On messages that take none they are closed and nothing else.
      #expect(client.errno(9, Client.access(7, 0, 4), many) == 0)
      #expect(client.errno(3, Client.dmaUnmap(0, 4096), many) == UInt32(ENOENT))
      #expect(client.errno(13, [], many) == 0)
      #expect(copies(of: file.number) == 1)
      #expect(client.errno(2, Client.dmaMap(0, 4096), [file.number]) == 0)
    }

    @Test("the table of maps is bounded, and a full one can be emptied")
    func manyMaps() throws {
      let served = try Served()
      let client = try served.client()
      for index in 0..<4096 {
        // Every other page, from the top down: the worst order.
        let request = message(2, Client.dmaMap(UInt64(20000 - index * 2) << 12, 4096), flags: 0x10)
        client.send(request)
      }
      #expect(client.errno(2, Client.dmaMap(1 << 40, 4096)) == UInt32(ENOSPC))
      #expect(client.errno(3, Client.dmaUnmap(20000 << 12, 4096)) == 0)
      #expect(client.errno(2, Client.dmaMap(1 << 40, 4096)) == 0)
      #expect(client.errno(3, Client.dmaUnmap(0, 0, flags: 2)) == 0)
      #expect(client.errno(2, Client.dmaMap(20000 << 12, 4096)) == 0)
    }

    @Test("descriptors stay with their message, however the messages arrive")
    func pairing() throws {
      let served = try Served()
      let client = try served.client()
      let small = try Owned.memory(4096), large = try Owned.memory(1 << 20)
      // Without a file, with a small one, without, with a large one: all before the server looks.
      client.send(message(2, Client.dmaMap(0x10_0000, 0x10_0000), flags: 0x10))
      client.send(message(2, Client.dmaMap(0x20_0000, 0x1000), flags: 0x10), [small.number])
      client.send(message(2, Client.dmaMap(0x30_0000, 0x10_0000), flags: 0x10))
      client.send(message(2, Client.dmaMap(0x40_0000, 0x10_0000), flags: 0x10), [large.number])
      #expect(client.errno(13) == 0)
      #expect(served.memory.ranges.map(\.start.value) == [0x20_0000, 0x40_0000])
      // A message in pieces: the descriptor comes with its first byte, or with a later one.
      let pieces = message(2, Client.dmaMap(0x60_0000, 0x1000))
      for cut in [1, 7, 16, 17, 47] {
        for late in [false, true] {
          client.send(Array(pieces[..<cut]), late ? [] : [small.number])
          usleep(2000)
          // The rest and the next message, which has a descriptor of its own, arrive together.
          client.send(Array(pieces[cut...]), late ? [small.number] : [])
          client.send(message(2, Client.dmaMap(0x70_0000, 0x10_0000), id: 8), [large.number])
          #expect(client.reply()?.error == 0)
          #expect(client.reply()?.error == 0)
          #expect(served.memory.ranges.suffix(2).map(\.start.value) == [0x60_0000, 0x70_0000])
          #expect(client.errno(3, Client.dmaUnmap(0x60_0000, 0x20_0000)) == 0)
        }
      }
      #expect(copies(of: small.number) == 1)
      #expect(copies(of: large.number) == 1)
    }
  }
}
