import FrontEndAPI
import Glibc
import Testing

/// Names of keys, held against Linux's own header.
@Suite struct KeyTests {
  /// Every `#define KEY_NAME number` of the header.
  private static func headerKeys() throws -> [String: UInt16] {
    // Both strings end with a zero byte; the file is closed below and not used after.
    guard let file = unsafe fopen("/usr/include/linux/input-event-codes.h", "r") else {
      Issue.record("there is no header of Linux's: install linux-libc-dev")
      return [:]
    }
    defer { unsafe fclose(file) }
    var keys: [String: UInt16] = [:]
    var line = [CChar](repeating: 0, count: 512)
    // The system writes at most the array's size, with a zero byte at the end.
    while unsafe fgets(&line, 512, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split { " \t\n".contains($0) }
      guard words.count >= 3, words[0] == "#define", words[1].hasPrefix("KEY_") else { continue }
      let number = words[2].hasPrefix("0x") ? UInt16(words[2].dropFirst(2), radix: 16) : UInt16(words[2])
      if let number { keys[words[1].dropFirst(4).lowercased()] = number }
    }
    return keys
  }

  @Test func `every key has the name and number that Linux gives it, up to the last of a keyboard`() throws {
    let header = try Self.headerKeys()
    #expect(header.count > 400)
    for key in KeyCode.all {
      let name = try #require(key.name)
      #expect(header[name] == key.rawValue, "\(name)")
      #expect(KeyCode(named: name) == key && KeyCode(named: "KEY_" + name.uppercased()) == key)
    }
    let numbers = Set(header.values.filter { (1...248).contains($0) })
    #expect(Set(KeyCode.all.map(\.rawValue)) == numbers)
  }

  @Test func `usual names are names too, and others are none`() throws {
    for (usual, name) in [
      ("ctrl", "leftctrl"), ("Return", "enter"), ("altgr", "rightalt"), ("del", "delete"),
    ] {
      #expect(KeyCode(named: usual) == KeyCode(named: name) && KeyCode(named: usual) != nil)
    }
    for name in ["", "key_", "no", "a b", "é", "reserved"] { #expect(KeyCode(named: name) == nil) }
    #expect(KeyCode(rawValue: 0).name == nil && KeyCode(rawValue: .max).name == nil)
  }

  @Test func `each printable character of ASCII has a stroke of its own on the US layout`() throws {
    var seen: [[UInt16]] = []
    for byte in UInt8(0x20)...0x7e {
      let stroke = try #require(KeyStroke(typing: Character(UnicodeScalar(byte))))
      seen.append(stroke.keys.map(\.rawValue))
    }
    #expect(Set(seen).count == 95)
    let typed = "aZ1!`~\\|/?\"' \n\t".map {
      KeyStroke(typing: $0)?.keys.compactMap(\.name).joined(separator: "+")
    }
    #expect(
      typed == [
        "a", "leftshift+z", "1", "leftshift+1", "grave", "leftshift+grave", "backslash",
        "leftshift+backslash", "slash", "leftshift+slash", "leftshift+apostrophe", "apostrophe", "space",
        "enter", "tab",
      ])
    for character in "é€ß\u{7f}\0\r" { #expect(KeyStroke(typing: character) == nil) }
  }
}
