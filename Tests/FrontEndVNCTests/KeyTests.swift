import FrontEndAPI
import Testing

@testable import FrontEndVNC

@Suite struct KeyTests {
  /// Keys by their names, `-` before one that comes up.
  private func keys(_ names: String) -> [KeyTranslator.Change] {
    names.split(separator: " ").map { name in
      KeyTranslator.Change(
        key: KeyCode(named: name.drop { $0 == "-" }) ?? KeyCode(rawValue: 0), isPressed: !name.hasPrefix("-"))
    }
  }

  /// What keysyms give, the letting go of one written as its complement.
  private func type(_ keysyms: [Int], capsLock: Bool = false) -> [KeyTranslator.Change] {
    var translator = KeyTranslator()
    return keysyms.flatMap { keysym in
      translator.changes(
        for: Keysym(rawValue: UInt32(keysym < 0 ? ~keysym : keysym)), isPressed: keysym >= 0,
        capsLock: capsLock)
    }
  }

  private static let shift = 0xffe1
  private static let rightShift = 0xffe2
  private static let control = 0xffe3
  private static func sign(_ sign: Character) -> Int { Int(sign.asciiValue!) }

  @Test func `every row of the tables names a key that there is, and none twice`() {
    var seen: Set<UInt32> = []
    for row in keysOfKeysyms {
      for (index, name) in row.keys.split(separator: " ").enumerated() where name != "-" {
        #expect(KeyCode(named: name) != nil, "\(name)")
        #expect(seen.insert(row.first + UInt32(index)).inserted, "\(name)")
      }
    }
    for row in keysOfScanCodes { #expect(KeyCode(named: row.key) != nil, "\(row.key)") }
    #expect(Set(keysOfScanCodes.map(\.code)).count == keysOfScanCodes.count)
  }

  @Test func `every ASCII sign has the key of the US layout, as a Latin and as a Unicode keysym`() throws {
    for number in 0x20...0x7e as ClosedRange<UInt32> {
      let character = Character(try #require(UnicodeScalar(number)))
      let stroke = try #require(KeyStroke(typing: character))
      let place = try #require(Keysym(rawValue: number).place)
      #expect(place.key == stroke.keys.last)
      #expect(place.shift == (character == " " ? nil : stroke.keys.count == 2))
      #expect(Keysym(rawValue: 0x0100_0000 + number).place == place)
    }
  }

  @Test(arguments: [
    (0xff08, "backspace"), (0xff0d, "enter"), (0xff13, "pause"), (0xff1b, "esc"), (0xff20, "compose"),
    (0xff50, "home"), (0xff51, "left"), (0xff54, "down"), (0xff55, "pageup"), (0xff57, "end"),
    (0xff61, "sysrq"),
    (0xff63, "insert"), (0xff67, "compose"), (0xff6b, "pause"), (0xff7f, "numlock"), (0xff8d, "kpenter"),
    (0xff9c, "kp1"), (0xff9f, "kpdot"), (0xffaa, "kpasterisk"), (0xffaf, "kpslash"), (0xffb0, "kp0"),
    (0xffb9, "kp9"), (0xffbd, "kpequal"), (0xffbe, "f1"), (0xffc9, "f12"), (0xffd5, "f24"),
    (0xffe1, "leftshift"),
    (0xffe2, "rightshift"), (0xffe3, "leftctrl"), (0xffe4, "rightctrl"), (0xffe5, "capslock"),
    (0xffe9, "leftalt"),
    (0xffea, "rightalt"), (0xfe03, "rightalt"), (0xffeb, "leftmeta"), (0xffec, "rightmeta"),
    (0xffff, "delete"),
    (0xfe20, "tab"), (0xfe50, "grave"), (0xfe51, "apostrophe"), (0xfe52, "6"), (0xfe53, "grave"),
    (0xfe57, "apostrophe"), (0x1008_ff12, "mute"), (0x1008_ff14, "playpause"), (0x1008_ff2c, "ejectcd"),
    (0x1008_ff2f, "sleep"), (0x1008_ff30, "bookmarks"), (0x1008_ff57, "copy"),
  ])
  func `keysyms that are no letters have their keys`(_ keysym: UInt32, _ key: String) {
    #expect(Keysym(rawValue: keysym).place?.key == KeyCode(named: key))
  }

  @Test(arguments: [
    0, 0x1f, 0x7f, 0xe9, 0x20ac, 0xff00, 0x0100_00e9, 0x0200_0041, 0xfe55, 0xffff_ffff, 0x1008_ffff,
  ])
  func `a keysym that the layout does not have changes nothing`(_ keysym: UInt32) {
    var translator = KeyTranslator()
    for isPressed in [true, false] {
      #expect(
        translator.changes(for: Keysym(rawValue: keysym), isPressed: isPressed, capsLock: false).isEmpty)
    }
  }

  @Test func `Shift goes down around a sign that needs it when the viewer holds none`() {
    let exclam = Self.sign("!"), capital = Self.sign("A")
    #expect(type([exclam, ~exclam]) == keys("leftshift 1 -1 -leftshift"))
    #expect(type([capital, ~capital]) == keys("leftshift a -a -leftshift"))
    #expect(
      type([capital, exclam, ~capital, ~exclam])
        == keys("leftshift a -leftshift leftshift 1 -a -1 -leftshift"))
    #expect(type([capital, Self.sign("b")]) == keys("leftshift a -leftshift b"))
    #expect(type([0xfe57, ~0xfe57]) == keys("leftshift apostrophe -apostrophe -leftshift"))
  }

  @Test func `a Shift that the viewer holds is the only one`() {
    let capital = Self.sign("A")
    #expect(type([Self.shift, capital, ~capital, ~Self.shift]) == keys("leftshift a -a -leftshift"))
    #expect(
      type([Self.rightShift, capital, ~capital, ~Self.rightShift]) == keys("rightshift a -a -rightshift"))
    #expect(type([Self.shift, 0xff51, ~0xff51]) == keys("leftshift left -left"))
    #expect(type([Self.shift, 0x20]) == keys("leftshift space"))
  }

  @Test func `Shift comes up around a sign that must be without, but not in a command or for a letter`() {
    let one = Self.sign("1"), c = Self.sign("c")
    #expect(
      type([Self.shift, one, ~one, ~Self.shift]) == keys("leftshift -leftshift 1 -1 leftshift -leftshift"))
    #expect(
      type([Self.shift, Self.rightShift, one, ~Self.shift, ~one])
        == keys("leftshift rightshift -leftshift -rightshift 1 rightshift leftshift -leftshift -1"))
    #expect(type([Self.control, Self.shift, c, ~c]) == keys("leftctrl leftshift c -c"))
    #expect(
      type([Self.control, ~Self.control, Self.shift, c]) == keys("leftctrl -leftctrl leftshift c"))
  }

  @Test func `a letter that comes up under its other name comes up`() {
    #expect(type([Self.shift, 0x41, ~Self.shift, ~0x61]) == keys("leftshift a -leftshift -a"))
    #expect(type([~0x41, ~0xffe1]) == keys("-a -leftshift"))
  }

  @Test func `Caps Lock in the guest turns letters round and leaves signs alone`() {
    let capital = Self.sign("A"), small = Self.sign("a"), exclam = Self.sign("!")
    #expect(type([capital, ~capital], capsLock: true) == keys("a -a"))
    #expect(type([small, ~small], capsLock: true) == keys("leftshift a -a -leftshift"))
    #expect(type([exclam, ~exclam], capsLock: true) == keys("leftshift 1 -1 -leftshift"))
    #expect(type([Self.shift, small, ~small], capsLock: true) == keys("leftshift a -a"))
  }

  @Test func `a held key that is said again goes down again, with its Shift`() {
    let exclam = Self.sign("!")
    #expect(
      type([exclam, exclam, ~exclam]) == keys("leftshift 1 -leftshift leftshift 1 -1 -leftshift"))
  }

  @Test(arguments: [
    (0x1e, "a"), (0x01, "esc"), (0x53, "kpdot"), (0x54, "sysrq"), (0xb7, "sysrq"), (0xc6, "pause"),
    (0xcd, "right"),
    (0x9c, "kpenter"), (0x1c, "enter"), (0xb8, "rightalt"), (0x56, "102nd"), (0x58, "f12"),
    (0xdb, "leftmeta"),
    (0x73, "ro"), (0xae, "volumedown"),
  ])
  func `scan codes have their keys`(_ code: UInt32, _ key: String) {
    #expect(ScanCode(rawValue: code).key == KeyCode(named: key))
  }

  @Test(arguments: [0, 0x5c, 0x7f, 0x80, 0x9e, 0xff, 0x100, 0xe01c, 0xffff_ffff])
  func `a scan code without a key has none`(_ code: UInt32) {
    #expect(ScanCode(rawValue: code).key == nil)
  }

  @Test func `a key by its place takes Shift as it is`() {
    var translator = KeyTranslator()
    let one = KeyCode(rawValue: 2)
    #expect(
      translator.changes(for: Keysym(rawValue: 0x21), isPressed: true, capsLock: false) == keys("leftshift 1")
    )
    #expect(translator.changes(for: KeyCode(rawValue: 3), isPressed: true) == keys("-leftshift 2"))
    #expect(translator.changes(for: KeyCode(rawValue: 42), isPressed: true) == keys("leftshift"))
    #expect(translator.changes(for: one, isPressed: true) == keys("1"))
    #expect(translator.changes(for: one, isPressed: false) == keys("-1"))
  }
}
