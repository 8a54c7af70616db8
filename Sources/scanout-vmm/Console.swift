import Glibc
import MachineModel
import ScanoutDevice
import Synchronization

/// The other end of the serial port: this process's standard input and output, or a file that takes what comes.
final class Console: Sendable {
  let port: SerialPort
  private let output: CInt
  private let input: Input?

  /// Standard input while the serial port takes it: the loop's thread reads it.
  private final class Input: Sendable {
    let watch = Mutex<(any CoreWatch)?>(nil)
    func wait(for events: WatchEvents) { watch.withLock { $0?.update(events) } }
  }

  /// - Parameter file: nil for standard input and output.
  init(file: String?, machine: VirtualMachine) throws {
    let input = file == nil ? Input() : nil
    self.input = input
    output = try file.map(Self.create) ?? STDOUT_FILENO
    port = SerialPort(
      send: { [output] byte in
        // A reader that is gone has no use for it.
        _ = unsafe withUnsafeBytes(of: byte) { unsafe write(output, $0.baseAddress, 1) }
      }, setLine: { machine.setLine(SerialPort.line, isHigh: $0) },
      resumeSender: { input?.wait(for: .readable) })
  }

  private static func create(_ path: String) throws -> CInt {
    let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw CommandFailure("\(path) cannot be made: \(unsafe String(cString: strerror(errno)))")
    }
    return descriptor
  }

  /// Brings what comes on standard input to the guest from now on.
  func open(on core: any CoreServices) {
    guard let input else { return }
    let watch = core.addWatch(of: STDIN_FILENO, for: []) { [port] _ in
      var bytes = [UInt8](repeating: 0, count: 512)
      // At most the array's size.
      let count = unsafe read(STDIN_FILENO, &bytes, bytes.count)
      // At its end there is nothing to wait for any more.
      if count <= 0 || !port.receive(bytes[..<count]) { input.wait(for: []) }
    }
    input.watch.withLock { $0 = watch }
    watch.update(.readable)
  }
}

/// A terminal that passes each key on at once and shows none by itself, for as long as this lives.
///
/// Ctrl-C still ends this process.
struct RawTerminal: ~Copyable {
  private let before: termios?

  init(isWanted: Bool) {
    var settings = termios()
    // A local variable; it fails for what is no terminal.
    guard isWanted, unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else {
      before = nil
      return
    }
    before = settings
    settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
    unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
  }

  deinit {
    if var before { unsafe tcsetattr(STDIN_FILENO, TCSANOW, &before) }
  }
}
