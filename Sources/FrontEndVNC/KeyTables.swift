// Facts alone: the numbers of X11's keysymdef.h and XF86keysym.h and of PC keyboards' scan codes (set 1), and the names of
// linux/input-event-codes.h without KEY_. Which key X11 has a keysym on is that of the evdev rules of xkeyboard-config.

/// The keys of keysyms with consecutive numbers, from `first` on; `-` for one without a key.
///
/// Keypad keysyms are places: whether 1 or End comes of kp1 is for the guest's Num Lock to say.
let keysOfKeysyms: [(first: UInt32, keys: String)] = [
  // ISO_Level3_Shift; ISO_Left_Tab
  (0xfe03, "rightalt"), (0xfe20, "tab"),
  // BackSpace to Linefeed, Clear, Return
  (0xff08, "backspace tab linefeed delete - enter"),
  // Pause, Scroll_Lock, Sys_Req
  (0xff13, "pause scrolllock sysrq"),
  // Escape; Multi_key: a layout's Compose key is most often the menu key
  (0xff1b, "esc"), (0xff20, "compose"),
  // Kanji, Muhenkan, Henkan, Romaji, Hiragana, Katakana, Hiragana_Katakana, Zenkaku, Hankaku, Zenkaku_Hankaku
  (0xff21, "- muhenkan henkan - hiragana katakana katakanahiragana"),
  (0xff28, "zenkakuhankaku zenkakuhankaku zenkakuhankaku"),
  // Hangul, Hangul_Hanja
  (0xff31, "hangeul"), (0xff34, "hanja"),
  // Home to End
  (0xff50, "home left up right down pageup pagedown end"),
  // Select, Print, Execute, Insert, -, Undo, Redo, Menu, Find, Cancel, Help, Break
  (0xff61, "sysrq - insert - undo redo compose find cancel help pause"),
  // Mode_switch, Num_Lock
  (0xff7e, "rightalt numlock"),
  // KP_Space, KP_Tab, KP_Enter
  (0xff80, "space"), (0xff89, "tab"), (0xff8d, "kpenter"),
  // KP_F1 to KP_F4
  (0xff91, "f1 f2 f3 f4"),
  // KP_Home to KP_Delete
  (0xff95, "kp7 kp4 kp8 kp6 kp2 kp9 kp3 kp1 kp5 kp0 kpdot"),
  // KP_Multiply to KP_9
  (0xffaa, "kpasterisk kpplus kpcomma kpminus kpdot kpslash kp0 kp1 kp2 kp3 kp4 kp5 kp6 kp7 kp8 kp9"),
  // KP_Equal, F1 to F24
  (0xffbd, "kpequal f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12"),
  (0xffca, "f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24"),
  // Shift_L to Hyper_R; Meta is where Alt is, Hyper where Super is
  (0xffe1, "leftshift rightshift leftctrl rightctrl capslock capslock leftalt rightalt leftalt rightalt"),
  (0xffeb, "leftmeta rightmeta leftmeta rightmeta"),
  // Delete
  (0xffff, "delete"),
  // XF86MonBrightnessUp to XF86KbdBrightnessDown, XF86MonBrightnessCycle
  (0x1008_ff02, "brightnessup brightnessdown kbdillumtoggle kbdillumup kbdillumdown brightness_cycle"),
  // XF86AudioLowerVolume to XF86Mail
  (0x1008_ff11, "volumedown mute volumeup playpause stopcd previoussong nextsong homepage mail"),
  // XF86Search to XF86Calculator
  (0x1008_ff1b, "search record calc"),
  // XF86Back to XF86Favorites, but for Standby; XF86AudioPause, XF86AudioMedia, XF86MyComputer
  (0x1008_ff26, "back forward stop refresh power wakeup ejectcd coffee www sleep bookmarks"),
  (0x1008_ff31, "pausecd media computer"),
  // XF86Shop, XF86Finance, XF86AudioRewind
  (0x1008_ff36, "shop"), (0x1008_ff3c, "finance"), (0x1008_ff3e, "rewind"),
  // XF86Close, XF86Copy, XF86Cut, XF86Display, XF86DOS, XF86Documents, XF86Explorer
  (0x1008_ff56, "close copy cut switchvideomode msdos documents"), (0x1008_ff5d, "file"),
  // XF86New, XF86Open, XF86Paste, XF86Phone
  (0x1008_ff68, "new"), (0x1008_ff6b, "open"), (0x1008_ff6d, "paste phone"),
  // XF86Reply, XF86Reload, XF86RotateWindows, XF86Save, XF86ScrollUp, XF86ScrollDown, XF86Send
  (0x1008_ff72, "reply refresh rotate_display"), (0x1008_ff77, "save scrollup scrolldown"),
  (0x1008_ff7b, "send"),
  // XF86MailForward, XF86Battery, XF86Bluetooth, XF86WLAN, XF86UWB, XF86AudioForward
  (0x1008_ff90, "forwardmail"), (0x1008_ff93, "battery bluetooth wlan uwb fastforward"),
  // XF86WebCam, XF86Suspend, XF86AudioMicMute
  (0x1008_ff8f, "camera"), (0x1008_ffa7, "suspend"), (0x1008_ffb2, "micmute"),
]

/// The keys of scan codes behind those whose numbers Linux took over.
let keysOfScanCodes: [(code: UInt32, key: String)] = [
  (0x54, "sysrq"), (0x55, "f16"), (0x56, "102nd"), (0x57, "f11"), (0x58, "f12"), (0x59, "kpequal"),
  (0x5a, "f20"),
  (0x5d, "f13"), (0x5e, "f14"), (0x5f, "f15"), (0x64, "open"), (0x65, "paste"), (0x6d, "f23"), (0x6f, "f24"),
  (0x70, "katakanahiragana"), (0x71, "hanja"), (0x72, "hangeul"), (0x73, "ro"), (0x74, "f21"),
  (0x76, "zenkakuhankaku"), (0x77, "hiragana"), (0x78, "katakana"), (0x79, "henkan"), (0x7b, "muhenkan"),
  (0x7d, "yen"), (0x7e, "kpcomma"),
  (0x83, "f17"), (0x84, "f19"), (0x85, "again"), (0x86, "props"), (0x87, "undo"), (0x90, "previoussong"),
  (0x99, "nextsong"), (0x9c, "kpenter"), (0x9d, "rightctrl"), (0xa0, "mute"), (0xa1, "calc"),
  (0xa2, "playpause"),
  (0xa4, "stopcd"), (0xa5, "suspend"), (0xae, "volumedown"), (0xb0, "volumeup"), (0xb2, "homepage"),
  (0xb5, "kpslash"),
  // The protocol's older number for it
  (0xb7, "sysrq"),
  (0xb8, "rightalt"), (0xbc, "cut"), (0xc1, "find"), (0xc6, "pause"), (0xc7, "home"), (0xc8, "up"),
  (0xc9, "pageup"),
  (0xcb, "left"), (0xcd, "right"), (0xcf, "end"), (0xd0, "down"), (0xd1, "pagedown"), (0xd2, "insert"),
  (0xd3, "delete"), (0xdb, "leftmeta"), (0xdc, "rightmeta"), (0xdd, "compose"), (0xde, "power"),
  (0xdf, "sleep"),
  (0xe3, "wakeup"), (0xe5, "search"), (0xe6, "bookmarks"), (0xe7, "refresh"), (0xe8, "stop"),
  (0xe9, "forward"),
  (0xea, "back"), (0xeb, "computer"), (0xec, "mail"), (0xed, "media"), (0xf5, "help"), (0xf6, "kpleftparen"),
  (0xf7, "f18"), (0xf8, "copy"), (0xf9, "f22"), (0xfb, "kprightparen"), (0xfd, "ejectclosecd"),
]
