import Synchronization

/// A serial port as PCs have it, a 16550A, whose line takes every byte at once.
public final class SerialPort: Sendable {
  /// Of COM1; it has eight ports.
  public static let firstPort: UInt16 = 0x3f8
  /// COM1's.
  public static let line = 4
  /// Bytes for the guest beyond which `receive` asks its caller to wait.
  static let capacity = 4096

  private struct State {
    var enabledInterrupts: UInt8 = 0
    var lineControl: UInt8 = 0
    var modemControl: UInt8 = 0
    var scratch: UInt8 = 0
    var divisor: UInt16 = 12
    var hasQueues = false
    /// The guest has not heard yet that there is room for another byte, which is always so.
    var isRoomNews = false
    var received: ArraySlice<UInt8> = []
    var isSenderWaiting = false
    var isLineHigh = false

    var receivedInterrupt: Bool { enabledInterrupts & 1 != 0 && !received.isEmpty }
    var roomInterrupt: Bool { enabledInterrupts & 2 != 0 && isRoomNews }
    var choosesDivisor: Bool { lineControl & 0x80 != 0 }
    /// What goes out comes in.
    var isLoop: Bool { modemControl & 0x10 != 0 }
  }

  private let state = Mutex(State())
  private let send: @Sendable (UInt8) -> Void
  private let setLine: @Sendable (Bool) -> Void
  private let resumeSender: @Sendable () -> Void

  /// - Parameters:
  ///   - send: takes a byte that the guest wrote, on its processor's thread.
  ///   - setLine: the level of the interrupt line each time it changes; it must not come back here.
  ///   - resumeSender: called when `receive` has asked to wait and the guest has read what there was; the same.
  public init(
    send: @escaping @Sendable (UInt8) -> Void, setLine: @escaping @Sendable (Bool) -> Void,
    resumeSender: @escaping @Sendable () -> Void = {}
  ) {
    self.send = send
    self.setLine = setLine
    self.resumeSender = resumeSender
  }

  /// Bytes for the guest, from any thread; false when no more should come before `resumeSender` is called.
  public func receive(_ bytes: some Collection<UInt8>) -> Bool {
    change { state in
      // Whoever does not wait loses the rest, as on a wire.
      state.received += bytes.prefix(max(0, 2 * Self.capacity - state.received.count))
      state.isSenderWaiting = state.received.count >= Self.capacity
      return !state.isSenderWaiting
    }
  }

  /// The guest reads register 0 to 7.
  public func read(_ register: Int) -> UInt8 {
    change { state in
      switch register {
      case 0 where state.choosesDivisor: return UInt8(truncatingIfNeeded: state.divisor)
      case 1 where state.choosesDivisor: return UInt8(truncatingIfNeeded: state.divisor >> 8)
      case 0: return takeReceived(&state)
      case 1: return state.enabledInterrupts
      case 2: return identifyInterrupt(&state)
      case 3: return state.lineControl
      case 4: return state.modemControl
      case 5: return state.received.isEmpty ? 0x60 : 0x61  // room for a byte; a byte is there
      case 6: return Self.modemStatus(state)
      case 7: return state.scratch
      default: return 0xff
      }
    }
  }

  /// The guest writes register 0 to 7.
  public func write(_ register: Int, _ value: UInt8) {
    let sent: UInt8? = change { state in
      switch register {
      case 0 where state.choosesDivisor: state.divisor = state.divisor & 0xff00 | UInt16(value)
      case 1 where state.choosesDivisor: state.divisor = state.divisor & 0xff | UInt16(value) << 8
      case 0:
        state.isRoomNews = true
        guard state.isLoop else { return value }
        if state.received.count < Self.capacity { state.received.append(value) }
      case 1:
        if value & 2 != 0, state.enabledInterrupts & 2 == 0 { state.isRoomNews = true }
        state.enabledInterrupts = value & 0xf
      case 2:
        state.hasQueues = value & 1 != 0
        if value & 2 != 0 { state.received = [] }
      case 3: state.lineControl = value
      case 4: state.modemControl = value & 0x1f
      case 7: state.scratch = value
      default: break
      }
      return nil
    }
    if let sent { send(sent) }
  }

  private func takeReceived(_ state: inout State) -> UInt8 { state.received.popFirst() ?? 0 }

  private func identifyInterrupt(_ state: inout State) -> UInt8 {
    let queues: UInt8 = state.hasQueues ? 0xc0 : 0
    if state.receivedInterrupt { return queues | 4 }
    guard state.roomInterrupt else { return queues | 1 }
    state.isRoomNews = false
    return queues | 2
  }

  /// Somebody is there and ready; in a loop the port's own outputs.
  private static func modemStatus(_ state: State) -> UInt8 {
    guard state.isLoop else { return 0xb0 }
    let control = state.modemControl
    return (control & 1) << 5 | (control & 2) << 3 | (control & 4) << 4 | (control & 8) << 4
  }

  /// Changes the state, and then the line if that has another level.
  private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    state.withLock { state in
      let result = body(&state)
      let isHigh = state.receivedInterrupt || state.roomInterrupt
      if isHigh != state.isLineHigh {
        state.isLineHigh = isHigh
        setLine(isHigh)
      }
      if state.isSenderWaiting, state.received.isEmpty {
        state.isSenderWaiting = false
        resumeSender()
      }
      return result
    }
  }
}
