/// A decompressor of its own (RFC 1950, RFC 1951), so that the PNG tests do not ask zlib about zlib.
struct Inflate {
  enum Fault: Error { case header, block, code, distance, length, checksum, end }

  private let input: [UInt8]
  private var byte = 2
  private var bit = 0
  private(set) var output: [UInt8] = []

  private init(_ input: [UInt8]) { self.input = input }

  /// Unpacks a zlib stream and checks its Adler-32.
  static func unpack(_ stream: [UInt8]) throws -> [UInt8] {
    guard stream.count >= 6, stream[0] & 15 == 8, (Int(stream[0]) << 8 | Int(stream[1])) % 31 == 0,
      stream[1] & 0x20 == 0
    else { throw Fault.header }
    var inflate = Inflate(stream)
    try inflate.blocks()
    if inflate.bit != 0 { inflate.byte += 1 }
    var a: UInt32 = 1
    var b: UInt32 = 0
    for value in inflate.output {
      a = (a + UInt32(value)) % 65521
      b = (b + a) % 65521
    }
    guard stream.count == inflate.byte + 4 else { throw Fault.end }
    let sum = stream[inflate.byte...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard sum == b << 16 | a else { throw Fault.checksum }
    return inflate.output
  }

  private mutating func bits(_ count: Int) throws -> Int {
    var value = 0
    for place in 0..<count {
      guard byte < input.count else { throw Fault.end }
      value |= Int(input[byte] >> UInt8(bit) & 1) << place
      bit += 1
      if bit == 8 { (bit, byte) = (0, byte + 1) }
    }
    return value
  }

  private mutating func blocks() throws {
    var isLast = false
    while !isLast {
      isLast = try bits(1) == 1
      switch try bits(2) {
      case 0: try stored()
      case 1:
        let lengths = (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
        try compressed(Codes(lengths), Codes(Array(repeating: 5, count: 30)))
      case 2:
        let (literals, distances) = try tables()
        try compressed(literals, distances)
      default: throw Fault.block
      }
    }
  }

  private mutating func stored() throws {
    if bit != 0 { (bit, byte) = (0, byte + 1) }
    let count = try bits(16)
    guard try bits(16) == count ^ 0xffff, byte + count <= input.count else { throw Fault.length }
    output += input[byte..<byte + count]
    byte += count
  }

  private mutating func tables() throws -> (Codes, Codes) {
    let literalCount = try bits(5) + 257
    let distanceCount = try bits(5) + 1
    let lengthCount = try bits(4) + 4
    var order = [Int](repeating: 0, count: 19)
    for index in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(lengthCount) {
      order[index] = try bits(3)
    }
    let codes = Codes(order)
    var lengths: [Int] = []
    while lengths.count < literalCount + distanceCount {
      switch try symbol(codes) {
      case 16:
        guard let last = lengths.last else { throw Fault.code }
        lengths += Array(repeating: last, count: try bits(2) + 3)
      case 17: lengths += Array(repeating: 0, count: try bits(3) + 3)
      case 18: lengths += Array(repeating: 0, count: try bits(7) + 11)
      case let length: lengths.append(length)
      }
    }
    guard lengths.count == literalCount + distanceCount else { throw Fault.code }
    return (Codes(Array(lengths[..<literalCount])), Codes(Array(lengths[literalCount...])))
  }

  private mutating func compressed(_ literals: Codes, _ distances: Codes) throws {
    while true {
      let code = try symbol(literals)
      if code == 256 { return }
      if code < 256 {
        output.append(UInt8(code))
        continue
      }
      guard code <= 285 else { throw Fault.code }
      let lengthBits = code < 265 || code == 285 ? 0 : (code - 261) / 4
      let lengthBase = code == 285 ? 258 : code < 265 ? code - 254 : (4 + (code - 265) % 4) << lengthBits + 3
      let length = lengthBase + (try bits(lengthBits))
      let far = try symbol(distances)
      guard far < 30 else { throw Fault.code }
      let farBits = far < 4 ? 0 : far / 2 - 1
      let distance = (far < 4 ? far + 1 : (2 + far % 2) << farBits + 1) + (try bits(farBits))
      guard distance <= output.count else { throw Fault.distance }
      for _ in 0..<length { output.append(output[output.count - distance]) }
    }
  }

  private mutating func symbol(_ codes: Codes) throws -> Int {
    var code = 0
    for length in 1...15 {
      code = code << 1 | (try bits(1))
      if let symbol = codes.symbols[length << 16 | code] { return symbol }
    }
    throw Fault.code
  }

  /// Canonical codes by their length and bits.
  private struct Codes {
    var symbols: [Int: Int] = [:]

    init(_ lengths: [Int]) {
      var next = 0
      for length in 1...15 {
        next <<= 1
        for (symbol, its) in lengths.enumerated() where its == length {
          symbols[length << 16 | next] = symbol
          next += 1
        }
      }
    }
  }
}
