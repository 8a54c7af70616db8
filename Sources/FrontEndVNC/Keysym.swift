import FrontEndAPI

/// What a viewer says was pressed: a sign, or a key without one, by the number that X11 has for it (`keysymdef.h`,
/// `XF86keysym.h`).
struct Keysym: RawRepresentable, Equatable {
  let rawValue: UInt32

  /// Where it is on a keyboard with the US layout.
  struct Place: Equatable {
    let key: KeyCode
    /// Whether the sign needs Shift (true) or must be without (false); nil for a key that is the same with both.
    let shift: Bool?
    /// Whether Caps Lock does to it what Shift does.
    let isLetter: Bool
  }

  /// nil when the US layout has no key for it.
  var place: Place? {
    if let character { return Self.place(of: character) }
    if let dead = Self.deadKeys[rawValue] { return Self.place(of: dead) }
    return Self.keys[rawValue].map { Place(key: $0, shift: nil, isLetter: false) }
  }

  /// The ASCII sign that it stands for: its own number, as for all of Latin 1, or that of Unicode behind a mark.
  private var character: Character? {
    let unicode: UInt32 = 0x0100_0000
    let number = rawValue & ~unicode
    guard 0x20...0x7e ~= number else { return nil }
    return Character(UnicodeScalar(UInt8(truncatingIfNeeded: number)))
  }

  private static func place(of character: Character) -> Place? {
    guard let keys = KeyStroke(typing: character)?.keys, let key = keys.last else { return nil }
    // The space bar is the same with Shift.
    return Place(key: key, shift: character == " " ? nil : keys.count > 1, isLetter: character.isLetter)
  }

  /// Dead keys stand where the US international layout has them without AltGr: that layout is the US one, but for these.
  /// A guest with the plain layout types the sign of the key instead.
  private static let deadKeys: [UInt32: Character] = [
    0xfe50: "`",  // dead_grave
    0xfe51: "'",  // dead_acute
    0xfe52: "^",  // dead_circumflex
    0xfe53: "~",  // dead_tilde
    0xfe57: "\"",  // dead_diaeresis
  ]

  private static let keys: [UInt32: KeyCode] = {
    var keys: [UInt32: KeyCode] = [:]
    for row in keysOfKeysyms {
      for (index, name) in row.keys.split(separator: " ").enumerated() where name != "-" {
        keys[row.first + UInt32(index)] = KeyCode(named: name)
      }
    }
    return keys
  }()
}

/// A key as the extended key event has it (`QEMU Extended Key Event` in the RFB protocol's list): the number that a PC
/// keyboard sends for it (set 1), with bit 7 for those that follow 0xe0.
struct ScanCode: RawRepresentable, Equatable {
  let rawValue: UInt32

  /// nil when there is none.
  var key: KeyCode? { Self.keys[rawValue] }

  private static let keys: [UInt32: KeyCode] = {
    var keys: [UInt32: KeyCode] = [:]
    // Linux took over the numbers of the first keyboards.
    for number in 0x01...0x53 as ClosedRange<UInt16> {
      keys[UInt32(number)] = KeyCode(rawValue: number)
    }
    for row in keysOfScanCodes { keys[row.code] = KeyCode(named: row.key) }
    return keys
  }()
}
