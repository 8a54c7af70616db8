import HostThreads
import PCIBus

/// The kinds of interrupt of a PCI device, by VFIO's index.
enum InterruptKind: UInt32, CaseIterable {
  /// VFIO_PCI_INTX_IRQ_INDEX
  case pin = 0
  /// VFIO_PCI_MSI_IRQ_INDEX; a function here has none.
  case msi = 1
  /// VFIO_PCI_MSIX_IRQ_INDEX
  case msix = 2
  /// VFIO_PCI_ERR_IRQ_INDEX
  case error = 3
  /// VFIO_PCI_REQ_IRQ_INDEX: the device would like to be given back.
  case request = 4
}

/// Where a function's interrupts go: an eventfd of the client's for each.
///
/// The client sets it up on the server's thread; the device's thread signals. The lock is held for the 8 bytes
/// written to one eventfd, which does not wait: eventfds are made non-blocking when they arrive.
final class InterruptTable: InterruptSink {
  /// One interrupt.
  struct Line {
    var event: EventDescriptor?
    /// The client wants none; the pin is also masked by each signal until the client unmasks it, as VFIO's
    /// AUTOMASKED has it.
    var isMasked = false
    /// A message that came while it could not be delivered. Unused for the pin, which is a level.
    var isPending = false

    mutating func raise() {
      if let event, !isMasked { event.signal() } else { isPending = true }
    }

    mutating func deliverPending() {
      guard isPending, !isMasked, let event else { return }
      isPending = false
      event.signal()
    }
  }

  /// What the lock guards.
  struct State {
    var messages: [Line]
    var pin = Line()
    /// The level of the pin, as the function gives it.
    var isAsserted = false
    /// The client signals this instead of sending UNMASK.
    var unmask: EventDescriptor?
    var error = Line()
    var request = Line()

    /// The interrupt of a kind and number; the number is below the kind's count.
    subscript(kind: InterruptKind, number: Int) -> Line {
      get {
        switch kind {
        case .pin, .msi: pin
        case .msix: messages[number]
        case .error: error
        case .request: request
        }
      }
      set {
        switch kind {
        case .pin, .msi: pin = newValue
        case .msix: messages[number] = newValue
        case .error: error = newValue
        case .request: request = newValue
        }
      }
    }

    /// Signals what can be signalled now, after the pin's level, a mask or an eventfd has changed.
    mutating func settle(_ kind: InterruptKind, _ number: Int) {
      guard kind == .pin else { return self[kind, number].deliverPending() }
      guard isAsserted, !pin.isMasked, let event = pin.event else { return }
      pin.isMasked = true
      event.signal()
    }
  }

  let hasPin: Bool
  let messageCount: Int
  let state: Lock<State>

  init(messageCount: Int, hasPin: Bool) {
    self.messageCount = messageCount
    self.hasPin = hasPin
    state = Lock(State(messages: [Line](repeating: Line(), count: messageCount)))
  }

  /// VFIO's hosts keep the table themselves: what counts here is the vector's number.
  var ownsMSIXTable: Bool { true }

  func signalMessage(vector: Int, address: UInt64, data: UInt32) {
    state.withLock { state in
      guard state.messages.indices.contains(vector) else { return }
      state.messages[vector].raise()
    }
  }

  func setINTx(asserted: Bool) {
    state.withLock { state in
      state.isAsserted = asserted
      state.settle(.pin, 0)
    }
  }

  /// How many interrupts of a kind there are, and what they can do.
  func info(_ kind: InterruptKind) -> InterruptInfoRecord {
    let events = InterruptInfoRecord.usesEvents
    let maskable = events | InterruptInfoRecord.isMaskable
    let flags: UInt32
    switch kind {
    case .pin: flags = maskable | InterruptInfoRecord.masksItself
    case .msix: flags = maskable
    case .msi, .error, .request: flags = events
    }
    return InterruptInfoRecord(index: kind.rawValue, flags: flags, count: UInt32(count(kind)))
  }

  func count(_ kind: InterruptKind) -> Int {
    switch kind {
    case .pin: hasPin ? 1 : 0
    case .msi: 0
    case .msix: messageCount
    case .error, .request: 1
    }
  }

  /// The eventfd that unmasks the pin when the client signals it; -1 when there is none. For the server's thread.
  var unmaskDescriptor: CInt { state.withLock { $0.unmask?.number ?? -1 } }

  /// Takes the client's signal to unmask the pin.
  func takeUnmask() {
    state.withLock { state in
      guard let unmask = state.unmask, unmask.take() else { return }
      state.pin.isMasked = false
      state.settle(.pin, 0)
    }
  }

  /// Forgets the client: closes every eventfd, and unmasks and clears everything but the level of the pin.
  func removeAll() {
    let old = state.withLock { state in
      let old = state
      state = State(messages: [Line](repeating: Line(), count: messageCount))
      state.isAsserted = old.isAsserted
      return old
    }
    _ = old  // the descriptors are closed outside the lock
  }
}
