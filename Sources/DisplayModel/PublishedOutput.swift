import FrontEndAPI
import HostThreads

/// One output where the device's thread and front-ends meet.
///
/// The device's thread waits for the state's short lock only. A front-end takes the surface's lock, and inside
/// it the state's for a moment and the pixels' for one band at a time.
final class PublishedOutput: Sendable {
  let index: Int
  private let state = Lock(OutputState())
  private let surface = Lock(FinishedSurface())

  init(index: Int) { self.index = index }

  // MARK: The device's side

  func show(_ view: OutputState.View?) {
    // What was shown is dropped here, not under the lock.
    _ = state.withLock { $0.show(view) }
    if view == nil { letSurfaceGo() }
    tellFrontEnds()
  }

  func addDamage(_ rectangle: Rectangle) {
    state.withLock { $0.addDamage(rectangle) }
    tellFrontEnds()
  }

  func moveCursor(x: Int32, y: Int32) {
    state.withLock { $0.moveCursor(x: x, y: y) }
    tellFrontEnds()
  }

  func updateCursor(x: Int32, y: Int32, _ picture: CursorPicture?) {
    _ = state.withLock { state in
      state.moveCursor(x: x, y: y)
      return state.setCursor(picture)
    }
    tellFrontEnds()
  }

  /// Tells who has to be told, each without a lock.
  private func tellFrontEnds() {
    while let attachment = state.withLock({ $0.nextToTell() }) { attachment.tell(index) }
  }

  /// The largest picture that all front-ends can show; nil: any.
  var largestPicture: PictureSize? { state.withLock { $0.largestPicture } }

  // MARK: Both sides

  /// Lets go of a finished surface from before the output went off last: another guest may come next, which
  /// is not to be charged for it, and whose viewers are not to see it.
  ///
  /// The device's thread does not wait for a front-end that is at the surface; that one calls this in turn
  /// when it is done.
  private func letSurfaceGo() {
    _ = surface.withLockIfAvailable { clearIfOutdated(&$0) }
  }

  private func clearIfOutdated(_ surface: inout FinishedSurface) {
    if surface.generation < state.withLock({ $0.lastOff }) { surface.clear() }
  }

  // MARK: The front-ends' side

  func add(_ attachment: Attachment, largest: PictureSize?) {
    state.withLock { $0.add(attachment, largest: largest) }
  }

  func open(_ attachment: Attachment) -> Bool { state.withLock { $0.open(attachment) } }

  func remove(_ attachment: Attachment) { state.withLock { $0.remove(attachment) } }

  func takeChanges(for attachment: Attachment) -> OutputChanges? {
    defer { letSurfaceGo() }
    let taken = surface.withLock { surface -> OutputState.Taken? in
      // Inside the surface's lock, so that whoever comes second waits until the first has copied.
      guard var taken = state.withLock({ $0.take(for: attachment) }) else { return nil }
      if !surface.bringUpToDate(with: taken) {
        // The host has no memory: the output counts as off, and as new when there is some again.
        taken.view = nil
        taken.isReplaced = true
        state.withLock { $0.replace(for: attachment) }
      }
      return taken
    }
    guard let taken else { return nil }
    let bounds = taken.view?.bounds
    let output = OutputDescription(
      index: index, width: Int(bounds?.width ?? 0), height: Int(bounds?.height ?? 0))
    let damage = taken.isReplaced ? bounds.map { [$0] } ?? [] : taken.damage.all
    return OutputChanges(
      output: output, isReplaced: taken.isReplaced, damage: damage, cursorChanged: taken.cursorChanged)
  }

  func withSurface<Result>(_ body: (borrowing Surface) -> Result) -> Result? {
    defer { letSurfaceGo() }
    return surface.withLock { surface in
      clearIfOutdated(&surface)
      return surface.withSurface(body)
    }
  }

  /// The front-ends that look at it, and what they are called.
  var frontEnds: [InterfaceVersion] { state.withLock { $0.attachments }.map(\.peer) }

  /// The cursor with the resource that it came from, in one piece.
  var pointer: OutputState.Cursor { state.withLock { $0.cursor } }

  /// What is on the screen, without a look at its pixels.
  var description: OutputDescription {
    let bounds = state.withLock { $0.view?.bounds }
    return OutputDescription(index: index, width: Int(bounds?.width ?? 0), height: Int(bounds?.height ?? 0))
  }

  var cursor: CursorState {
    let cursor = state.withLock { $0.cursor }
    return CursorState(x: cursor.x, y: cursor.y, image: cursor.picture?.image)
  }
}
