/// The device configuration (virtio 1.4 §5.8.4): what it answers to each question that a driver can select.
struct InputConfiguration: Sendable {
  /// `select` and `subsel` in one number, and what `u` then holds; everything else has no answer.
  private var answers: [UInt16: [UInt8]] = [:]

  /// Bytes of `struct virtio_input_config`.
  static let byteCount = 136
  private static let sizeOffset = 2
  private static let dataOffset = 8
  /// The most that an answer can have.
  private static let largestAnswer = byteCount - dataOffset

  /// What a driver can ask for (`VIRTIO_INPUT_CFG_*`).
  private enum Question: UInt8 {
    /// `ID_NAME`.
    case name = 0x01
    /// `ID_SERIAL`.
    case serial = 0x02
    /// `ID_DEVIDS`.
    case identity = 0x03
    /// `PROP_BITS`.
    case properties = 0x10
    /// `EV_BITS`; `subsel` is an event type.
    case codes = 0x11
    /// `ABS_INFO`; `subsel` is an axis.
    case axis = 0x12
  }

  /// The answers of a device.
  ///
  /// - Parameter serial: what tells it from its like; may be empty. Longer than 128 bytes is cut.
  init(_ kind: InputKind, serial: String) {
    answer(.name, Array(kind.name.utf8))
    answer(.serial, Array(serial.utf8.prefix(Self.largestAnswer)))
    // BUS_VIRTUAL, virtio's vendor id, the kind, version 1.
    answer(.identity, [0x06, 0x1af4, kind.product, 1].flatMap { Self.littleEndian(UInt32($0), width: 2) })
    answer(.properties, Self.bitmap(kind.properties))
    for type in [InputEvent.Kind.key, .relative, .absolute, .led] {
      answer(.codes, of: UInt8(type.rawValue), Self.bitmap(kind.codes(type)))
    }
    // An answer with any size says that there is such a type; this one has no codes.
    if kind.isRepeated { answer(.codes, of: UInt8(InputEvent.Kind.repetition.rawValue), [0]) }
    for axis in kind.codes(.absolute) {
      // min, max, fuzz, flat, res
      answer(
        .axis, of: UInt8(axis),
        [0, UInt32(kind.largest(on: axis)), 0, 0, 0].flatMap { Self.littleEndian($0, width: 4) })
    }
  }

  private mutating func answer(_ question: Question, of subsel: UInt8 = 0, _ bytes: [UInt8]) {
    precondition(bytes.count <= Self.largestAnswer)
    if !bytes.isEmpty { answers[Self.key(question.rawValue, subsel)] = bytes }
  }

  private static func key(_ select: UInt8, _ subsel: UInt8) -> UInt16 { UInt16(select) << 8 | UInt16(subsel) }

  /// One bit for each number, as long as the largest needs.
  private static func bitmap(_ numbers: [UInt16]) -> [UInt8] {
    guard let largest = numbers.max() else { return [] }
    var bits = [UInt8](repeating: 0, count: Int(largest) / 8 + 1)
    for number in numbers { bits[Int(number) / 8] |= 1 << UInt8(number % 8) }
    return bits
  }

  private static func littleEndian(_ value: UInt32, width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt32($0 * 8)) }
  }

  /// Copies out part of the structure; `offset` and length are inside it.
  func read(select: UInt8, subsel: UInt8, at offset: Int, into bytes: inout MutableRawSpan) {
    let answer = answers[Self.key(select, subsel)] ?? []
    for index in 0..<bytes.byteCount {
      let place = offset + index
      let byte: UInt8 =
        switch place {
        case 0: select
        case 1: subsel
        case Self.sizeOffset: UInt8(answer.count)
        default: answer.indices.contains(place - Self.dataOffset) ? answer[place - Self.dataOffset] : 0
        }
      bytes.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
  }
}
