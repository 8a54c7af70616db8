/// A key with those that are held down meanwhile.
public struct KeyStroke: Sendable, Equatable {
  /// In the order in which they go down; they come up in the opposite one.
  public let keys: [KeyCode]

  /// Keys that go down in this order.
  public init(_ keys: [KeyCode]) { self.keys = keys }

  /// What types a character on a keyboard with the US layout; nil when nothing does.
  public init?(typing character: Character) {
    if let key = Self.plain[character] {
      self.init([key])
    } else if let key = Self.shifted[character] {
      self.init([KeyCode(rawValue: 42), key])  // KEY_LEFTSHIFT
    } else {
      return nil
    }
  }

  /// The rows of the US layout: the first key's number, what its keys type, and what they type with Shift.
  private static let rows: [(first: UInt16, plain: String, shifted: String)] = [
    (2, "1234567890-=", "!@#$%^&*()_+"), (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", "ASDFGHJKL:\"~"), (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
  ]

  private static let plain: [Character: KeyCode] = {
    var keys: [Character: KeyCode] = [
      " ": KeyCode(rawValue: 57), "\t": KeyCode(rawValue: 15), "\n": KeyCode(rawValue: 28),
    ]
    for row in rows { add(row.plain, from: row.first, to: &keys) }
    return keys
  }()

  private static let shifted: [Character: KeyCode] = {
    var keys: [Character: KeyCode] = [:]
    for row in rows { add(row.shifted, from: row.first, to: &keys) }
    return keys
  }()

  private static func add(_ characters: String, from first: UInt16, to keys: inout [Character: KeyCode]) {
    for (index, character) in characters.enumerated() {
      keys[character] = KeyCode(rawValue: first + UInt16(index))
    }
  }
}
