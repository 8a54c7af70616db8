public import FrontEndAPI

/// What viewers may do beyond looking, as the devices that are there let them; nothing unless said otherwise.
///
/// Each viewer attaches on its own, on its own thread, and is detached by the server.
public struct VNCControls: Sendable {
  /// Attaches a front-end to the keyboard; nil without one.
  public var keyboard: (@Sendable (any KeyboardFrontEnd) throws -> any KeyboardChannel)?
  /// Attaches a front-end to the tablet, touchscreen or mouse; nil without one.
  public var pointer: (@Sendable (any PointerFrontEnd) throws -> any PointerChannel)?
  /// How the outputs stand beside each other; nil where a viewer's output is alone.
  public var desk: VNCDesk?

  /// Viewers that look and do no more.
  public init() {}
}

/// The outputs of a display as they stand beside each other. The closures may be called on any thread.
public struct VNCDesk: Sendable {
  /// All outputs at the moment.
  public var outputs: @Sendable () -> [PlacedOutput]
  /// Changes what the host wants of outputs, by their numbers, at once: a wish of nil wants one off. nil where viewers may
  /// not.
  public var setOutputs: (@Sendable ([Int: Wish?]) -> Void)?
  /// What either side of an output may be.
  public var sides = 1...0xffff

  /// What a viewer wants of an output.
  public struct Wish: Sendable, Equatable {
    /// Pixels across.
    public var width: Int
    /// Pixels down.
    public var height: Int
    /// Its left edge and its top; nil leaves them as they are.
    public var place: Place?

    /// Where an output is to be.
    public struct Place: Sendable, Equatable {
      /// Pixels from the left.
      public var x: UInt32
      /// Pixels from the top.
      public var y: UInt32
    }
  }

  /// A desk that viewers may not change.
  public init(outputs: @escaping @Sendable () -> [PlacedOutput]) { self.outputs = outputs }
}
