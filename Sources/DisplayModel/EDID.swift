import FrontEndAPI

/// What an output says of itself in the form of a monitor (VESA E-EDID release A revision 2, EDID 1.4).
///
/// A base block with the preferred timing, then a CTA-861 block with the large formats that EDID 1.4 has no
/// bit for. A preferred size that the base block cannot say (a side past 4095, or a pixel clock past 655.35
/// MHz) stands in a DisplayID block that follows, marked as preferred, and the base block then has the size
/// divided to fit.
package struct EDID: Sendable, Equatable {
  /// Bytes of each block.
  package static let blockSize = 128

  /// Whole blocks, the base block first.
  package let bytes: [UInt8]

  /// The EDID of an output.
  ///
  /// - Parameters:
  ///   - mode: the preferred size; at 96 pixels an inch it also gives the physical size.
  ///   - index: the output's number, part of name and serial number.
  ///   - largest: what can be shown at most, which no listed mode exceeds but 640x480, which every monitor has; nil:
  ///     anything.
  package init(mode: OutputMode, index: Int, largest: PictureSize? = nil) {
    let native = DisplayTiming(width: mode.width, height: mode.height)
    var extensions = [Self.formatsBlock(largest)]
    var preferred = native
    if !native.fitsDetailedDescriptor {
      extensions.append(Self.displayIDBlock(native, index: index))
      var divisor = 2
      repeat {
        preferred = DisplayTiming(width: max(mode.width / divisor, 1), height: max(mode.height / divisor, 1))
        divisor += 1
      } while !preferred.fitsDetailedDescriptor
    }
    var base = Self.baseBlock(mode: mode, index: index, timings: (preferred, native), largest)
    base[126] = UInt8(clamping: extensions.count)
    bytes = ([base] + extensions).flatMap { Self.withChecksum($0) }
  }

  /// Millimetres of `pixels` at 96 an inch.
  static func millimetres(_ pixels: Int) -> Int { (pixels * 254 + 480) / 960 }

  /// The block with its last byte set so that all 128 add up to 0.
  private static func withChecksum(_ block: [UInt8]) -> [UInt8] {
    var block = block
    block[blockSize - 1] = 0 &- block[..<(blockSize - 1)].reduce(0, &+)
    return block
  }

  private static func baseBlock(
    mode: OutputMode, index: Int, timings: (preferred: DisplayTiming, native: DisplayTiming),
    _ largest: PictureSize?
  ) -> [UInt8] {
    let size = physicalSize(mode)
    var block: [UInt8] = [0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00]
    block += manufacturer
    block += [0x01, 0x00]  // product code
    block += littleEndian(index + 1, count: 4)  // serial number
    block += [0xff, 36]  // model year 2026
    block += [1, 4]  // EDID 1.4
    block += [0xa0]  // digital, 8 bits a colour, no particular interface
    block += size.inCentimetres
    block += [120]  // gamma 2.2
    block += [0x06]  // RGB, sRGB colours, the first timing is native
    block += [0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54]  // chromaticities of sRGB
    block += bits(establishedTimings, count: 3, largest)
    block += standardTimings(largest)
    block += detailedTiming(timings.preferred, sizeInMillimetres: size.inMillimetres)
    // Its first byte is its revision.
    block += descriptor(0xf7, [0x0a] + bits(moreEstablishedTimings, count: 12, largest))
    block += rangeLimits([timings.preferred, timings.native])
    block += descriptor(0xfc, text("Scanout \(index)"))
    block += [0, 0]  // extensions and checksum, set by the caller
    assert(block.count == blockSize)
    return block
  }

  /// The letters SCQ, which no manufacturer has registered, 5 bits each, big-endian.
  private static let manufacturer: [UInt8] = {
    let letters = "SCQ".utf8.reduce(0) { $0 << 5 | Int($1 - 0x40) }
    return [UInt8(letters >> 8), UInt8(letters & 0xff)]
  }()

  /// Physical size in the two units of the base block; 0 (no fixed size) when the centimetres do not fit a
  /// byte.
  private static func physicalSize(_ mode: OutputMode) -> (inCentimetres: [UInt8], inMillimetres: (Int, Int))
  {
    let sides = (millimetres(mode.width), millimetres(mode.height))
    guard let width = UInt8(exactly: max((sides.0 + 5) / 10, 1)),
      let height = UInt8(exactly: max((sides.1 + 5) / 10, 1))
    else { return ([0, 0], (0, 0)) }
    return ([width, height], sides)
  }

  /// What this monitor can be driven with: every mode listed, and what the preferred ones need.
  private static func rangeLimits(_ timings: [DisplayTiming]) -> [UInt8] {
    // 135 kHz and 742.5 MHz are those of 5120x2160 at 60 Hz in the formats block.
    let rates = timings.map(\.horizontalRate)
    let lowest = max(min(rates.min() ?? 30, 30), 1)
    let highest = min(max(1 + (rates.max() ?? 0), 140), 510)
    let clock = max(timings.map(\.clock).max() ?? 0, 75_000)
    let limits: [UInt8] = [
      50, 75, UInt8(lowest), UInt8(highest > 255 ? highest - 255 : highest),
      UInt8(clamping: (clock + 999) / 1000),
      0x01,  // bare limits
    ]
    // Flag 0x08: the highest line rate counts from 255.
    return descriptor(0xfd, flags: highest > 255 ? 0x08 : 0x00, limits + text("")[..<7])
  }

  /// Thirteen bytes of text, ended by a line feed and filled with blanks.
  private static func text(_ string: String) -> [UInt8] {
    let characters = Array(string.utf8.prefix(12)) + [0x0a]
    return characters + [UInt8](repeating: 0x20, count: 13 - characters.count)
  }

  /// A display descriptor of 18 bytes; `content` has 13.
  private static func descriptor(_ tag: UInt8, flags: UInt8 = 0, _ content: [UInt8]) -> [UInt8] {
    [0, 0, 0, tag, flags] + content
  }
}
