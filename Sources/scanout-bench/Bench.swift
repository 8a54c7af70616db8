import CBenchmark
import DeviceMachine
import GuestDriver
import ScanoutDevice

/// A device in this process, with the simulator's driver in front of it.
struct Bench {
  let device: DisplayDevice
  let driver: GPUDriver
  let ram: GuestRAMImage
  let block: RAMBlock

  /// - Parameter clock: what fenced flushes wait for refreshes by; nil: they do not.
  init(
    scheduling: Scheduling, clock: (@Sendable () -> ContinuousClock.Instant)? = nil
  ) throws {
    let memory = GuestMemory()
    guard let output = OutputMode(width: 1920, height: 1080) else { throw BenchError() }
    device = try DisplayDevice(
      outputs: [output, output].map { OutputPreference(mode: $0) }, memory: memory, scheduling: scheduling,
      pci: VirtioPCIOptions(), limits: DisplayLimits(), hostVisibleMemory: 0,
      fences: clock == nil ? .now : .refresh, clock: clock ?? { .now }, log: nil)
    let machine = try InProcessMachine(device.function, memory: memory)
    block = try RAMBlock(base: 0x1000_0000, size: 80 << 20)
    ram = GuestRAMImage()
    ram.add(block)
    try machine.mapRAM(block, access: .readWrite)
    driver = GPUDriver(machine, ram: ram)
    var options = GPUDriver.Options()
    options.wantedFeatures |= 1 << UInt64(GPULayout.Feature.resourceBlob)
    try driver.bringUp(options)
  }

  /// A request that can be sent again and again.
  func layOut(_ command: GPUCommand, fence: UInt64? = nil) throws -> LaidOutChain {
    try ram.layOut(
      request: fence.map { command.encoded(fence: $0) } ?? command.encoded(),
      responseRoom: command.responseRoom, ChainLayout())
  }

  /// Sends a request and waits until it is answered; where the doorbell's thread works the ring, returns the CPU
  /// time in nanoseconds that the doorbell took.
  @discardableResult
  func send(_ chain: LaidOutChain, on queue: UInt16 = 0) throws -> UInt64 {
    _ = try driver.ring(queue).offer(chain.descriptors)
    let start = cbenchmark_thread_time()
    try driver.kick(queue)
    let time = cbenchmark_thread_time() - start
    while try driver.ring(queue).takeUsed() == nil {}
    return time
  }
}

struct BenchError: Error {}

extension Array where Element: Comparable {
  /// The middle one; the array is not empty.
  var median: Element { sorted()[count / 2] }
}
