/// A place in a PCI function that its host can read and write.
public enum PCIRegion: Sendable, Equatable {
  /// Configuration space: 256 bytes, or 4096 for a PCI Express function.
  case configuration
  /// Base address register 0 to 5.
  case bar(Int)
}

/// One base address register: what lies behind it and where it may be placed.
///
/// A BAR is at a fixed, well-known index and has a fixed size; nothing about it is found by walking metadata.
public struct BAR: Sendable, Equatable {
  /// How the register is decoded.
  public enum Kind: Sendable, Equatable {
    /// There is no such register; it reads as 0.
    case absent
    /// Port I/O.
    case io
    /// Memory below 4 GiB.
    case memory32
    /// Memory anywhere; takes the next register as its upper half.
    case memory64
  }
  /// How the register is decoded.
  public let kind: Kind
  /// Bytes behind it: 0 when absent, else a power of two, at least 16 for memory and 4 for I/O.
  public let size: UInt64
  /// Whether a bridge may merge and prefetch accesses.
  public let isPrefetchable: Bool

  /// A register of a kind and size.
  public init(_ kind: Kind, size: UInt64, isPrefetchable: Bool = false) {
    precondition(kind == .absent ? size == 0 : size.nonzeroBitCount == 1 && size >= (kind == .io ? 4 : 16))
    self.kind = kind
    self.size = size
    self.isPrefetchable = isPrefetchable
  }

  /// No register at this index.
  public static let absent = BAR(.absent, size: 0)
}

/// A register of a function where a driver's write does no more than announce buffers of one queue.
///
/// A host may take such a write without bringing it to the function, as KVM's ioeventfd does, and call
/// `PCIFunction.ring` when it learns of it. Where the BAR lies is the guest's to say; a doorbell is at `offset` from there.
public struct PCIDoorbell: Sendable, Hashable {
  /// The base address register, 0 to 5; its kind says whether this is a place in memory or a port.
  public let bar: Int
  /// Bytes from the BAR's start.
  public let offset: UInt64
  /// The queue that a write announces, from 0.
  public let queue: Int
  /// What a write of 2 bytes has to carry to mean this queue, where one register serves several. Writes of another width or
  /// another value mean something else there, and are brought to the function. nil: every write means this queue, of
  /// whatever width and value.
  public let match: UInt16?

  /// A doorbell.
  public init(bar: Int, offset: UInt64, queue: Int, match: UInt16? = nil) {
    self.bar = bar
    self.offset = offset
    self.queue = queue
    self.match = match
  }
}

/// A PCI function as its host (a VMM in the same process, or a server in front of one) sees it.
///
/// All calls may come from any thread, and from several at once, but none except `ring` from inside a call that the function or
/// its device makes: an interrupt sink, a front-end that is told of a change. None waits for pixel work except `reset` and the
/// writes that are one, or that take a queue back from a device with legacy registers; these wait for the command in hand.
/// Reads and writes never fail: what does not exist reads as 0 and swallows writes.
public protocol PCIFunction: AnyObject, Sendable {
  /// Bytes of configuration space: 256 or 4096.
  var configurationSpaceSize: Int { get }
  /// Six rows, index 0 to 5.
  var bars: [BAR] { get }
  /// Entries of the MSI-X table, 0 when there is none.
  var msixVectorCount: Int { get }
  /// Whether the function has an INTx pin.
  var hasINTx: Bool { get }
  /// Fills `bytes` with what lies at `offset`; its length is the width of the access or the length of a block.
  func read(_ region: PCIRegion, at offset: UInt64, into bytes: inout MutableRawSpan)
  /// Writes `bytes` at `offset`.
  func write(_ region: PCIRegion, at offset: UInt64, _ bytes: RawSpan)
  /// Every doorbell there is; the same for the function's life.
  var doorbells: [PCIDoorbell] { get }
  /// Does what a driver's write to this doorbell does, for a host that took the write itself. Any number of writes may have
  /// become one call. Nothing happens if the function has no such doorbell.
  func ring(_ doorbell: PCIDoorbell)
  /// Says where interrupts go from now on; nil: nowhere. The last call counts.
  func connect(_ interrupts: (any InterruptSink)?)
  /// Function reset: returns when the function is quiet and everything is as after power-on.
  func reset()
}

/// Where a function's interrupts go. Called from the device's thread and from the threads of register accesses:
/// return at once. Never call the function from here, but for `ring` of one that has a thread of its own, and never change
/// guest memory: what would wait for its own thread ends the process and says so.
public protocol InterruptSink: AnyObject, Sendable {
  /// Whether the host keeps the MSI-X table and its mask bits itself, as VFIO's hosts do.
  ///
  /// Then every vector of an enabled MSI-X capability is signalled by its number, whatever the function's own table
  /// says, and address and data are 0.
  var ownsMSIXTable: Bool { get }
  /// An MSI-X message: vector number, and address and data of its table entry.
  func signalMessage(vector: Int, address: UInt64, data: UInt32)
  /// The level of the INTx pin, each time it changes.
  func setINTx(asserted: Bool)
}
