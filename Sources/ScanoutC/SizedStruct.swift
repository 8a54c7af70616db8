import CScanout

/// A struct of `scanout.h` that begins with its own size, and so can grow at its end.
///
/// Plain bytes without padding, and a multiple of 8 of them: the ABI's snapshot holds that.
protocol SizedStruct {
  /// All 0.
  init()
  /// Bytes, as whoever made it knows the struct.
  var size: UInt32 { get set }
}

extension scanout_bus_options: SizedStruct {}
extension scanout_output: SizedStruct {}
extension scanout_refusal: SizedStruct {}
extension scanout_display_options: SizedStruct {}
extension scanout_input_options: SizedStruct {}
extension scanout_device_info: SizedStruct {}
extension scanout_bar: SizedStruct {}
extension scanout_doorbell: SizedStruct {}
extension scanout_interrupts: SizedStruct {}
extension scanout_interface: SizedStruct {}
extension scanout_changes: SizedStruct {}
extension scanout_surface: SizedStruct {}
extension scanout_cursor: SizedStruct {}
extension scanout_front_end: SizedStruct {
  // Fields of a struct in hand; what its pointers point to is not touched.
  var size: UInt32 {
    get { unsafe interface.size }
    set { unsafe interface.size = newValue }
  }
}

extension SizedStruct {
  /// A struct of this size, otherwise 0.
  static func sized() -> Self {
    var value = Self()
    value.size = UInt32(MemoryLayout<Self>.size)
    return value
  }
}

/// The largest struct that is looked at: a size beyond it is nobody's.
private let largestSize = 4096

/// The size that a struct of C's states.
private func statedSize(_ start: UnsafeRawPointer) throws(Refusal) -> Int {
  // The caller promises a struct, which begins with its size.
  let size = Int(unsafe start.loadUnaligned(as: UInt32.self))
  guard size >= 8, size % 8 == 0 else { throw .invalid }
  guard size <= largestSize else { throw .tooBig }
  return size
}

/// A private copy of a struct of C's: what it does not have yet is 0, what this library does not know must be.
func load<Struct: SizedStruct>(_ source: UnsafePointer<Struct>?) throws(Refusal) -> Struct {
  guard let source = unsafe source else { throw .invalid }
  return try unsafe load(UnsafeRawPointer(source), as: Struct.self)
}

private func load<Struct: SizedStruct>(_ start: UnsafeRawPointer, as: Struct.Type) throws(Refusal) -> Struct {
  let size = try unsafe statedSize(start)
  // The caller promises as many bytes as the struct states.
  let bytes = unsafe UnsafeRawBufferPointer(start: start, count: size)
  let known = min(size, MemoryLayout<Struct>.size)
  guard unsafe bytes[known...].allSatisfy({ $0 == 0 }) else { throw .tooBig }
  var value = Struct()
  unsafe withUnsafeMutableBytes(of: &value) { unsafe $0.copyMemory(from: bytes.prefix(known).rebased) }
  return value
}

extension Slice<UnsafeRawBufferPointer> {
  fileprivate var rebased: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: self) }
}

/// Copies of an array of structs, which all state the same size.
func loadArray<Struct: SizedStruct>(
  _ source: UnsafePointer<Struct>?, count: UInt32, atMost most: Int
) throws(Refusal) -> [Struct] {
  guard let source = unsafe source, count >= 1, count <= most else { throw .invalid }
  let start = unsafe UnsafeRawPointer(source)
  let stride = try unsafe statedSize(start)
  var values: [Struct] = []
  for index in 0..<Int(count) {
    // The caller promises `count` elements of the first one's size.
    let element = unsafe start + index * stride
    guard try unsafe statedSize(element) == stride else { throw .invalid }
    values.append(try unsafe load(element, as: Struct.self))
  }
  return values
}

/// A struct of the caller's that the library fills. Checked before anything is done, since filling it cannot fail.
@safe struct StructTarget<Struct: SizedStruct> {
  private let start: UnsafeMutableRawPointer
  private let size: Int

  init(_ target: UnsafeMutablePointer<Struct>?) throws(Refusal) {
    guard let target = unsafe target else { throw .invalid }
    unsafe start = UnsafeMutableRawPointer(target)
    size = try unsafe statedSize(UnsafeRawPointer(target))
  }

  /// Fills it as far as it goes; its size stays, the rest becomes 0.
  func fill(_ value: Struct) {
    var value = value
    value.size = UInt32(size)
    unsafe withUnsafeBytes(of: value) { bytes in
      // The caller promises as many bytes as the struct states.
      let known = min(size, bytes.count)
      unsafe start.copyMemory(from: bytes.baseAddress!, byteCount: known)
      unsafe (start + known).initializeMemory(as: UInt8.self, repeating: 0, count: size - known)
    }
  }
}

/// Refuses bits of `flags` that this library does not know, and a reserved member that is not 0.
func check(flags: UInt32, known: Int..., reserved: UInt32 = 0) throws(Refusal) {
  let all = known.reduce(0, |)
  guard flags & ~UInt32(all) == 0, reserved == 0 else { throw .invalid }
}

extension UInt32 {
  /// Whether one of C's bits is set.
  func has(_ bit: Int) -> Bool { self & UInt32(bit) != 0 }
}
