import CKVM
import Glibc
import ScanoutDevice
import Synchronization

/// The interrupts of one PCI function: messages by event descriptors that KVM takes (irqfd), the pin as a line.
final class FunctionInterrupts: InterruptSink {
  private let machine: VirtualMachine
  private let messages: MessageRoutes
  private let firstRoute: Int
  private let line: Int

  /// - Parameters:
  ///   - firstRoute: the route of vector 0; the others follow.
  ///   - line: that of the function's pin.
  init(_ machine: VirtualMachine, messages: MessageRoutes, firstRoute: Int, line: Int) {
    self.machine = machine
    self.messages = messages
    self.firstRoute = firstRoute
    self.line = line
  }

  var ownsMSIXTable: Bool { false }

  func signalMessage(vector: Int, address: UInt64, data: UInt32) {
    messages.signal(firstRoute + vector, ckvm_message(address: address, data: data))
  }

  func setINTx(asserted: Bool) { machine.setLine(line, isHigh: asserted) }
}

/// KVM's routes for messages: each has an event descriptor whose signal becomes the message that its vector has.
final class MessageRoutes: Sendable {
  /// KVM's first line behind those of the interrupt controllers, as the shim has it.
  private static let firstLine = 24
  private let machine: VirtualMachine
  private let events: [CInt]
  private let messages: Mutex<[ckvm_message]>

  /// - Parameter count: of the vectors of all functions.
  init(_ machine: VirtualMachine, count: Int) throws {
    self.machine = machine
    // No message until a vector has one: address 0 is no interrupt controller's.
    let none = Array(repeating: ckvm_message(address: 0, data: 0), count: count)
    messages = Mutex(none)
    try Self.set(none, of: machine)
    events = try (0..<count).map { route in
      let event = try KVMError.check(ckvm_event_create(), "eventfd")
      try KVMError.check(
        ckvm_connect_event(machine.descriptor, event, UInt32(Self.firstLine + route)), "KVM_IRQFD")
      return event
    }
  }

  deinit { for event in events { close(event) } }

  /// Sends a vector's message; its route is changed first when the guest has given the vector another one.
  func signal(_ route: Int, _ message: ckvm_message) {
    messages.withLock { messages in
      guard messages.indices.contains(route) else { return }
      if messages[route].address != message.address || messages[route].data != message.data {
        messages[route] = message
        // Refused when a message names a processor that cannot be: then it goes nowhere, as on a bus.
        guard (try? Self.set(messages, of: machine)) != nil else { return }
      }
      _ = ckvm_event_signal(events[route])
    }
  }

  private static func set(_ messages: [ckvm_message], of machine: VirtualMachine) throws(KVMError) {
    // As many as the array has.
    let result = unsafe ckvm_set_routes(machine.descriptor, messages, UInt32(messages.count))
    try KVMError.check(result, "KVM_SET_GSI_ROUTING")
  }
}
