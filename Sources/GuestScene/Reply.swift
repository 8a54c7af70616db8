/// The lines that answer a request. Each begins with `@` and the request's number, so that nothing the
/// kernel prints beside them on the same line of wire can be taken for an answer:
///
///     @7 . KEY WORDS...     a piece of the answer, as many as it takes
///     @7 ok                 done; the last line of an answer
///     @7 no REASON          not done; the last line of an answer
public enum Reply {
  /// A piece of the answer.
  public static func piece(_ number: UInt32, _ text: String) -> String {
    "@\(number) . \(plain(text))\n"
  }

  /// The end of an answer.
  public static func done(_ number: UInt32) -> String {
    "@\(number) ok\n"
  }

  /// The end of a request that failed.
  public static func refused(_ number: UInt32, _ reason: String) -> String {
    "@\(number) no \(plain(reason))\n"
  }

  /// Bytes as pairs of hexadecimal digits.
  public static func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// One line, whatever the text has in it.
  private static func plain(_ text: String) -> String {
    String(decoding: text.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
  }
}
