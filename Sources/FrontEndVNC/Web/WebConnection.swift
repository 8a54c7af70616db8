import Glibc
import HostThreads

/// One connection of a browser's, with a thread of its own: one request, and then a file or a web socket.
final class WebConnection: Visitor {
  private let socket: ViewerSocket
  private let setup: WebServer.Setup
  private let whenOver: @Sendable () -> Void
  private let isDone = Lock(false)

  /// - Parameter whenOver: called when the connection has ended, at the end of its thread.
  init(owning raw: CInt, _ setup: WebServer.Setup, whenOver: @escaping @Sendable () -> Void) {
    socket = ViewerSocket(owning: raw)
    self.setup = setup
    self.whenOver = whenOver
  }

  // MARK: Other threads

  /// Ends the connection; its thread ends soon after.
  func disconnect() { socket.disconnect() }

  /// Whether its thread is done.
  var isOver: Bool { isDone.withLock { $0 } }

  // MARK: Its own thread

  /// Serves it until it has ended.
  func run() {
    Viewer.stepBack()
    do throws(HTTPStatus) {
      if let (head, rest) = try readHead() { try answer(HTTPRequest(head), rest) }
    } catch {
      refuse(error)
    }
    socket.disconnect()
    isDone.withLock { $0 = true }
    whenOver()
  }

  /// The request's head without the empty line after it, and what came behind; nil when it does not come.
  private func readHead() throws(HTTPStatus) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
    let deadline = Clock.now() + setup.limits.requestMilliseconds
    let end = Array("\r\n\r\n".utf8)[...]
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      switch socket.receive(&piece) {
      case .gone: return nil
      case .nothing: guard socket.waits(for: POLLIN, by: deadline) else { return nil }
      case .bytes(let count):
        // The line end may have begun in the last piece.
        let from = max(0, bytes.count - (end.count - 1))
        bytes += piece[..<count]
        for index in from..<max(from, bytes.count - (end.count - 1))
        where bytes[index..<index + end.count] == end {
          return (bytes[..<index], bytes[(index + end.count)...])
        }
        guard bytes.count < HTTPRequest.maximumBytes else { throw .headTooLarge }
      }
    }
  }

  private func answer(_ request: HTTPRequest, _ rest: ArraySlice<UInt8>) throws(HTTPStatus) {
    guard let host = request.field("host"), setup.access.admits(host: host) else { throw .forbidden }
    if WebSocketUpgrade.isAsked(by: request) {
      guard setup.access.admits(origin: request.field("origin"), host: host) else { throw .forbidden }
      let viewers = try setup.output(of: request.path)
      return try view(viewers, WebSocketUpgrade.response(to: request), rest)
    }
    if let output = setup.page(of: request.path) { return send(.redirect(to: WebServer.page(of: output))) }
    guard !request.isDirectory, let file = setup.root.open(request.path) else { throw .notFound }
    send(file, isHead: request.isHead)
  }

  // MARK: Files

  private func send(_ file: borrowing WebRoot.File, isHead: Bool) {
    send(.content(.ok, type: file.type, count: file.count))
    guard !isHead else { return }
    var left = file.count
    while left > 0 {
      var piece = [UInt8](repeating: 0, count: min(left, 64 << 10))
      // At most the array's size. A file that shrank meanwhile ends the connection, and the browser sees it is short.
      let count = unsafe read(file.descriptor.raw, &piece, piece.count)
      guard count > 0, write(Array(piece[..<count])) else { return }
      left -= count
    }
  }

  /// Says why there is nothing.
  private func refuse(_ status: HTTPStatus) {
    let text = Array(
      "\(status.rawValue) \(status.phrase)\(status == .forbidden ? WebServer.advice : "")\n".utf8)
    var response = HTTPResponse.content(status, type: "text/plain; charset=utf-8", count: text.count)
    switch status {
    case .methodNotAllowed: response.fields.append(("Allow", "GET, HEAD"))
    case .upgradeRequired: response.fields.append(WebSocketUpgrade.versionField)
    default: break
    }
    guard write(response.head + text) else { return }
    setup.report(VNCReport(weight: .detail, text: "a browser's request was refused: \(status.phrase)"))
    // What it still sends would turn the end into a reset, which takes the answer away again.
    shutdown(socket.descriptor.raw, CInt(SHUT_WR))
    _ = socket.skip(HTTPRequest.maximumBytes * 4, by: Clock.now() + setup.limits.closingMilliseconds)
  }

  private func send(_ response: HTTPResponse) { _ = write(response.head) }

  private func write(_ bytes: [UInt8]) -> Bool {
    socket.write(bytes, by: Clock.now() + setup.limits.writingMilliseconds)
  }

  // MARK: Viewers

  /// Shows an output until one side ends it.
  private func view(
    _ viewers: VNCServer.Setup, _ response: HTTPResponse, _ rest: ArraySlice<UInt8>
  ) throws(HTTPStatus) {
    guard setup.seats.take() else { throw .serviceUnavailable }
    defer { setup.seats.giveBack() }
    var ends: [CInt] = [-1, -1]
    // The system writes two descriptors into the array of two.
    guard unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
      throw .serviceUnavailable
    }
    let near = ViewerSocket(owning: ends[0])
    guard let viewer = Viewer(owning: ends[1], viewers, whenOver: {}) else { throw .serviceUnavailable }
    let thread: HostThread
    do { thread = try HostThread(name: "vnc viewer") { viewer.run() } } catch { throw .serviceUnavailable }
    defer {
      viewer.disconnect()
      thread.join()
    }
    guard write(response.head) else { return }
    var bridge = WebSocketBridge(socket, near, closingMilliseconds: setup.limits.closingMilliseconds)
    bridge.run(after: rest)
  }
}
