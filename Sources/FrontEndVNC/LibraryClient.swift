import CLibVNCServer
import Glibc

/// A viewer as libvncserver knows it, from its ClientInit message on. Used by the viewer's thread alone.
@safe
struct LibraryClient: ~Copyable {
  private let client: rfbClientPtr

  /// Descriptors that fit the library's `fd_set`.
  private static let descriptors: Range<CInt> = 0..<1024

  /// Hands a connection over after its handshake; nil when the system has no descriptor that the library can use,
  /// or no memory.
  ///
  /// - Parameters:
  ///   - socket: keeps its own descriptor; the library gets another of the same connection.
  ///   - screen: outlives this value.
  init?(_ socket: ViewerSocket, on screen: borrowing LibraryScreen) {
    // The library greets a new client and looks whether it speaks HTTP or TLS. Both are done on a stand-in that
    // answers at once, so that the viewer is not greeted twice and nobody gets at the web sockets.
    var ends: [CInt] = [-1, -1]
    // The system writes two descriptors into the array of two.
    guard unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0 else { return nil }
    let far = Descriptor(owning: ends[1])
    let greeting = Array("RFB 003.008\n".utf8)
    // Exactly the array; it fits the buffer of a new socket.
    let written = unsafe write(far.raw, greeting, greeting.count)
    guard Self.descriptors.contains(ends[0]), written == greeting.count else {
      close(ends[0])
      return nil
    }
    // The library owns the near end from here on, and keeps or closes it.
    guard let client = unsafe rfbNewClient(screen.pointer, ends[0]) else { return nil }
    unsafe self.client = client
    // The same number now stands for the viewer's connection.
    dup2(socket.descriptor.raw, ends[0])
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    unsafe clibvncserver_skip_handshake(client)
    unsafe client.pointee.viewOnly = 1
    // Called when the library has cut a request to the screen. Some of its encodings divide by the width of what is
    // left, so a request for nothing becomes one for a pixel, which every screen has.
    unsafe client.pointee.clientFramebufferUpdateRequestHook = { _, request in
      guard let request = unsafe request else { return }
      // The library's own copy of the message.
      if unsafe request.pointee.w == 0 || request.pointee.h == 0 {
        unsafe (request.pointee.x, request.pointee.y) = (0, 0)
        unsafe (request.pointee.w, request.pointee.h) = (1, 1)
      }
    }
  }

  deinit { unsafe rfbClientConnectionGone(client) }

  /// False once the viewer has gone or was thrown out.
  var isOpen: Bool { unsafe client.pointee.sock >= 0 }
  /// Whether it has been told size and format.
  var isInitialised: Bool { unsafe clibvncserver_is_initialised(client) != 0 }
  /// Whether it waits for changes.
  var wantsUpdate: Bool {
    guard isOpen, isInitialised else { return false }
    return unsafe sraRgnEmpty(client.pointee.requestedRegion) == 0
  }
  /// Whether it can be told of another size.
  var canResize: Bool { unsafe client.pointee.useNewFBSize != 0 }

  /// Whether it knows of screens, and can wish for others.
  var knowsScreens: Bool { unsafe client.pointee.useExtDesktopSize != 0 }

  /// Tells it of size and screens with the next update, if it knows of screens.
  ///
  /// - Parameter reason: the protocol's number: 0 for the server's side, 1 for the viewer's own wish, 2 for another's.
  func tellScreens(reason: Int) {
    guard knowsScreens else { return }
    unsafe client.pointee.requestedDesktopSizeChange = CInt(clamping: reason)
    unsafe client.pointee.lastDesktopSizeChangeError = 0
    unsafe client.pointee.newFBSizePending = -1
  }

  /// What it has offered that the library does not know.
  var offeredExtensions: Set<ViewerExtension> { unsafe LibraryExtensions.offered(by: client) }

  /// Takes the one message whose first byte has come; waits for its rest, 20 s for each part.
  func processMessage() { unsafe rfbProcessClientMessage(client) }

  /// Sends what has changed and was asked for.
  func sendUpdates() {
    // One call may send the new size alone, the next the pixels, the third nothing any more.
    for _ in 0..<3 where wantsUpdate { _ = unsafe rfbUpdateClient(client) }
  }

  /// A rectangle of the frame buffer has other pixels now.
  func markModified(x: Int, y: Int, width: Int, height: Int) {
    // The library cuts it to the screen; the sides of a frame buffer fit 16 bits.
    unsafe rfbMarkRectAsModified(
      client.pointee.screen, CInt(clamping: x), CInt(clamping: y), CInt(clamping: x + width),
      CInt(clamping: y + height))
  }

  /// Shows another frame buffer, of whatever size; the earlier one may go when this returns.
  func show(_ frameBuffer: borrowing FrameBuffer, on screen: borrowing LibraryScreen) {
    unsafe rfbNewFramebuffer(
      screen.pointer, frameBuffer.address, CInt(frameBuffer.width), CInt(frameBuffer.height), 8, 3, 4)
    // It has put the format back to the library's own and translates from that.
    screen.setFormat()
    if let translate = unsafe screen.pointer.pointee.setTranslateFunction { _ = unsafe translate(client) }
  }

  /// Shows another shape, or none; the earlier one may go when this returns.
  func setCursor(_ cursor: borrowing LibraryCursor?) {
    switch cursor {
    case .some(let cursor): unsafe client.pointee.clientData = cursor.address
    case nil: unsafe client.pointee.clientData = nil
    }
    unsafe client.pointee.cursorWasChanged = 1
  }

  /// The pointer is elsewhere, given inside the frame buffer; told to viewers that let it be moved, as soon as they do.
  func movePointer(x: Int, y: Int) {
    unsafe client.pointee.screen.pointee.cursorX = CInt(clamping: x)
    unsafe client.pointee.screen.pointee.cursorY = CInt(clamping: y)
    // Equal on both sides, or the library would draw the cursor anew where it was and is.
    unsafe client.pointee.cursorX = CInt(clamping: x)
    unsafe client.pointee.cursorY = CInt(clamping: y)
    unsafe client.pointee.cursorWasMoved = 1
  }
}
