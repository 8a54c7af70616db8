import CKVM
import Glibc
public import ScanoutDevice

/// The guest's memory: files in memory that this process maps for itself, KVM and the devices.
@safe
public final class MachineMemory: Sendable {
  /// One piece, where the guest and this process have it.
  @safe
  public struct Block: @unchecked Sendable {
    // Sendable: the address is a number, and what lies there is the guest's, for which nobody vouches.
    /// In the guest's addresses.
    public let range: Range<UInt64>
    /// The file that holds it, from its beginning.
    public let descriptor: CInt
    /// Where this process has it mapped, for as long as the memory lives.
    @unsafe public let host: UnsafeMutableRawPointer
  }

  /// By address.
  public let blocks: [Block]
  /// What the guest has below 4 GiB, from address 0.
  public var low: Range<UInt64> { blocks[0].range }

  /// Memory of zeros.
  ///
  /// - Parameter mebibytes: 16 or more.
  /// - Throws: `HostError` when the system has none to give.
  public init(mebibytes: Int) throws(HostError) {
    precondition((16...1 << 20).contains(mebibytes))
    var blocks: [Block] = []
    for range in AddressMap.memory(count: UInt64(mebibytes) << 20) {
      let descriptor = ckvm_create_memory(UInt64(range.count))
      guard descriptor >= 0 else { throw HostError(operation: "memfd_create", errno: -descriptor) }
      // A new mapping at a place of the kernel's choice, of a file that has this size and keeps it.
      let host = unsafe mmap(nil, range.count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
      guard let host = unsafe host, unsafe host != MAP_FAILED else {
        let error = errno
        close(descriptor)
        throw HostError(operation: "mmap", errno: error)
      }
      unsafe blocks.append(Block(range: range, descriptor: descriptor, host: host))
    }
    self.blocks = blocks
  }

  deinit {
    for block in blocks {
      // Mapped by init with this length.
      unsafe munmap(block.host, block.range.count)
      close(block.descriptor)
    }
  }

  /// The same memory for devices, mapped once more.
  public func share() throws -> GuestMemory {
    let memory = GuestMemory()
    for block in blocks {
      let region = try MappedRegion(
        fileDescriptor: block.descriptor, offset: 0, count: UInt64(block.range.count), writable: true)
      try memory.add(region, at: GuestAddress(block.range.lowerBound))
    }
    return memory
  }

  /// Writes bytes; nothing, and false, when they do not lie wholly in one block.
  public func write(_ bytes: some Collection<UInt8>, at address: UInt64) -> Bool {
    let (end, wraps) = address.addingReportingOverflow(UInt64(bytes.count))
    guard !wraps,
      let block = blocks.first(where: { $0.range.contains(address) && end <= $0.range.upperBound })
    else { return false }
    let start = Int(address - block.range.lowerBound)
    // [start, start + count) was just found to lie inside the mapping.
    let target = unsafe UnsafeMutableRawBufferPointer(start: block.host + start, count: bytes.count)
    unsafe target.copyBytes(from: bytes)
    return true
  }

  /// Reads bytes; nil when they do not lie wholly in one block.
  public func read(at address: UInt64, count: Int) -> [UInt8]? {
    let (end, wraps) = address.addingReportingOverflow(UInt64(max(0, count)))
    guard !wraps,
      let block = blocks.first(where: { $0.range.contains(address) && end <= $0.range.upperBound })
    else { return nil }
    let start = Int(address - block.range.lowerBound)
    // As in `write`.
    return unsafe [UInt8](UnsafeRawBufferPointer(start: block.host + start, count: max(0, count)))
  }
}
