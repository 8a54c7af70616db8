import CVirtioGPUABI
import DisplayModel
import FrontEndAPI
import Testing

@testable import VirtioGPU

/// Requests that are almost right, by the thousand: whatever they ask, every buffer comes back, what a
/// front-end sees stays inside its surface, and a reset returns all memory.
@Suite struct RandomRequestTests {
  @Test(arguments: 0..<6 as Range<UInt64>)
  func `no request does harm`(_ seed: UInt64) throws {
    var random = Generator(state: seed)
    let guest = try TestGuest(
      outputs: Array(repeating: (640, 480), count: 1 + Int(seed)),
      limits: DisplayLimits(maxResources: 20, memory: 8 << 20),
      features: [VIRTIO_GPU_F_EDID, VIRTIO_GPU_F_RESOURCE_UUID, VIRTIO_GPU_F_RESOURCE_BLOB])
    let channel = try guest.device.attach(Viewer())
    for round in 0..<700 {
      var (request, queue) = Self.request(&random)
      // One in four has a word changed anywhere, one in eight is cut.
      if random.below(4) == 0, !request.isEmpty {
        let at = Int(random.below(UInt64(request.count)))
        request[at] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.below(8) == 0 { request = Array(request[..<Int(random.below(UInt64(request.count)))]) }
      if random.below(50) == 0 { queue = 1 - queue }
      let room: Int? = request.isEmpty ? 24 : [nil, 24, 408, 2048, 2048, 2048][Int(random.below(6))]
      let response = guest.send(request, on: queue, room: room)
      #expect(response != nil, "a buffer did not come back")
      #expect(guest.device.memoryInUse <= 8 << 20)
      guard round % 16 == 0 else { continue }
      for output in 0..<channel.outputCount {
        let changes = try #require(channel.takeChanges(ofOutput: output))
        for rectangle in changes.damage {
          #expect(UInt64(rectangle.x) + UInt64(rectangle.width) <= UInt64(changes.output.width))
          #expect(UInt64(rectangle.y) + UInt64(rectangle.height) <= UInt64(changes.output.height))
        }
        let size = channel.withSurface(ofOutput: output) { [$0.width, $0.height] }
        #expect(size == (changes.output.isEnabled ? [changes.output.width, changes.output.height] : nil))
      }
      if random.below(20) == 0 { guest.device.reset() }
    }
    guest.device.reset()
    for output in 0..<channel.outputCount { _ = channel.takeChanges(ofOutput: output) }
    #expect(guest.device.memoryInUse == 0)
    // Most were right, so this went through every command, not just through the checks.
    let refused = RefusalKind.allCases.reduce(0) { $0 + guest.device.refusals($1) }
    #expect((100..<650).contains(refused))
  }

  /// A request on few names and small pictures, so that they meet, and the queue that it belongs on.
  private static func request(_ random: inout Generator) -> ([UInt8], Int) {
    let id = UInt32(random.below(6)), output = UInt32(random.below(4))
    let side = { (random: inout Generator) in UInt32([1, 7, 64, 64, 100, 300][Int(random.below(6))]) }
    let width = side(&random), height = side(&random)
    let r = (UInt32(random.below(40)), UInt32(random.below(40)), width, height)
    switch random.below(16) {
    case 0: return (Request.displayInfo(), 0)
    case 1: return (Request.edid(output), 0)
    case 2, 3:
      return (
        Request.create(id, width, height, format: [1, 2, 3, 4, 67, 68, 121, 134][Int(random.below(8))]), 0
      )
    case 4: return (Request.unref(id), 0)
    case 5: return (Request.setScanout(output, id, random.below(2) == 0 ? (0, 0, width, height) : r), 0)
    case 6: return (Request.flush(id, r), 0)
    case 7, 8: return (Request.transfer(id, r, offset: random.below(3) * 1000), 0)
    case 9:
      let entries = (0..<(1 + random.below(30))).map { index in
        (UInt64(TestGuest.pictures) + index * 8192 + random.below(100), UInt32(1 + random.below(8192)))
      }
      return (Request.attach(id, entries), 0)
    case 12, 13:
      let pages = UInt32(1 + random.below(30))
      let size = random.below(4) == 0 ? random.next() : UInt64(pages) * 4096 - random.below(4096)
      let entries = [(UInt64(TestGuest.pictures) + random.below(100), pages * 4096)]
      return (Request.createBlob(id, size: size, random.below(8) == 0 ? [] : entries), 0)
    case 14:
      let format = [1, 2, 3, 4, 67, 68, 121, 134][Int(random.below(8))] as UInt32
      let stride = width * 4 + UInt32(random.below(50)), offset = UInt32(random.below(300))
      return (
        Request.setScanoutBlob(
          output, id, random.below(2) == 0 ? (0, 0, width, height) : r, width, height, format: format,
          stride: stride, offset: offset), 0
      )
    case 15: return (Request.assignUUID(id), 0)
    case 10: return (Request.detach(id), 0)
    default:
      let x = UInt32(truncatingIfNeeded: random.next())
      return (
        random.below(2) == 0 ? Request.updateCursor(output, x, 5, id: id) : Request.moveCursor(output, x, 5),
        1
      )
    }
  }

  /// A small generator with a seed, so that a failing case can be run again.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
      return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
  }
}
