import FrontEndAPI
import Glibc
import Testing

@testable import DisplayModel

@Suite struct EDIDTests {
  static let sizes = [
    (1280, 800), (1920, 1080), (3840, 2160), (640, 480), (800, 600), (1024, 768), (1366, 768), (333, 217),
    (32, 32),
    (4095, 2160), (4096, 2160), (5120, 2880), (7680, 4320), (8192, 8192), (16384, 16384), (64, 4000),
    (4095, 4095),
  ]

  @Test(arguments: sizes)
  func `all blocks add up to 0 and are announced`(_ size: (Int, Int)) throws {
    let bytes = try make(size).bytes
    #expect(bytes.count % 128 == 0)
    #expect(bytes.count <= 1024)
    #expect(Int(bytes[126]) == bytes.count / 128 - 1)
    for start in stride(from: 0, to: bytes.count, by: 128) {
      #expect(bytes[start..<(start + 128)].reduce(0, &+) == 0)
    }
    #expect(bytes[..<8] == [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
    #expect(bytes[18..<20] == [1, 4])
  }

  @Test(arguments: sizes)
  func `the preferred timing has the size and 60 Hz`(_ size: (Int, Int)) throws {
    let bytes = try make(size).bytes
    let isDisplayID = bytes.count > 256
    #expect(isDisplayID == (size.0 > 4095 || size.1 > 4095 || size == (4095, 4095)))
    let timing = isDisplayID ? displayIDTiming(Array(bytes[256...])) : detailedTiming(Array(bytes[54..<72]))
    #expect(timing.width == size.0)
    #expect(timing.height == size.1)
    let refresh = Double(timing.clock) * 10_000 / Double(timing.totalWidth * timing.totalHeight)
    #expect(abs(refresh - 60) < 0.5)
  }

  @Test func `outputs differ in name and serial number`() throws {
    let mode = try #require(OutputMode(width: 1280, height: 800))
    let first = EDID(mode: mode, index: 0).bytes, second = EDID(mode: mode, index: 15).bytes
    #expect(first[12..<16] == [1, 0, 0, 0])
    #expect(second[12..<16] == [16, 0, 0, 0])
    #expect(first[113..<126] == ArraySlice("Scanout 0\n   ".utf8))
    #expect(second[113..<126] == ArraySlice("Scanout 15\n  ".utf8))
  }

  @Test func `the physical size is that of 96 pixels an inch`() throws {
    let bytes = try make((1920, 1080)).bytes
    #expect(bytes[21] == 51)  // 508 mm
    #expect(bytes[22] == 29)  // 286 mm
    let high = Int(bytes[54 + 14])
    #expect(Int(bytes[54 + 12]) | (high >> 4) << 8 == 508)
    #expect(Int(bytes[54 + 13]) | (high & 15) << 8 == 286)
  }

  /// `edid-decode` is a judge of its own; where it is missing the case is skipped.
  @Test(.enabled(if: EDIDTests.hasDecoder, "edid-decode is not installed"), arguments: sizes)
  func `edid-decode finds it conformant and the preferred size in it`(_ size: (Int, Int)) throws {
    let (status, output) = unsafe Self.decode(try make(size).bytes, name: "\(size.0)x\(size.1)")
    #expect(status == 0, "\(output)")
    #expect(output.contains("EDID conformity: PASS"), "\(output)")
    #expect(output.contains("\(size.0)x\(size.1) "), "\(output)")
  }

  @Test(arguments: [(800, 600), (1920, 1080), (1024, 4000), (32, 32), (16384, 16384)])
  func `no mode beyond what can be shown is listed, but 640x480`(_ limit: (Int, Int)) throws {
    let largest = PictureSize(width: limit.0, height: limit.1)
    let mode = try #require(OutputMode(width: 5120, height: 2160)).lowered(to: largest)
    #expect(mode == OutputMode(width: min(limit.0, 5120), height: min(limit.1, 2160)))
    let edid = EDID(mode: mode, index: 0, largest: largest)
    #expect(edid.bytes[..<128].reduce(0, &+) == 0 && edid.bytes[128..<256].reduce(0, &+) == 0)
    let standard = stride(from: 38, to: 54, by: 2).map { (edid.bytes[$0], edid.bytes[$0 + 1]) }
    for (width, aspect) in standard where (width, aspect) != (1, 1) {
      let across = (Int(width) + 31) * 8
      let down = [across * 10 / 16, across * 3 / 4, across * 4 / 5, across * 9 / 16][Int(aspect >> 6)]
      #expect(across <= limit.0 && down <= limit.1)
    }
    let codes = edid.bytes[133..<133 + Int(edid.bytes[132] & 31)]
    #expect(codes.contains(1))
    #expect(codes.contains(16) == (limit.0 >= 1920 && limit.1 >= 1080))
    #expect(codes.contains(97) == (limit.0 >= 3840 && limit.1 >= 2160))
    #expect(edid.bytes[35] == (limit.0 >= 800 && limit.1 >= 600 ? 0x21 : 0x20))
    if limit == (16384, 16384) { #expect(edid == EDID(mode: mode, index: 0)) }
  }

  @Test(
    .enabled(if: EDIDTests.hasDecoder, "edid-decode is not installed"),
    arguments: [(800, 600), (1920, 1080), (1024, 4000), (640, 480)])
  func `edid-decode finds it conformant and lists nothing beyond what can be shown`(_ limit: (Int, Int))
    throws
  {
    let largest = PictureSize(width: limit.0, height: limit.1)
    let mode = try #require(OutputMode(width: 4000, height: 3000)).lowered(to: largest)
    let edid = EDID(mode: mode, index: 0, largest: largest)
    let (status, output) = unsafe Self.decode(edid.bytes, name: "limit-\(limit.0)x\(limit.1)")
    #expect(status == 0 && output.contains("EDID conformity: PASS"), "\(output)")
    let sizes = output.split(whereSeparator: { " \n,:".contains($0) }).compactMap { word -> (Int, Int)? in
      let sides = word.split(separator: "x").compactMap { Int($0) }
      return sides.count == 2 && word.filter({ $0 == "x" }).count == 1 ? (sides[0], sides[1]) : nil
    }
    #expect(sizes.contains { $0 == (mode.width, mode.height) }, "\(output)")
    for size in sizes { #expect(size.0 <= limit.0 && size.1 <= limit.1, "\(size): \(output)") }
  }

  /// What `edid-decode` makes of the bytes, and its exit status.
  @unsafe private static func decode(_ bytes: [UInt8], name: String) -> (CInt, String) {
    let path = "/tmp/scanout-edid-\(getpid())-\(name)"
    defer { unsafe unlink(path) }
    guard let file = unsafe fopen(path, "w") else { return (-1, "cannot write \(path)") }
    for byte in bytes { unsafe putc(CInt(byte), file) }
    unsafe fclose(file)
    guard let pipe = unsafe popen("edid-decode --check --preferred-timings \(path) 2>&1", "r") else {
      return (-1, "cannot start edid-decode")
    }
    var output: [UInt8] = []
    while case let byte = unsafe getc(pipe), byte >= 0 { output.append(UInt8(truncatingIfNeeded: byte)) }
    return (unsafe pclose(pipe), String(decoding: output, as: UTF8.self))
  }

  static let hasDecoder = unsafe system("command -v edid-decode >/dev/null 2>&1") == 0

  private func make(_ size: (Int, Int)) throws -> EDID {
    EDID(mode: try #require(OutputMode(width: size.0, height: size.1)), index: 0)
  }

  private struct Timing {
    var width: Int, height: Int, totalWidth: Int, totalHeight: Int, clock: Int
  }

  /// Reads an EDID detailed timing as its specification lays it out.
  private func detailedTiming(_ bytes: [UInt8]) -> Timing {
    let b = bytes.map(Int.init)
    let width = b[2] | (b[4] >> 4) << 8, height = b[5] | (b[7] >> 4) << 8
    return Timing(
      width: width, height: height, totalWidth: width + (b[3] | (b[4] & 15) << 8),
      totalHeight: height + (b[6] | (b[7] & 15) << 8), clock: b[0] | b[1] << 8)
  }

  /// Reads the first type I timing of a DisplayID extension block.
  private func displayIDTiming(_ bytes: [UInt8]) -> Timing {
    let b = bytes.map(Int.init)
    #expect(b[0] == 0x70)
    #expect(b[1..<(6 + b[2])].reduce(0, +) % 256 == 0)
    // Data blocks: tag, revision, length.
    var at = 5
    while at < 5 + b[2], b[at] != 3 { at += 3 + b[at + 2] }
    #expect(b[at + 2] == 20)
    let t = Array(b[(at + 3)...])
    #expect(t[3] & 0x80 != 0)
    let word = { (at: Int) in (t[at] | t[at + 1] << 8) + 1 }
    return Timing(
      width: word(4), height: word(12), totalWidth: word(4) + word(6), totalHeight: word(12) + word(14),
      clock: (t[0] | t[1] << 8 | t[2] << 16) + 1)
  }
}
