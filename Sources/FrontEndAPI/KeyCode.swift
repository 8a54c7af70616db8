/// A key of a keyboard, by the number that Linux's input layer has for it (`KEY_*`): a place on the keyboard, not a
/// letter.
public struct KeyCode: RawRepresentable, Sendable, Hashable {
  /// The number.
  public let rawValue: UInt16

  /// Any number; a keyboard has the keys of `all`.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The key that a name stands for, such as `a`, `f1` or `leftctrl`; capitals and a leading `KEY_` do not matter.
  ///
  /// nil when there is none of this name, which may also be one that people use, such as `ctrl` or `return`.
  public init?(named name: some StringProtocol) {
    var name = name.lowercased()
    if name.hasPrefix("key_") { name.removeFirst(4) }
    guard let code = Self.codes[Self.otherNames[name] ?? name] else { return nil }
    self.init(rawValue: code)
  }

  /// Linux's name without `KEY_`, in small letters; nil for a number that no keyboard has.
  public var name: String? { Self.names[rawValue] }

  /// Every key that has a name, in the order of their numbers.
  public static let all: [KeyCode] = names.keys.sorted().map(KeyCode.init(rawValue:))
}

extension KeyCode {
  private static let names: [UInt16: String] = {
    var names: [UInt16: String] = [:]
    for row in rows {
      for (index, name) in row.names.split(separator: " ").enumerated() {
        names[row.first + UInt16(index)] = String(name)
      }
    }
    return names
  }()

  private static let codes = Dictionary(uniqueKeysWithValues: names.map { ($0.value, $0.key) })

  /// What people call some keys.
  private static let otherNames = [
    "ctrl": "leftctrl", "control": "leftctrl", "shift": "leftshift", "alt": "leftalt", "altgr": "rightalt",
    "super": "leftmeta", "meta": "leftmeta", "win": "leftmeta", "escape": "esc", "return": "enter",
    "ret": "enter", "spc": "space", "del": "delete", "ins": "insert", "pgup": "pageup", "pgdn": "pagedown",
    "printscreen": "sysrq", "caps": "capslock", "num": "numlock", "scroll": "scrolllock",
  ]

  /// Names of keys with consecutive numbers, from `first` on (`linux/input-event-codes.h`).
  private static let rows: [(first: UInt16, names: String)] = [
    (
      1,
      """
      esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab q w e r t y u i o p leftbrace rightbrace enter leftctrl \
      a s d f g h j k l semicolon apostrophe grave leftshift backslash z x c v b n m comma dot slash rightshift \
      kpasterisk leftalt space capslock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 numlock scrolllock kp7 kp8 kp9 kpminus kp4 \
      kp5 kp6 kpplus kp1 kp2 kp3 kp0 kpdot
      """
    ),
    (
      85,
      """
      zenkakuhankaku 102nd f11 f12 ro katakana hiragana henkan katakanahiragana muhenkan kpjpcomma kpenter \
      rightctrl kpslash sysrq rightalt linefeed home up pageup left right end down pagedown insert delete macro \
      mute volumedown volumeup power kpequal kpplusminus pause scale kpcomma hangeul hanja yen leftmeta rightmeta \
      compose stop again props undo front copy open paste find cut help menu calc setup sleep wakeup file \
      sendfile deletefile xfer prog1 prog2 www msdos coffee rotate_display cyclewindows mail bookmarks computer \
      back forward closecd ejectcd ejectclosecd nextsong playpause previoussong stopcd record rewind phone iso \
      config homepage refresh exit move edit scrollup scrolldown kpleftparen kprightparen new redo f13 f14 f15 \
      f16 f17 f18 f19 f20 f21 f22 f23 f24
      """
    ),
    (
      200,
      """
      playcd pausecd prog3 prog4 all_applications suspend close play fastforward bassboost print hp camera sound \
      question email chat search connect finance sport shop alterase cancel brightnessdown brightnessup media \
      switchvideomode kbdillumtoggle kbdillumdown kbdillumup send reply forwardmail save documents battery \
      bluetooth wlan uwb unknown video_next video_prev brightness_cycle brightness_auto display_off wwan rfkill \
      micmute
      """
    ),
  ]
}
