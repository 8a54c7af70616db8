import Glibc
import GuestDriver
import GuestRAM
import HostThreads
import PCIBus
import VirtioCore
import VirtioPCI

/// A function around a device with two small queues, and memory for their rings. One thread's.
final class RegisterBench {
  static let base: UInt64 = 0x10_0000
  static let memorySize: UInt64 = 0x10000
  static let queueSizes: [UInt16] = [4, 2]
  static let vectorCount = 3
  /// Feature bit 0 of the device's own, and all of rings and transport.
  static let offered: (UInt32, UInt32) = (0x3000_0001, 0x9df)

  private let function: VirtioPCIFunction

  init() throws {
    let memory = GuestMemory()
    let block = try RAMBlock(base: Self.base, size: Int(Self.memorySize))
    let region = try MappedRegion(
      fileDescriptor: block.descriptor, offset: 0, count: Self.memorySize, writable: true)
    try memory.add(region, at: GuestAddress(Self.base))
    function = try VirtioPCIFunction(
      QuietDevice(), classCode: 0x038000, memory: memory, scheduling: .inline)
  }

  /// Whether these bytes are all memory that the device may use.
  static func isMemory(_ part: (start: UInt64, count: UInt64)) -> Bool {
    part.start >= base && part.count <= memorySize && part.start - base <= memorySize - part.count
  }

  /// From power-on through these writes; the bus is the device's to use.
  func replay(_ path: some Sequence<RegisterAction>) {
    function.reset()
    write(.configuration, 0x04, width: 2, 0x0406)
    for action in path {
      write(.bar(4), action.register.place.offset, width: action.register.place.width, action.value)
    }
  }

  private func write(_ region: PCIRegion, _ offset: UInt64, width: Int, _ value: UInt64) {
    var bytes: [UInt8] = []
    bytes.append(value, width: width)
    unsafe function.write(region, at: offset, bytes.span.bytes)  // a UInt8 has no hole
  }

  private func common() -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: 64)
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes  // any byte is a UInt8
    function.read(.bar(4), at: 0, into: &raw)
    return bytes
  }

  /// Reads everything that can be read; what differs from the model, or nil.
  func difference(from model: RegisterModel) -> String? {
    func differs(_ wanted: [UInt8], _ what: String) -> String? {
      let found = common()
      guard let place = found.indices.first(where: { found[$0] != wanted[$0] }) else { return nil }
      return "\(what): byte 0x\(String(place, radix: 16)) is 0x\(String(found[place], radix: 16)), "
        + "not 0x\(String(wanted[place], radix: 16))"
    }
    let lingers = model.status == 0 && model.lingering != 0
    if let found = differs(
      model.bytes(
        queueSelect: model.queueSelect, driverSelect: model.driverSelect,
        status: lingers ? model.lingering : model.status), "at first")
    {
      return found
    }
    for (select, word) in [(0, 0), (1, 1), (2, 2)] as [(UInt16, UInt32)] {
      write(.bar(4), 0x16, width: 2, UInt64(select))
      write(.bar(4), 0x08, width: 4, UInt64(word))
      let wanted = model.bytes(queueSelect: select, driverSelect: word, status: model.status)
      if let found = differs(wanted, "queue \(select), word \(word)") { return found }
    }
    return nil
  }
}

/// A device that nobody gives anything to do.
private final class QuietDevice: VirtioDevice {
  let deviceID: UInt16 = 16
  let offeredFeatures = FeatureSet(bit: 0)
  let queueSizes = RegisterBench.queueSizes
  let configurationSize = 0
  func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {}
  func writeConfiguration(at offset: Int, _ bytes: RawSpan) {}
  func process(_ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess) {
    queue.complete(chain, written: 0, in: access)
  }
  func reset() {}
}

/// Explores the common configuration breadth-first from every start over distinct states, and returns the lines that
/// tell of it.
enum RegisterWorlds {
  /// Writes after a start.
  static let depth = 4

  private struct Node: Sendable {
    let model: RegisterModel
    let path: [UInt8]
  }

  private struct Frontier {
    var next = 0
    var found: [RegisterModel: [UInt8]] = [:]
    var failure: Disagreement?
  }

  /// All starts; the last line sums up.
  static func explore() throws -> String {
    let start = ContinuousClock.now
    var writes = 0
    var states: Set<RegisterModel> = []
    for (name, path) in RegisterAction.starts {
      writes += try explore(from: path, name, &states)
    }
    let tenths = Int((ContinuousClock.now - start) / .milliseconds(100))
    return "ok common configuration, \(depth) writes from \(RegisterAction.starts.count) starts: "
      + "\(writes) writes tried, \(states.count) distinct states, \(tenths / 10).\(tenths % 10) seconds"
  }

  private static func explore(
    from path: [RegisterAction], _ name: String, _ all: inout Set<RegisterModel>
  ) throws -> Int {
    var model = RegisterModel()
    for action in path { model.write(action.register, action.value) }
    var seen: Set<RegisterModel> = [model]
    var nodes = [Node(model: model, path: [])]
    var writes = 0
    for _ in 0..<depth {
      writes += nodes.count * RegisterAction.all.count
      let found = try step(nodes, after: path, name)
      nodes = found.filter { seen.insert($0.key).inserted }.map { Node(model: $0.key, path: $0.value) }
    }
    all.formUnion(seen)
    return writes
  }

  /// Tries every write in every state, on all processors, and returns the states that come of it.
  private static func step(
    _ nodes: [Node], after start: [RegisterAction], _ name: String
  ) throws -> [RegisterModel: [UInt8]] {
    let frontier = Lock(Frontier())
    let threads = try (0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))).map { _ in
      let bench = try RegisterBench()
      nonisolated(unsafe) let owned = bench  // this thread's alone from here
      return try HostThread(name: "worlds") {
        var found: [RegisterModel: [UInt8]] = [:]
        var failure: Disagreement?
        while failure == nil {
          let index = frontier.withLock { frontier -> Int in
            defer { frontier.next += 1 }
            return frontier.failure == nil ? frontier.next : nodes.count
          }
          guard index < nodes.count else { break }
          failure = unsafe expand(nodes[index], after: start, name, owned, &found)
        }
        frontier.withLock { frontier in
          frontier.found.merge(found) { first, _ in first }
          frontier.failure = frontier.failure ?? failure
        }
      }
    }
    for thread in threads { thread.join() }
    let (found, failure) = frontier.withLock { ($0.found, $0.failure) }
    if let failure { throw failure }
    return found
  }

  private static func expand(
    _ node: Node, after start: [RegisterAction], _ name: String, _ bench: RegisterBench,
    _ found: inout [RegisterModel: [UInt8]]
  ) -> Disagreement? {
    for (number, action) in RegisterAction.all.enumerated() {
      var model = node.model
      model.write(action.register, action.value)
      let path = node.path + [UInt8(number)]
      let actions = start + path.map { RegisterAction.all[Int($0)] }
      bench.replay(actions)
      if let difference = bench.difference(from: model) {
        let writes = actions.map(\.description).joined(separator: ", ")
        return Disagreement(description: "\(name), after \(writes): \(difference)")
      }
      if found[model] == nil { found[model] = path }
    }
    return nil
  }
}
