import FrontEndAPI

extension EDID {
  /// The `count` low bytes of a number that is not negative, lowest first.
  static func littleEndian(_ value: Int, count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// A detailed timing of 18 bytes (EDID 1.4 §3.10.2); the timing fits it. The size is in millimetres, 0, 0
  /// if unknown.
  static func detailedTiming(_ timing: DisplayTiming, sizeInMillimetres: (Int, Int)) -> [UInt8] {
    precondition(timing.fitsDetailedDescriptor)
    var bytes = littleEndian(timing.clock, count: 2)
    bytes += lowAndHigh(timing.width, timing.horizontalBlank)
    bytes += lowAndHigh(timing.height, timing.verticalBlank)
    bytes += [UInt8(timing.horizontalFront), UInt8(timing.horizontalSync)]
    // The high bits of porches and syncs are 0: none exceeds its low field.
    bytes += [UInt8(timing.verticalFront << 4 | timing.verticalSync), 0]
    bytes += lowAndHigh(sizeInMillimetres.0, sizeInMillimetres.1)
    bytes += [0, 0]  // no border
    bytes += [0x1a]  // digital separate sync, horizontal positive
    return bytes
  }

  /// Two numbers of 12 bits: both low bytes, then a byte with the high bits of both.
  private static func lowAndHigh(_ first: Int, _ second: Int) -> [UInt8] {
    [UInt8(first & 0xff), UInt8(second & 0xff), UInt8((first >> 8) << 4 | second >> 8)]
  }

  /// A CTA-861 block, revision 3, that lists the wide formats at 60 Hz by their codes.
  static func formatsBlock(_ largest: PictureSize?) -> [UInt8] {
    let formats: [(UInt8, Int, Int)] = [
      (126, 5120, 2160), (102, 4096, 2160), (97, 3840, 2160), (90, 2560, 1080), (16, 1920, 1080),
      (1, 640, 480),
    ]
    let codes = formats.filter { isListed($0.1, $0.2, largest) }.map(\.0)
    // A video capability block follows: both RGB quantization ranges, always underscanned.
    let data = [2 << 5 | UInt8(codes.count)] + codes + [7 << 5 | 2, 0x00, 0x4a]
    let block = [0x02, 0x03, UInt8(4 + data.count), 0x80] + data  // 0x80: no overscan
    return block + [UInt8](repeating: 0, count: blockSize - block.count)
  }

  /// A DisplayID 1.3 section in an EDID extension block: who it is, its size, and its timing marked as
  /// preferred.
  static func displayIDBlock(_ timing: DisplayTiming, index: Int) -> [UInt8] {
    let data =
      productIdentification(index: index) + displayParameters(timing) + displayInterface
      + preferredTiming(timing)
    var section: [UInt8] = [0x13, UInt8(data.count), 0x03, 0x00] + data  // 0x03: a monitor on its own
    section.append(0 &- section.reduce(0, &+))
    let block = [0x70] + section
    return block + [UInt8](repeating: 0, count: blockSize - block.count)
  }

  private static func productIdentification(index: Int) -> [UInt8] {
    // Model year 2026, no string.
    [0x00, 0x00, 12] + Array("SCQ".utf8) + [0x01, 0x00] + littleEndian(index + 1, count: 4) + [0xff, 26, 0]
  }

  private static func displayParameters(_ timing: DisplayTiming) -> [UInt8] {
    // Tenths of a millimetre, then pixels; gamma 2.2, the aspect ratio in hundredths above 1, 8 bits a
    // colour.
    let longSide = max(timing.width, timing.height), shortSide = min(timing.width, timing.height)
    let aspect = UInt8(clamping: longSide * 100 / shortSide - 100)
    return [0x01, 0x00, 12] + littleEndian(millimetres(timing.width) * 10, count: 2)
      + littleEndian(millimetres(timing.height) * 10, count: 2) + littleEndian(timing.width, count: 2)
      + littleEndian(timing.height, count: 2) + [0x00, 120, aspect, 0x77]
  }

  /// A digital interface of its own kind, RGB with 8 bits a colour.
  private static let displayInterface: [UInt8] = [0x0f, 0x00, 10, 0xb1, 0x00, 0x02, 0, 0, 0, 0, 0, 0, 0]

  /// A type I detailed timing.
  private static func preferredTiming(_ timing: DisplayTiming) -> [UInt8] {
    // Every field holds one less than its number.
    var data: [UInt8] = [0x03, 0x00, 20]  // type I detailed timings, revision 0
    data += littleEndian(timing.clock - 1, count: 3)
    data += [0x80 | aspect(timing)]
    data += littleEndian(timing.width - 1, count: 2)
    data += littleEndian(timing.horizontalBlank - 1, count: 2)
    data += littleEndian(timing.horizontalFront - 1 | 0x8000, count: 2)  // positive sync
    data += littleEndian(timing.horizontalSync - 1, count: 2)
    data += littleEndian(timing.height - 1, count: 2)
    data += littleEndian(timing.verticalBlank - 1, count: 2)
    data += littleEndian(timing.verticalFront - 1, count: 2)
    data += littleEndian(timing.verticalSync - 1, count: 2)
    return data
  }

  /// DisplayID's number for an aspect ratio.
  private static func aspect(_ timing: DisplayTiming) -> UInt8 {
    let ratios = [(1, 1), (5, 4), (4, 3), (15, 9), (16, 9), (16, 10), (64, 27), (256, 135)]
    let index = ratios.firstIndex { timing.width * $0.1 == timing.height * $0.0 }
    return UInt8(index ?? 8)
  }
}
