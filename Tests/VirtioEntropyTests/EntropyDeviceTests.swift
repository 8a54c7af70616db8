import GuestDriver
import GuestRAM
import Testing
import VirtioCore
import VirtioEntropy

@Suite struct EntropyDeviceTests {
  /// What lies behind a buffer, to see that nothing was written there.
  private static let mark: UInt8 = 0xff

  private func guest(_ source: any EntropySource) throws -> EntropyGuest {
    let guest = try EntropyGuest(source)
    guest.ram.fill(EntropyGuest.buffers, count: 1 << 20, with: Self.mark)
    return guest
  }

  /// Bytes `start` to `start + count` of a counting source.
  private func expected(_ start: Int, _ count: Int) -> [UInt8] {
    (start..<start + count).map(CountingSource.byte)
  }

  @Test(
    "a buffer is filled to its end and not further", arguments: [1, 2, 255, 4095, 4096, 4097, 9000, 65536])
  func whole(count: Int) throws {
    let guest = try guest(CountingSource())
    #expect(try guest.send([guest.room(count)]) == count)
    let bytes = guest.ram.read(EntropyGuest.buffers, count: count + 64)
    #expect(bytes.prefix(count).elementsEqual(expected(0, count)))
    #expect(bytes.suffix(64).allSatisfy { $0 == Self.mark })
  }

  @Test("a larger buffer gets 64 KiB and the rest stays as it was", arguments: [65537, 100_000, 1 << 20])
  func bounded(count: Int) throws {
    let source = CountingSource()
    let guest = try guest(source)
    #expect(try guest.send([guest.room(count)]) == EntropyDevice.largestFill)
    let bytes = guest.ram.read(EntropyGuest.buffers, count: count)
    #expect(bytes.prefix(65536).elementsEqual(expected(0, 65536)))
    #expect(bytes.dropFirst(65536).allSatisfy { $0 == Self.mark })
    #expect(source.given.load(ordering: .relaxed) == 65536)
  }

  @Test("a buffer in many pieces is filled in their order, across gaps")
  func pieces() throws {
    let guest = try guest(CountingSource())
    let places = (0..<9).map { (at: EntropyGuest.buffers + UInt64($0) * 8192, count: 1 + $0 * 700) }
    let total = places.reduce(0) { $0 + $1.count }
    #expect(try guest.send(places.map { guest.room($0.count, at: $0.at) }) == total)
    var start = 0
    for place in places {
      let bytes = guest.ram.read(place.at, count: place.count + 1)
      #expect(bytes.dropLast().elementsEqual(expected(start, place.count)) && bytes.last == Self.mark)
      start += place.count
    }
  }

  @Test("no byte is given twice")
  func once() throws {
    let guest = try guest(CountingSource())
    var start = 0
    for count in [7, 4096, 5000, 1, 64] {
      #expect(try guest.send([guest.room(count)]) == count)
      #expect(guest.ram.read(EntropyGuest.buffers, count: count) == expected(start, count))
      start += count
    }
  }

  @Test("what a driver sends is not read, and stays")
  func readable() throws {
    let guest = try guest(CountingSource())
    let sent = RingDescriptor(address: EntropyGuest.buffers + 0x1000, length: 100)
    #expect(try guest.send([sent, guest.room(50)]) == 50)
    #expect(guest.ram.read(EntropyGuest.buffers, count: 50) == expected(0, 50))
    #expect(guest.ram.read(sent.address, count: 100).allSatisfy { $0 == Self.mark })
  }

  @Test("a buffer without room comes back empty and costs no bytes")
  func noRoom() throws {
    let source = CountingSource()
    let guest = try guest(source)
    #expect(try guest.send([RingDescriptor(address: EntropyGuest.buffers, length: 100)]) == 0)
    #expect(source.calls.load(ordering: .relaxed) == 0)
    #expect(try guest.send([guest.room(3)]) == 3)
  }

  @Test("a queue full of buffers is served at one doorbell")
  func full() throws {
    let guest = try guest(CountingSource())
    #expect(guest.ring.size == 64)
    for index in 0..<64 {
      _ = try guest.ring.offer([guest.room(100, at: EntropyGuest.buffers + UInt64(index) * 128)])
    }
    guest.kick()
    for index in 0..<64 {
      #expect(try guest.ring.takeUsed()?.length == 100)
      let bytes = guest.ram.read(EntropyGuest.buffers + UInt64(index) * 128, count: 100)
      #expect(bytes == expected(index * 100, 100))
    }
    #expect(try guest.ring.takeUsed() == nil)
  }

  @Test("a source that gives little at a time is asked again", arguments: [1, 100, 4095])
  func meagre(most: Int) throws {
    let guest = try guest(CountingSource(most: most))
    #expect(try guest.send([guest.room(5000)]) == 5000)
    #expect(guest.ram.read(EntropyGuest.buffers, count: 5000) == expected(0, 5000))
  }

  @Test("a source that fails leaves the buffer as it was and the device alive")
  func dry() throws {
    let guest = try guest(CountingSource(most: 0))
    #expect(try guest.send([guest.room(5000)]) == 0)
    #expect(try guest.send([guest.room(1)]) == 0)
    #expect(guest.ram.read(EntropyGuest.buffers, count: 5000).allSatisfy { $0 == Self.mark })
    #expect(!guest.status.contains(.needsReset))
  }

  @Test("a buffer outside guest memory stops the device, which gives nothing away")
  func outside() throws {
    let source = CountingSource()
    let guest = try guest(source)
    #expect(try guest.send([guest.room(64, at: 0x7000_0000)]) == nil)
    #expect(guest.status.contains(.needsReset))
    #expect(source.calls.load(ordering: .relaxed) == 0)
  }

  @Test("the system's bytes look random: no value is far from its share, no two buffers are equal")
  func system() throws {
    let guest = try guest(SystemEntropy())
    var seen: Set<[UInt8]> = []
    var counts = [Int](repeating: 0, count: 256)
    for _ in 0..<16 {
      #expect(try guest.send([guest.room(65536)]) == 65536)
      let bytes = guest.ram.read(EntropyGuest.buffers, count: 65536)
      seen.insert(bytes)
      for byte in bytes { counts[Int(byte)] += 1 }
    }
    #expect(seen.count == 16)
    // 255 degrees of freedom: mean 255, deviation 22.6; ten deviations do not happen.
    let share = Double(16 * 65536) / 256
    let chiSquare = counts.reduce(0) { $0 + (Double($1) - share) * (Double($1) - share) / share }
    #expect(chiSquare < 480 && chiSquare > 30)
  }
}
