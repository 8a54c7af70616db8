import CGuestSyscalls
import Glibc

/// The kernel's text console on the display: what it shows, and all that one needs to read it from a picture.
struct TextConsole {
  /// Glyphs as the kernel draws them: `width` pixels wide, each row in whole bytes, the left pixel highest.
  struct Font {
    let width: Int, height: Int
    let glyphs: [[UInt8]]
  }

  private let file: Descriptor

  init() throws(SystemFailure) {
    file = try Descriptor(opening: "/dev/tty1", O_RDWR | O_NOCTTY)
  }

  func write(_ bytes: [UInt8]) throws(SystemFailure) {
    try file.write(bytes)
  }

  /// Rows and columns of characters.
  func size() throws(SystemFailure) -> (rows: Int, columns: Int) {
    var size = winsize()
    // The record is ours and of the size that the request names.
    guard unsafe guest_ioctl(file.number, UInt(TIOCGWINSZ), &size) == 0 else { throw .last("console size") }
    return (Int(size.ws_row), Int(size.ws_col))
  }

  func font() throws(SystemFailure) -> Font {
    var data = [UInt8](repeating: 0, count: 65536)
    var glyphWidth: UInt32 = 0, glyphHeight: UInt32 = 0, count: UInt32 = 0
    // The array has the 65536 bytes that the call may fill; the results go to variables of ours.
    guard unsafe guest_get_font(file.number, &data, &glyphWidth, &glyphHeight, &count) == 0 else {
      throw .last("console font")
    }
    // Each glyph takes 32 rows, however high it is.
    let pitch = 32, width = min(32, Int(glyphWidth)), height = min(pitch, Int(glyphHeight))
    let rowBytes = (width + 7) / 8
    let glyphs = (0..<min(512, Int(count))).map { index in
      Array(data[index * pitch * rowBytes..<(index * pitch + height) * rowBytes])
    }
    return Font(width: width, height: height, glyphs: glyphs)
  }

  /// Which glyph stands for which character.
  func characters() throws(SystemFailure) -> [(character: UInt16, glyph: UInt16)] {
    var pairs = [unipair](repeating: unipair(), count: 4096)
    var count = UInt16(pairs.count)
    // The count says how many pairs the array has room for.
    guard unsafe guest_get_characters(file.number, &pairs, &count) == 0 else {
      throw .last("console characters")
    }
    return pairs.prefix(Int(count)).map { ($0.unicode, $0.fontpos) }
  }

  /// Sixteen colours, three bytes each: red, green, blue.
  func palette() throws(SystemFailure) -> [UInt8] {
    var colours = [UInt8](repeating: 0, count: 48)
    // The request fills 48 bytes, as many as the array has.
    let result = unsafe colours.withUnsafeMutableBytes {
      unsafe guest_ioctl(file.number, UInt(GIO_CMAP), $0.baseAddress)
    }
    guard result == 0 else { throw .last("console palette") }
    return colours
  }

  /// The characters that the kernel holds to be on the console, row by row.
  static func text(columns: Int) throws(SystemFailure) -> [String] {
    let bytes = try Kernel.contents(of: "/dev/vcsu1")
    // One 32-bit character for each place.
    let characters = stride(from: 0, to: bytes.count / 4 * 4, by: 4).map { at -> Character in
      let value = UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16
      return Character(Unicode.Scalar(value) ?? "?")
    }
    return stride(from: 0, to: characters.count, by: max(1, columns)).map {
      String(characters[$0..<min(characters.count, $0 + columns)])
    }
  }

  /// Lets the text console go of the display or take it back, for its driver cannot be removed while used.
  static func attach(_ attached: Bool) throws(SystemFailure) {
    for name in Kernel.names(in: "/sys/class/vtconsole") {
      let folder = "/sys/class/vtconsole/\(name)"
      guard Kernel.text(of: folder + "/name").contains("frame buffer") else { continue }
      let wanted = attached ? "1" : "0"
      if Kernel.text(of: folder + "/bind") != wanted { try Kernel.write(wanted, to: folder + "/bind") }
    }
  }
}
