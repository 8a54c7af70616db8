import DisplayModel
import GuestRAM

/// The private copy of the request in hand: one page, more once a driver has sent a long backing list, until the
/// device is reset.
struct RequestBuffer: ~Copyable {
  private var memory: PageMemory
  private var charge: MemoryCharge?
  private let budget: MemoryBudget

  private static let smallSize = 4096

  /// nil when the host has no memory.
  init?(budget: MemoryBudget) {
    guard let memory = PageMemory(byteCount: Self.smallSize) else { return nil }
    self.memory = memory
    self.budget = budget
  }

  var bytes: RawSpan {
    @_lifetime(borrow self) get { memory.bytes }
  }

  var mutableBytes: MutableRawSpan {
    @_lifetime(&self) mutating get { memory.mutableBytes }
  }

  /// Makes room for `byteCount` bytes and keeps the first `kept` of what is there.
  ///
  /// The charge is twice the size: the list that is decoded from it takes as much.
  mutating func reserve(_ byteCount: Int, keeping kept: Int) throws(RequestFault) {
    guard byteCount > memory.byteCount else { return }
    guard let charge = budget.charge(UInt64(byteCount) * 2), var larger = PageMemory(byteCount: byteCount)
    else { throw .display(.outOfMemory) }
    Self.copy(kept, from: memory, to: &larger)
    memory = larger
    self.charge = consume charge
  }

  private static func copy(_ count: Int, from source: borrowing PageMemory, to target: inout PageMemory) {
    let source = source.bytes
    var target = target.mutableBytes
    for offset in 0..<count {
      // The span checks the offset, and every bit pattern is a byte.
      let byte = unsafe source.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
  }

  /// Gives back what was reserved beyond a page.
  mutating func shrink() {
    guard memory.byteCount > Self.smallSize, let memory = PageMemory(byteCount: Self.smallSize) else {
      return
    }
    self.memory = memory
    charge = nil
  }
}
