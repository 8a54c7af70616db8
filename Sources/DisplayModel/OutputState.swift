import FrontEndAPI

/// What the device's thread and front-ends share about one output, behind its short lock.
///
/// Nothing here allocates or frees once every front-end is attached: whatever could be the last reference to
/// something large is handed out, to be dropped without the lock.
struct OutputState {
  /// What is on the screen; nil while the output is off.
  private(set) var view: View?
  /// Changes with every view, so that a surface knows whether it was made from this one. Never 0.
  private(set) var generation: UInt64 = 1
  /// The generation in which the output was off last: what was made from an earlier view is nobody's business
  /// any more.
  private(set) var lastOff: UInt64 = 1
  /// Where the finished surface is behind, if it was made from this view.
  private var stale = Damage()
  private(set) var cursor = Cursor()
  private var viewers: [Viewer] = []

  /// A rectangle of somebody's pixels.
  struct View {
    let source: PixelSource
    let rectangle: Rectangle
    let room: SurfaceRoom

    var bounds: Rectangle { Rectangle(x: 0, y: 0, width: rectangle.width, height: rectangle.height) }
  }

  /// Where the pointer is; hidden without a picture.
  struct Cursor {
    var x: Int32 = 0
    var y: Int32 = 0
    var picture: CursorPicture?
  }

  /// One attached front-end, with what it has not seen yet.
  private struct Viewer {
    let attachment: Attachment
    /// The largest picture that it can show; nil: any.
    let largest: PictureSize?
    var damage = Damage()
    var isReplaced = true
    var cursorChanged = true
    /// It has asked since it was last told of a change; a new one counts as having asked.
    var hasAsked = true
    var isToBeTold = false
    /// The handshake is over, so it may be told.
    var isOpen = false

    mutating func somethingChanged() {
      isToBeTold = isToBeTold || hasAsked
      hasAsked = false
    }
  }

  /// What a front-end takes: its own news, and what to do first so that the surface shows them.
  struct Taken {
    var view: View?
    var generation: UInt64
    var stale: Damage
    var damage: Damage
    var isReplaced: Bool
    var cursorChanged: Bool
  }

  /// The front-ends that look at it, in the order in which they came.
  var attachments: [Attachment] { viewers.map(\.attachment) }

  // MARK: The device's side

  /// Puts something else on the screen and returns what was there.
  mutating func show(_ new: View?) -> View? {
    let old = view
    if old == nil && new == nil { return nil }
    if let old, let new, old.source.isSame(as: new.source), old.rectangle == new.rectangle {
      // The same again: the driver wants it shown as it is now.
      addDamage(new.bounds)
      return nil
    }
    view = new
    generation &+= 1
    if new == nil { lastOff = generation }
    stale.removeAll()
    for index in viewers.indices {
      viewers[index].isReplaced = true
      viewers[index].damage.removeAll()
      viewers[index].somethingChanged()
    }
    return old
  }

  /// Adds to everyone's damage; `rectangle` lies inside the view, from its corner.
  mutating func addDamage(_ rectangle: Rectangle) {
    stale.add(rectangle)
    for index in viewers.indices {
      viewers[index].damage.add(rectangle)
      viewers[index].somethingChanged()
    }
  }

  /// Puts the cursor elsewhere.
  mutating func moveCursor(x: Int32, y: Int32) {
    guard cursor.x != x || cursor.y != y else { return }
    cursor.x = x
    cursor.y = y
    cursorChanged()
  }

  /// Gives the cursor another picture, or none, and returns what it had.
  mutating func setCursor(_ picture: CursorPicture?) -> CursorPicture? {
    let old = cursor.picture
    guard old != nil || picture != nil else { return nil }
    cursor.picture = picture
    cursorChanged()
    return old
  }

  private mutating func cursorChanged() {
    for index in viewers.indices {
      viewers[index].cursorChanged = true
      viewers[index].somethingChanged()
    }
  }

  /// The next front-end that has to be told of a change; nil when all are.
  mutating func nextToTell() -> Attachment? {
    guard let index = viewers.firstIndex(where: { $0.isToBeTold && $0.isOpen }) else { return nil }
    viewers[index].isToBeTold = false
    return viewers[index].attachment
  }

  // MARK: The front-ends' side

  mutating func add(_ attachment: Attachment, largest: PictureSize?) {
    viewers.append(Viewer(attachment: attachment, largest: largest))
  }

  /// The largest picture that all of them can show; nil: any.
  var largestPicture: PictureSize? {
    var largest: PictureSize?
    for index in viewers.indices { largest = viewers[index].largest.lowered(to: largest) }
    return largest
  }

  /// Lets a front-end be told from now on; true when it has to be told of something at once.
  mutating func open(_ attachment: Attachment) -> Bool {
    guard let index = viewers.firstIndex(where: { $0.attachment === attachment }) else { return false }
    viewers[index].isOpen = true
    defer { viewers[index].isToBeTold = false }
    return viewers[index].isToBeTold
  }

  mutating func remove(_ attachment: Attachment) { viewers.removeAll { $0.attachment === attachment } }

  /// What changed for a front-end; nil when it is not attached (any more).
  mutating func take(for attachment: Attachment) -> Taken? {
    guard let index = viewers.firstIndex(where: { $0.attachment === attachment }) else { return nil }
    let viewer = viewers[index]
    let taken = Taken(
      view: view, generation: generation, stale: stale, damage: viewer.damage, isReplaced: viewer.isReplaced,
      cursorChanged: viewer.cursorChanged)
    viewers[index] = Viewer(
      attachment: attachment, largest: viewer.largest, isReplaced: false, cursorChanged: false,
      isOpen: viewer.isOpen)
    stale.removeAll()
    return taken
  }

  /// Lets a front-end draw everything anew when it asks next.
  mutating func replace(for attachment: Attachment) {
    guard let index = viewers.firstIndex(where: { $0.attachment === attachment }) else { return }
    viewers[index].isReplaced = true
  }
}
