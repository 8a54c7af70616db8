/// A strict reader of the one kind of PNG that a picture is written as: eight bits, RGB, not interlaced.
struct PNGDecoder {
  enum Fault: Error { case signature, chunk, checksum, header, filter, size }

  let width: Int
  let height: Int
  /// R, G, B of each pixel without padding.
  let rgb: [UInt8]

  init(_ file: [UInt8]) throws {
    guard file.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) else { throw Fault.signature }
    var at = 8
    var header: [UInt8] = []
    var data: [UInt8] = []
    var names: [String] = []
    while names.last != "IEND" {
      guard at + 12 <= file.count else { throw Fault.chunk }
      let count = Self.number(file[at..<at + 4])
      guard at + 12 + count <= file.count else { throw Fault.chunk }
      let body = file[at + 4..<at + 8 + count]
      guard Self.crc(body) == UInt32(Self.number(file[at + 8 + count..<at + 12 + count])) else {
        throw Fault.checksum
      }
      let name = String(decoding: body.prefix(4), as: UTF8.self)
      if name == "IHDR" { header = Array(body.dropFirst(4)) }
      if name == "IDAT" { data += body.dropFirst(4) }
      names.append(name)
      at += 12 + count
    }
    guard at == file.count, names.first == "IHDR", header.count == 13, header[8...] == [8, 2, 0, 0, 0] else {
      throw Fault.header
    }
    width = Self.number(header[0..<4])
    height = Self.number(header[4..<8])
    rgb = try Self.unfilter(try Inflate.unpack(data), rowBytes: width * 3, rows: height)
  }

  private static func unfilter(_ lines: [UInt8], rowBytes: Int, rows: Int) throws -> [UInt8] {
    guard lines.count == (rowBytes + 1) * rows else { throw Fault.size }
    var out: [UInt8] = []
    var above = [UInt8](repeating: 0, count: rowBytes)
    for row in 0..<rows {
      let filter = lines[row * (rowBytes + 1)]
      var line = Array(lines[row * (rowBytes + 1) + 1..<(row + 1) * (rowBytes + 1)])
      for index in line.indices {
        let left = index < 3 ? 0 : Int(line[index - 3])
        let up = Int(above[index])
        let corner = index < 3 ? 0 : Int(above[index - 3])
        let guess: Int
        switch filter {
        case 0: guess = 0
        case 1: guess = left
        case 2: guess = up
        case 3: guess = (left + up) / 2
        case 4:
          let (a, b, c) = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
          guess = a <= b && a <= c ? left : b <= c ? up : corner
        default: throw Fault.filter
        }
        line[index] &+= UInt8(guess)
      }
      out += line
      above = line
    }
    return out
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

  /// CRC-32 bit by bit, apart from any table in the package.
  private static func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc: UInt32 = 0xffff_ffff
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
