import Glibc
import GuestScene

/// Does what the host asks for, one request at a time.
final class Client {
  private let line: SerialLine
  private let log: KernelLog
  let console: TextConsole
  private(set) var card: Card?
  private var outputs: [Card.Output] = []
  private var buffers: [Int: FrameBuffer] = [:]
  private var listener: InputListener?
  /// The image of each output's cursor, which the kernel needs for as long as it is shown.
  private var cursors: [Int: FrameBuffer] = [:]

  init(line: SerialLine) throws(SystemFailure) {
    self.line = line
    log = try KernelLog()
    console = try TextConsole()
  }

  /// Answers requests until the port is closed.
  func serve() throws(SystemFailure) {
    while let text = try line.next() {
      let request: Request
      do {
        request = try Request(line: text)
      } catch {
        if let answer = Self.answer(to: error) { try line.write(answer) }
        continue
      }
      var pieces: [String] = []
      do {
        try perform(request.command, &pieces)
        for piece in pieces { try line.write(Reply.piece(request.number, piece)) }
        try line.write(Reply.done(request.number))
      } catch {
        try line.write(Reply.refused(request.number, error.reason))
      }
      if request.command == .powerOff { Kernel.powerOff() }
    }
  }

  private static func answer(to fault: RequestFault) -> String? {
    switch fault {
    case .noNumber: nil
    case .unknownCommand(let name, let number): Reply.refused(number, "no command \(name)")
    case .wrongCount(let expected, let found, let number):
      Reply.refused(number, "\(found) words where \(expected) are needed")
    case .badWord(let word, let number): Reply.refused(number, "not to be read: \(word)")
    }
  }

  private func perform(_ command: GuestCommand, _ pieces: inout [String]) throws(SystemFailure) {
    switch command {
    case .info: pieces = try info()
    case .rng: pieces = describeRandomNumbers()
    case .random(let kibibytes):
      let counts = try RandomNumbers.histogram(byteCount: kibibytes * 1024)
      pieces = ["histogram counts=\(counts.map(String.init).joined(separator: ","))"]
    case .open: try open()
    case .close: close()
    case .unbind, .bind, .remove, .insert: try performOnDriver(command)
    case .print(let bytes): try console.write(bytes)
    case .console: pieces = try describeConsole()
    case .text: pieces = try TextConsole.text(columns: console.size().columns).map { "row \($0)" }
    case .log(let lines): pieces = log.last(lines).map { "line \($0)" }
    case .trouble: pieces = log.trouble().map { "line \($0)" }
    case .trace(let categories):
      try Kernel.write(String(categories), to: "/sys/module/drm/parameters/debug")
    case .listen:
      let listener = try InputListener()
      self.listener = listener
      pieces = listener.names.map { "input name=\($0)" }
    case .events(let count): pieces = try listener?.events(count: count).map { "event \($0)" } ?? []
    case .idle(let seconds): Kernel.pause(milliseconds: seconds * 1000)
    case .powerOff: close()
    default: try draw(command)
    }
  }

  private func performOnDriver(_ command: GuestCommand) throws(SystemFailure) {
    close()
    guard let device = Driver.devices().first else {
      throw SystemFailure(action: "find a virtio GPU", code: ENODEV)
    }
    switch command {
    case .unbind: try device.unbind()
    case .bind: try device.bind()
    case .remove: try Driver.removeModule()
    default: try Driver.insertModule()
    }
  }

  private func open() throws(SystemFailure) {
    guard card == nil else { return }
    let card = try Card()
    outputs = try card.outputs()
    self.card = card
  }

  private func close() {
    buffers.removeAll()
    cursors.removeAll()
    outputs.removeAll()
    card = nil
  }

  private func present() throws(SystemFailure) -> Card {
    guard let card else { throw SystemFailure(action: "draw before open", code: EBADF) }
    return card
  }

  private func output(_ index: Int) throws(SystemFailure) -> Card.Output {
    guard outputs.indices.contains(index) else {
      throw SystemFailure(action: "find output \(index)", code: ENODEV)
    }
    return outputs[index]
  }

  private func buffer(_ id: Int) throws(SystemFailure) -> FrameBuffer {
    guard let buffer = buffers[id] else { throw SystemFailure(action: "find buffer \(id)", code: ENOENT) }
    return buffer
  }

  private func draw(_ command: GuestCommand) throws(SystemFailure) {
    let card = try present()
    switch command {
    case .buffer(let id, let width, let height):
      buffers[id] = try FrameBuffer(on: card.file, width: width, height: height)
    case .free(let id): buffers[id] = nil
    case .fill(let id, let seed):
      let buffer = try buffer(id)
      let all = GuestCommand.Area(x: 0, y: 0, width: buffer.width, height: buffer.height)
      _ = buffer.draw(Pattern(seed: seed), in: all)
    case .update(let id, let area, let seed):
      let buffer = try buffer(id)
      guard buffer.draw(Pattern(seed: seed), in: area) else {
        throw SystemFailure(action: "draw outside of buffer \(id)", code: ERANGE)
      }
      try card.declareDamage(area, of: buffer)
    case .show(let index, let id): try card.show(buffer(id), on: output(index))
    case .flip(let index, let id): try card.flip(to: buffer(id), on: output(index))
    case .blank(let index): try card.blank(output(index))
    case .cursor(let index, let seed, let hotX, let hotY):
      let image = try FrameBuffer(
        on: card.file, width: CursorImage.side, height: CursorImage.side, isCursor: true)
      image.draw(CursorImage(seed: seed))
      try card.setCursor(image, hotX: hotX, hotY: hotY, on: output(index))
      cursors[index] = image
    case .move(let index, let x, let y): try card.moveCursor(x: x, y: y, on: output(index))
    case .hide(let index):
      try card.hideCursor(on: output(index))
      cursors[index] = nil
    default: throw SystemFailure(action: "draw", code: EINVAL)
    }
  }
}
