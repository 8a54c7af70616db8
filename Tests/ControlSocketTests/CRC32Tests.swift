import ControlSocket
import Testing

@Suite struct CRC32Tests {
  @Test(
    arguments: [
      ("", 0), ("a", 0xe8b7_be43), ("abc", 0x3524_41c2), ("123456789", 0xcbf4_3926), ("IEND", 0xae42_6082),
      ("The quick brown fox jumps over the lazy dog", 0x414f_a339),
    ] as [(String, UInt32)])
  func `known texts have their published checksum`(_ row: (text: String, crc: UInt32)) {
    #expect(CRC32.checksum(Array(row.text.utf8)) == row.crc)
  }

  @Test func `every byte value takes part`() {
    #expect(CRC32.checksum(Array(0...255)) == 0x2905_8c73)
    #expect(CRC32.checksum([UInt8](repeating: 0, count: 32)) == 0x190a_55ad)
    #expect(CRC32.checksum([UInt8](repeating: 255, count: 32)) == 0xff6c_ab0b)
  }
}
