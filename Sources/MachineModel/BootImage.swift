/// Why a file cannot be started.
public enum BootImageError: Error, Equatable, CustomStringConvertible {
  /// It does not begin as such a file does.
  case notRecognised(String)
  /// A field says what cannot be.
  case malformed(String)
  /// It is such a file, and asks for what this machine does not do.
  case unsupported(String)
  /// The guest's memory has no place for it.
  case doesNotFit(String)

  /// The cause.
  public var description: String {
    switch self {
    case .notRecognised(let what): "it is no \(what)"
    case .malformed(let field): "its \(field) cannot be right"
    case .unsupported(let what): "it \(what)"
    case .doesNotFit(let what): "the guest's memory has no place for \(what): give it more"
    }
  }
}

/// How the first processor starts: 32-bit protected mode, no paging, flat segments.
public struct ProcessorStart: Equatable, Sendable {
  /// Of the first instruction.
  public let entry: UInt32
  /// What the loader says of itself.
  public internal(set) var eax: UInt32 = 0
  /// Where multiboot's information lies.
  public internal(set) var ebx: UInt32 = 0
  /// Where Linux's boot parameters lie.
  public internal(set) var esi: UInt32 = 0

  init(entry: UInt32) { self.entry = entry }

  /// Null, null, flat code at selector 0x10, flat data at 0x18, as Linux wants them.
  static let descriptorTable: [UInt8] = {
    var table = FieldBytes(count: 32)
    table.put(0x00cf_9a00_0000_ffff as UInt64, at: 0x10)
    table.put(0x00cf_9200_0000_ffff as UInt64, at: 0x18)
    return table.bytes
  }()
}

/// What is to be in the guest's memory before it starts.
struct Placement {
  let memory: MachineMemory

  /// Puts bytes at an address.
  func put(_ bytes: some Collection<UInt8>, at address: UInt64, _ what: String) throws(BootImageError) {
    guard memory.write(bytes, at: address) else { throw .doesNotFit(what) }
  }

  /// Puts a command line where it has its place, with a zero behind it.
  ///
  /// - Parameter limit: the most bytes that whoever reads it takes, the zero among them.
  func putCommandLine(_ text: String, limit: Int) throws(BootImageError) {
    let bytes = Array(text.utf8)
    guard !bytes.contains(0) else { throw .malformed("command line") }
    guard bytes.count < min(limit, AddressMap.commandLineLimit) else {
      throw .unsupported("takes a command line of \(max(0, limit - 1)) bytes, and it has \(bytes.count)")
    }
    try put(bytes + [0], at: AddressMap.commandLine, "the command line")
  }
}
