import FrontEndAPI

/// Makes keys of what one viewer says was pressed, for a guest with the US layout.
///
/// What is typed is what the viewer names, whatever its own layout: where a sign needs Shift and the viewer holds none,
/// or the other way round, Shift goes down or comes up for as long as the key is down.
struct KeyTranslator {
  /// A key that goes down or comes up.
  struct Change: Equatable {
    let key: KeyCode
    let isPressed: Bool
  }

  /// What a Shift key is made to be for the sake of one key.
  private struct Correction {
    let key: KeyCode
    let changes: [Change]
  }

  /// Shift keys that the viewer holds.
  private var shifts: [KeyCode] = []
  /// Keys with which a sign is a command, so that Shift is part of it: Ctrl, Alt, Super.
  private var modifiers: Set<KeyCode> = []
  private var correction: Correction?

  private static let leftShift = KeyCode(rawValue: 42)
  private static let shiftKeys = [leftShift, KeyCode(rawValue: 54)]
  /// leftctrl, rightctrl, leftalt, leftmeta, rightmeta; AltGr makes signs and no commands.
  private static let modifierKeys: Set = Set([29, 97, 56, 125, 126].map { KeyCode(rawValue: $0) })

  /// What happens for a sign or key that was pressed or let go; nothing for one that the layout does not have.
  ///
  /// - Parameter capsLock: whether the guest shows that light: its letters are then the other way round.
  mutating func changes(for keysym: Keysym, isPressed: Bool, capsLock: Bool) -> [Change] {
    guard let place = keysym.place else { return [] }
    guard isPressed else { return release(place.key) }
    var changes = undoCorrection()
    if let isShifted = place.shift {
      let needsShift = isShifted != (place.isLetter && capsLock)
      // A small letter with Shift is a capital: programs that type name it so, and people's viewers name the capital.
      if needsShift || !place.isLetter || capsLock { changes += correct(place.key, needsShift: needsShift) }
    }
    return changes + press(place.key)
  }

  /// The same for a key that the viewer names by its place: Shift is as the viewer holds it.
  mutating func changes(for key: KeyCode, isPressed: Bool) -> [Change] {
    isPressed ? undoCorrection() + press(key) : release(key)
  }

  private mutating func press(_ key: KeyCode) -> [Change] {
    if Self.shiftKeys.contains(key), !shifts.contains(key) { shifts.append(key) }
    if Self.modifierKeys.contains(key) { modifiers.insert(key) }
    return [Change(key: key, isPressed: true)]
  }

  private mutating func release(_ key: KeyCode) -> [Change] {
    // A Shift key that the viewer lets go while it is corrected away or stood in for is let go for good.
    let before = Self.shiftKeys.contains(key) ? undoCorrection() : []
    shifts.removeAll { $0 == key }
    modifiers.remove(key)
    let change = Change(key: key, isPressed: false)
    return before + (correction?.key == key ? [change] + undoCorrection() : [change])
  }

  private mutating func correct(_ key: KeyCode, needsShift: Bool) -> [Change] {
    let changes: [Change]
    switch (needsShift, shifts.isEmpty) {
    case (true, true): changes = [Change(key: Self.leftShift, isPressed: true)]
    case (false, false) where modifiers.isEmpty: changes = shifts.map { Change(key: $0, isPressed: false) }
    default: return []
    }
    correction = Correction(key: key, changes: changes)
    return changes
  }

  /// Shift as the viewer holds it again.
  private mutating func undoCorrection() -> [Change] {
    defer { correction = nil }
    return (correction?.changes ?? []).reversed().map { Change(key: $0.key, isPressed: !$0.isPressed) }
  }
}
