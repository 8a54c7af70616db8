import Glibc

/// Carries bytes between a browser's web socket and a viewer's code, which sees a plain connection: the other end of
/// a pair of sockets.
///
/// It sleeps without a time limit until one side has something or takes something, keeps at most a piece for each
/// side, and reads no more from one while the other does not take it. So a browser that does not read holds up its
/// own viewer, which then runs into its limits as any other.
struct WebSocketBridge {
  private let browser: ViewerSocket
  private let viewer: ViewerSocket
  private let closingMilliseconds: Int64

  private var reader = WebSocketReader()
  private var toViewer = Outbox()
  private var toBrowser = Outbox()
  /// When the browser has to be through with what is left for it; nil while both sides talk.
  private var deadline: Int64?

  /// Bytes that one side has yet to take.
  private struct Outbox {
    var bytes: [UInt8] = []
    var sent = 0
    var isEmpty: Bool { sent == bytes.count }
    mutating func put(_ more: [UInt8]) { bytes += more }
  }

  /// The most that is read at once.
  private static let pieceBytes = 32 << 10

  /// - Parameters:
  ///   - browser: what comes from it from now on are frames.
  ///   - viewer: our end of the pair.
  ///   - closingMilliseconds: how long the browser has for the rest when the viewer's code has ended.
  init(_ browser: ViewerSocket, _ viewer: ViewerSocket, closingMilliseconds: Int64) {
    self.browser = browser
    self.viewer = viewer
    self.closingMilliseconds = closingMilliseconds
  }

  /// Carries until one side has ended and the other knows.
  ///
  /// - Parameter early: frames that came with the request.
  mutating func run(after early: ArraySlice<UInt8>) {
    take(early)
    var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
    repeat {
      // Mostly there is room for it.
      if !flush(&toViewer, to: viewer) { end(.normal) }
      guard flush(&toBrowser, to: browser) else { return }
      // It has had everything, and answers by ending the connection.
      if deadline != nil, toBrowser.isEmpty { shutdown(browser.descriptor.raw, CInt(SHUT_WR)) }
    } while carry(&piece)
  }

  /// Sleeps until there is something to carry and reads a piece of it; false when it is over.
  private mutating func carry(_ piece: inout [UInt8]) -> Bool {
    let isOpen = deadline == nil
    var browserEvents: CInt = toBrowser.isEmpty ? 0 : CInt(POLLOUT)
    // A frame may cause a reply or bytes for the viewer: none is read before the last ones are on their way.
    if !isOpen || toViewer.isEmpty && toBrowser.isEmpty { browserEvents |= CInt(POLLIN) }
    var viewerEvents: CInt = isOpen && !toViewer.isEmpty ? CInt(POLLOUT) : 0
    if isOpen, toBrowser.isEmpty { viewerEvents |= CInt(POLLIN) }
    var polled = [
      pollfd(fd: browser.descriptor.raw, events: Int16(browserEvents), revents: 0),
      // Negative ones are passed over: of one that nothing is wanted of, an end would be told again and again.
      pollfd(fd: viewerEvents == 0 ? -1 : viewer.descriptor.raw, events: Int16(viewerEvents), revents: 0),
    ]
    let left = deadline.map { CInt(clamping: max(0, $0 - Clock.now())) } ?? -1
    // Two entries, the array's size.
    let count = unsafe poll(&polled, 2, left)
    guard count > 0 else { return count < 0 && errno == EINTR }
    // Nothing more can be heard from it or told to it.
    guard CInt(polled[0].revents) & CInt(POLLHUP | POLLERR | POLLNVAL) == 0 else { return false }
    if viewerEvents & CInt(POLLIN) != 0, polled[1].revents != 0 {
      switch viewer.receive(&piece) {
      case .bytes(let count): toBrowser.put(WebSocketFrame.binary(piece[..<count]))
      case .nothing: break
      case .gone: end(.normal)
      }
    }
    if CInt(polled[0].revents) & CInt(POLLIN) != 0 {
      switch browser.receive(&piece) {
      case .bytes(let count): take(piece[..<count])
      case .nothing: break
      case .gone: return false
      }
    }
    return true
  }

  /// Takes what the browser sent; after the end it is forgotten.
  private mutating func take(_ bytes: ArraySlice<UInt8>) {
    guard deadline == nil else { return }
    var data: [UInt8] = []
    var replies: [UInt8] = []
    reader.take(bytes, data: &data, replies: &replies)
    toViewer.put(data)
    toBrowser.put(replies)
    guard let ending = reader.ending else { return }
    _ = flush(&toViewer, to: viewer)  // what came before the end counts, if there is room for it
    end(ending)
  }

  /// Ends the viewer's side, and the browser's when it has had the rest.
  private mutating func end(_ ending: WebSocketReader.Ending) {
    guard deadline == nil else { return }
    viewer.disconnect()
    toViewer = Outbox()
    toBrowser.put(WebSocketFrame.close(ending))
    deadline = Clock.now() + closingMilliseconds
  }

  /// Writes what it takes at the moment; false when it has gone.
  private func flush(_ box: inout Outbox, to socket: ViewerSocket) -> Bool {
    while !box.isEmpty {
      switch socket.send(box.bytes[box.sent...]) {
      case .bytes(let count): box.sent += count
      case .nothing: return true
      case .gone: return false
      }
    }
    box = Outbox()
    return true
  }
}
