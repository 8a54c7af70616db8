public import FrontEndAPI
import HostThreads

/// Why there is no picture.
public enum PictureError: Error, Equatable, CustomStringConvertible {
  /// No display has been attached yet, or it has been let go.
  case notAttached
  /// The device has fewer outputs.
  case noSuchOutput(index: Int, count: Int)
  /// The guest shows nothing there.
  case outputIsOff(index: Int)

  /// The cause and what to do.
  public var description: String {
    switch self {
    case .notAttached:
      "no display is attached: attach the front-end to a device first"
    case .noSuchOutput(let index, let count):
      "the device has no scanout \(index): " + (count == 1 ? "only scanout 0" : "they are 0 to \(count - 1)")
    case .outputIsOff(let index):
      "scanout \(index) is off: the guest shows nothing there yet"
    }
  }
}

/// A front-end that shows an output as a picture, whenever somebody asks for one.
///
/// It has no thread: pictures are made on the thread that asks, and nothing runs in between. All calls may come from
/// any thread.
public final class PictureFrontEnd: DisplayFrontEnd {
  /// The display interface as it was when this front-end was written.
  public let interface = InterfaceVersion(type: "display", label: "PNG pictures", major: 1, minor: 0)

  private let channel = Lock<(any DisplayChannel)?>(nil)

  /// A front-end that is not attached to a display yet.
  public init() {}

  /// Keeps the channel for later pictures; an earlier one is let go.
  public func attached(to channel: any DisplayChannel) {
    let earlier = self.channel.withLock { current in
      let earlier = current
      current = channel
      return earlier
    }
    earlier?.detach()
  }

  /// Nothing to wake: a picture asks the channel for all changes when it is taken.
  public func outputChanged(_ index: Int) {}

  /// Lets the display go.
  public func detach() {
    let earlier = channel.withLock { current in
      let earlier = current
      current = nil
      return earlier
    }
    earlier?.detach()
  }

  /// Copies an output as it is now; the picture has the size of the scanout's rectangle.
  ///
  /// - Parameters:
  ///   - index: scanout id, from 0; any value may be given.
  ///   - withCursor: whether the output's cursor is drawn into it.
  public func picture(ofOutput index: Int, withCursor: Bool) throws(PictureError) -> Picture {
    let channel = try attachedChannel(forOutput: index)
    // Brings the finished surface up to date. What changed does not matter here: the whole surface is copied.
    _ = channel.takeChanges(ofOutput: index)
    guard let copy = channel.withSurface(ofOutput: index, { Picture(copying: $0) }), var picture = copy else {
      throw .outputIsOff(index: index)
    }
    if withCursor, let cursor = channel.cursor(ofOutput: index) { picture.blend(cursor) }
    return picture
  }

  /// The size of the scanout's rectangle, in pixels.
  public func size(ofOutput index: Int) throws(PictureError) -> (width: Int, height: Int) {
    let channel = try attachedChannel(forOutput: index)
    _ = channel.takeChanges(ofOutput: index)
    guard let size = channel.withSurface(ofOutput: index, { ($0.width, $0.height) }) else {
      throw .outputIsOff(index: index)
    }
    return size
  }

  /// The cursor of an output, whether shown or hidden.
  public func cursor(ofOutput index: Int) throws(PictureError) -> CursorState {
    let channel = try attachedChannel(forOutput: index)
    guard let cursor = channel.cursor(ofOutput: index) else {
      throw .noSuchOutput(index: index, count: channel.outputCount)
    }
    return cursor
  }

  private func attachedChannel(forOutput index: Int) throws(PictureError) -> any DisplayChannel {
    guard let channel = channel.withLock({ $0 }) else { throw .notAttached }
    guard index >= 0, index < channel.outputCount else {
      throw .noSuchOutput(index: index, count: channel.outputCount)
    }
    return channel
  }
}
