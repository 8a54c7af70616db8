import CLibVNCServer
import Glibc

/// A screen of libvncserver for one viewer alone.
///
/// The library would share one screen between viewers. Its event loop then waits for each viewer's socket in turn,
/// and its threads poll while a handshake is under way and stop all viewers of a screen for a slow one when the size
/// changes. With a screen and a thread for each, nobody waits for anybody.
@safe
struct LibraryScreen: ~Copyable {
  let pointer: rfbScreenInfoPtr
  /// What the library tells viewers of screens; it has the address.
  private let list: UnsafeMutablePointer<ScreenList>

  /// Monitors that the picture is made of.
  private struct ScreenList {
    var screens: [rfbExtDesktopScreen]
  }

  /// What every screen begins as. The library makes one only: making another sets up a lock anew that all viewers
  /// of the process share.
  private static let template = unsafe Template()

  /// Sendable: nobody changes it after it was made.
  @unsafe private struct Template: @unchecked Sendable {
    let screen: rfbScreenInfoPtr?

    init() {
      unsafe screen = rfbGetScreen(nil, nil, 4, 4, 8, 3, 4)
      // The extensions' lock is made by whoever comes first, so that is not left to the viewers' threads.
      _ = unsafe rfbGetExtensionIterator()
      rfbReleaseExtensionIterator()
    }
  }

  /// Whether the library works; called once before any viewer is served.
  static func prepare() -> Bool {
    LibraryExtensions.prepare()
    return unsafe template.screen != nil
  }

  /// A screen that shows `frameBuffer`; nil without memory.
  ///
  /// It tells of no monitors before `setScreens`.
  ///
  /// - Parameter name: what viewers show as their title; it lives as long as the screen.
  init?(showing frameBuffer: borrowing FrameBuffer, name: UnsafePointer<CChar>) {
    guard let template = unsafe Self.template.screen,
      let memory = unsafe calloc(1, MemoryLayout<rfbScreenInfo>.size)
    else { return nil }
    let screen = unsafe memory.assumingMemoryBound(to: rfbScreenInfo.self)
    // A plain structure without pointers to itself; its lock is the one part that may not be copied.
    unsafe screen.initialize(to: template.pointee)
    unsafe pthread_mutex_init(&screen.pointee.cursorMutex, nil)
    unsafe screen.pointee.desktopName = unsafe name
    unsafe screen.pointee.width = CInt(frameBuffer.width)
    unsafe screen.pointee.height = CInt(frameBuffer.height)
    unsafe screen.pointee.paddedWidthInBytes = CInt(frameBuffer.width * 4)
    unsafe screen.pointee.frameBuffer = frameBuffer.address
    // Updates go out when there are some: damage is collected while a viewer has not asked for it.
    unsafe screen.pointee.deferUpdateTime = 0
    unsafe screen.pointee.alwaysShared = 1
    unsafe screen.pointee.maxClientWait = 20_000
    // The guest's cursor is sent as a shape to viewers that draw it, by the hook, and never drawn into the picture.
    unsafe screen.pointee.cursor = nil
    unsafe screen.pointee.dontConvertRichCursorToXCursor = 1
    unsafe screen.pointee.getCursorPtr = { client in
      guard let cursor = unsafe client?.pointee.clientData else { return nil }
      // The viewer's thread put the address of its living cursor there.
      return unsafe cursor.assumingMemoryBound(to: rfbCursor.self)
    }
    unsafe list = .allocate(capacity: 1)
    unsafe list.initialize(to: ScreenList(screens: []))
    unsafe screen.pointee.screenData = UnsafeMutableRawPointer(list)
    unsafe screen.pointee.numberOfExtDesktopScreensHook = { client in
      CInt(clamping: unsafe LibraryScreen.list(of: client)?.pointee.screens.count ?? 0)
    }
    unsafe screen.pointee.getExtDesktopScreenHook = { index, screen, client in
      guard let list = unsafe LibraryScreen.list(of: client), let screen = unsafe screen,
        unsafe list.pointee.screens.indices.contains(Int(index))
      else { return 0 }
      // The library's own local variable.
      unsafe screen.pointee = list.pointee.screens[Int(index)]
      return -1
    }
    unsafe pointer = screen
    setFormat()
  }

  /// The list of a client's screen, which lives as long as that.
  private static func list(of client: rfbClientPtr?) -> UnsafeMutablePointer<ScreenList>? {
    unsafe client?.pointee.screen.pointee.screenData?.assumingMemoryBound(to: ScreenList.self)
  }

  /// The monitors that the picture is made of, by their numbers.
  func setScreens(_ screens: [DesktopWish.Screen]) {
    unsafe list.pointee.screens = screens.map { screen in
      rfbExtDesktopScreen(
        id: screen.id, x: UInt16(clamping: screen.area.x), y: UInt16(clamping: screen.area.y),
        width: UInt16(clamping: screen.area.width), height: UInt16(clamping: screen.area.height), flags: 0)
    }
  }

  deinit {
    // No client is left, so this frees the screen and what the library hung on it.
    unsafe rfbScreenCleanup(pointer)
    unsafe list.deinitialize(count: 1)
    unsafe list.deallocate()
  }

  /// The one layout of finished pixels as the library spells it: little-endian words 0x00RRGGBB.
  func setFormat() {
    unsafe pointer.pointee.serverFormat.depth = 24
    // The library's own truth is -1, and this goes over the wire.
    unsafe pointer.pointee.serverFormat.trueColour = 1
    unsafe pointer.pointee.serverFormat.redShift = 16
    unsafe pointer.pointee.serverFormat.greenShift = 8
    unsafe pointer.pointee.serverFormat.blueShift = 0
  }
}
