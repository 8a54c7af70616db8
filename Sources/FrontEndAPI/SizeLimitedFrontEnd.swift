/// The sides of a picture, in pixels.
public struct PictureSize: Sendable, Equatable, CustomStringConvertible {
  /// Pixels across, at least 1.
  public let width: Int
  /// Pixels down, at least 1.
  public let height: Int

  /// A size; neither side is below 1.
  public init(width: Int, height: Int) {
    precondition(width > 0 && height > 0)
    self.width = width
    self.height = height
  }

  /// For example `1920x1080`.
  public var description: String { "\(width)x\(height)" }
}

/// What a front-end may say from version 1.1 of the display interface on: how large a picture it can show.
///
/// A guest that wants to show more on the output is refused, and none is told to prefer more. One that says nothing, or
/// speaks version 1.0, can show any.
///
/// What was larger on the screen before the front-end attached stays there, also for it: description, damage and surface
/// have the size that the guest shows, beyond what was said here, until the guest changes it. It is for the front-end to
/// show a part, or nothing.
public protocol SizeLimitedFrontEnd: DisplayFrontEnd {
  /// The largest picture that it can show of an output; nil: any, or it does not show that output at all.
  ///
  /// Each side counts as 32 at least. Asked once for each output, on the thread that attaches, before `attached(to:)`;
  /// it holds until the front-end detaches.
  func largestPicture(ofOutput index: Int) -> PictureSize?
}
