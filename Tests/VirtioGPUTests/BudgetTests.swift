import CVirtioGPUABI
import DisplayModel
import GuestRAM
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA.rawValue
private let memory = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY.rawValue

@Suite struct BudgetTests {
  @Test func `resources fill the budget, no more, and give it back`() throws {
    let guest = try TestGuest(limits: DisplayLimits(memory: 1 << 20))
    for _ in 0..<3 {
      var made: UInt32 = 0
      while guest.type(Request.create(made + 1, 100, 100)) == ok { made += 1 }
      #expect((20...26).contains(made))  // 40,000 bytes each
      #expect(guest.device.memoryInUse <= 1 << 20)
      #expect(guest.type(Request.create(made + 1, 100, 100)) == memory)
      for id in 1...made { #expect(guest.type(Request.unref(id)) == ok) }
      #expect(guest.device.memoryInUse == 0)
    }
  }

  @Test func `no more resources than the limit, however small`() throws {
    let guest = try TestGuest(limits: DisplayLimits(maxResources: 50))
    for id in 1...50 as ClosedRange<UInt32> { #expect(guest.type(Request.create(id, 1, 1)) == ok) }
    #expect(guest.type(Request.create(51, 1, 1)) == memory)
    #expect(guest.type(Request.unref(7)) == ok)
    #expect(guest.type(Request.create(51, 1, 1)) == ok)
  }

  @Test func `backing lists count`() throws {
    let guest = try TestGuest(limits: DisplayLimits(memory: 300_000))
    #expect(guest.type(Request.create(1, 8, 8)) == ok)
    let long = (0..<16000).map { (UInt64(TestGuest.pictures + $0 % 2 * 8192), UInt32(16)) }
    #expect(guest.type(Request.attach(1, long)) == memory)
    let short = Array(long[..<1000])
    #expect(guest.type(Request.attach(1, short)) == ok)
    #expect(guest.device.memoryInUse > 1000 * 16)
  }

  @Test func `an entry over many regions counts as many extents, and so does looking it up again`() throws {
    let guest = try TestGuest()
    #expect(guest.type(Request.create(1, 8, 8)) == ok)
    let pages = 512
    func mapByPages() throws {
      let all = GuestRange(start: GuestAddress(0), count: UInt64(TestGuest.pages * 4096))!
      try guest.memory.remove(all)
      try guest.mapBelow(TestGuest.pictures)
      for page in 0..<pages { try guest.mapPage(TestGuest.pictures / 4096 + page) }
    }
    let entry = (UInt64(TestGuest.pictures), UInt32(pages * 4096))
    #expect(guest.type(Request.attach(1, [entry])) == ok)
    let before = guest.device.memoryInUse
    try mapByPages()
    #expect(guest.type(Request.transfer(1, (0, 0, 8, 8), offset: 0)) == ok)
    #expect(guest.device.memoryInUse >= before + UInt64((pages - 20) * 24))
    #expect(guest.type(Request.detach(1)) == ok)
    #expect(guest.type(Request.attach(1, [entry])) == ok)
    #expect(guest.device.memoryInUse >= before + UInt64((pages - 20) * 24))
    #expect(guest.type(Request.unref(1)) == ok)
    #expect(guest.device.memoryInUse == 0)
  }

  @Test func `a finished surface counts when its output is turned on, once for a page flip`() throws {
    let guest = try TestGuest(
      outputs: Array(repeating: (640, 480), count: 16), limits: DisplayLimits(memory: 10 << 20))
    // 4 MiB of pixels; one surface of it fits, a second does not.
    #expect(guest.type(Request.create(1, 1024, 1024)) == ok)
    #expect(guest.type(Request.setScanout(0, 1, (0, 0, 1024, 1024))) == ok)
    #expect(guest.type(Request.setScanout(1, 1, (0, 0, 1024, 1024))) == memory)
    #expect(guest.type(Request.setScanout(1, 1, (0, 0, 16, 16))) == ok)
    let before = guest.device.memoryInUse
    #expect(guest.type(Request.setScanout(0, 1, (0, 0, 1024, 1024))) == ok)
    #expect(guest.device.memoryInUse == before)
    #expect(guest.type(Request.setScanout(0, 0, (0, 0, 0, 0))) == ok)
    #expect(guest.device.memoryInUse <= before - 4 << 20)
    #expect(guest.type(Request.setScanout(1, 1, (0, 0, 1024, 1024))) == ok)
  }

  @Test func `memory that a front-end still holds stays charged until it lets go`() throws {
    let guest = try TestGuest()
    let channel = try guest.device.attach(Viewer())
    #expect(guest.type(Request.create(1, 512, 512)) == ok)
    #expect(guest.type(Request.setScanout(0, 1, (0, 0, 512, 512))) == ok)
    _ = channel.takeChanges(ofOutput: 0)
    _ = channel.withSurface(ofOutput: 0) { _ in
      #expect(guest.type(Request.unref(1)) == ok)
      #expect(guest.device.memoryInUse == 1 << 20)  // the finished surface
    }
    #expect(guest.device.memoryInUse == 0)
  }
}
