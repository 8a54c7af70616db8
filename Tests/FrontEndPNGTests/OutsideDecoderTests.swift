import Foundation
import Testing

@testable import FrontEndPNG

/// Pictures as a program that nobody here wrote reads them: netpbm's `pngtopnm`.
@Suite struct OutsideDecoderTests {
  static let decoder = ["/usr/bin/pngtopnm", "/bin/pngtopnm"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test(
    "pngtopnm reads the pixels that were written",
    .enabled(if: decoder != nil, "netpbm is not installed"),
    arguments: [(1, 1), (3, 5), (641, 479), (1920, 1080)])
  func pixels(width: Int, height: Int) throws {
    let path = try #require(Self.decoder)
    // Every byte differs from its neighbours; the fourth of each pixel is unused.
    let bytes = (0..<width * height * 4).map {
      $0 % 4 == 3 ? 0 : UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9)
    }
    let picture = try #require(Picture(width: width, height: height, pixels: bytes))
    let file = FileManager.default.temporaryDirectory.appending(path: "scanout-\(UUID().uuidString).png")
    try Data(picture.pngBytes()).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }  // a temporary file that stays harms nobody

    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: path)
    process.arguments = [file.path]
    process.standardOutput = output
    try process.run()
    let read = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect([UInt8](read) == picture.ppmBytes())
  }
}
