import FrontEndAPI
import GuestRAM
import HostThreads
import Synchronization
import VirtioCore

/// A virtio input device (virtio 1.4 §5.8): brings what happens to a keyboard or pointer to the guest's driver.
///
/// The driver's empty buffers stay in the ring until there is an event for one: what a buffer becomes is decided on the
/// device's thread, and a reset, an unmap or a suspended device finds nothing in flight.
@safe
package final class InputDevice: VirtioDevice, @unchecked Sendable {
  // Sendable: `record` is touched in `process` only, which VirtioCore calls one at a time; the rest is constant, atomic
  // or behind a lock.
  package let kind: InputKind
  private let configuration: InputConfiguration
  /// What the driver has selected. Written on the threads of register accesses, and by a reset on the device's.
  private let select = Atomic<UInt8>(0)
  private let subsel = Atomic<UInt8>(0)
  private let events = Lock(EventQueue())
  private let lights = Lock(KeyboardLights())
  private let lightsChanged: (@Sendable (KeyboardLights) -> Void)?
  /// One event on its way.
  private var record = [UInt8](repeating: 0, count: InputEvent.byteCount)

  /// A device as after power-on.
  ///
  /// - Parameters:
  ///   - kind: what it is.
  ///   - serial: what tells it from its like; may be empty.
  ///   - lightsChanged: called on the device's thread while it may touch guest memory: to return at once.
  package init(
    _ kind: InputKind, serial: String = "", lightsChanged: (@Sendable (KeyboardLights) -> Void)? = nil
  ) {
    self.kind = kind
    configuration = InputConfiguration(kind, serial: serial)
    self.lightsChanged = lightsChanged
  }

  /// The queues (§5.8.2).
  package enum Queue {
    /// Events to the driver.
    package static let event = 0
    /// Lights and the like from the driver.
    package static let status = 1
  }

  // MARK: From outside, on any thread

  /// Takes what happened at once, to be told to the guest in one piece; false when it was dropped, for the guest takes
  /// nothing. The device's thread has to look at the event queue after this.
  ///
  /// What is dropped is dropped as a whole, and later the guest is told how things are then.
  package func add(_ changes: some Sequence<InputChange>) -> Bool { events.withLock { $0.add(changes) } }

  /// Takes several packets, one after the other, or none of them if they have more events than there is room for.
  package func addAll(_ packets: [[InputChange]]) -> Bool {
    events.withLock { events in
      // A change makes five events at most, and a report ends each packet.
      let most = packets.reduce(0) { $0 + $1.count * 5 + 1 }
      guard most <= events.room else { return false }
      for packet in packets { _ = events.add(packet) }
      return true
    }
  }

  /// What waits for the guest; any thread may ask.
  package var snapshot: InputSnapshot {
    let (waiting, hasLost) = events.withLock { ($0.count, $0.hasLost) }
    return InputSnapshot(
      waitingEvents: waiting, hasDropped: hasLost, select: select.load(ordering: .relaxed),
      subsel: subsel.load(ordering: .relaxed), lights: presentLights)
  }

  /// The keyboard's lights as the driver has set them.
  package var presentLights: KeyboardLights { lights.withLock { $0 } }
}

extension InputDevice {
  /// Input (§5.8.1).
  package var deviceID: UInt16 { 18 }
  /// None are defined (§5.8.3).
  package var offeredFeatures: FeatureSet { [] }
  /// `eventq`, `statusq` (§5.8.2).
  package var queueSizes: [UInt16] { [64, 64] }
  package var configurationSize: Int { InputConfiguration.byteCount }

  package func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    configuration.read(
      select: select.load(ordering: .relaxed), subsel: subsel.load(ordering: .relaxed), at: offset,
      into: &bytes)
  }

  /// `select` and `subsel` alone can be written (§5.8.5.1).
  package func writeConfiguration(at offset: Int, _ bytes: RawSpan) {
    for index in 0..<bytes.byteCount {
      // The index is inside the span.
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      switch offset + index {
      case 0: select.store(byte, ordering: .relaxed)
      case 1: subsel.store(byte, ordering: .relaxed)
      default: break
      }
    }
  }

  /// Buffers for events wait in the ring until there is an event.
  package func use(ofBuffersIn queue: Int) -> BufferUse {
    guard queue == Queue.event else { return .always }
    return events.withLock { $0.count } > 0 ? .now : .later
  }

  package func process(
    _ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess
  ) {
    var written = 0
    if queue.index == Queue.event {
      written = sendEvent(chain, queue, in: access)
    } else {
      takeStatus(chain, queue, in: access)
    }
    queue.complete(chain, written: written, in: access)
  }

  /// Puts the next event into a buffer and says how much was written: 0 if it does not fit, which a driver must not let
  /// happen (§5.8.6.1). The event is then the next buffer's.
  private func sendEvent(
    _ chain: borrowing DescriptorChain, _ queue: Virtqueue, in access: borrowing GuestAccess
  ) -> Int {
    guard chain.writableCount >= InputEvent.byteCount, let event = events.withLock({ $0.next }) else {
      return 0
    }
    for index in record.indices { record[index] = UInt8(truncatingIfNeeded: event.word >> UInt64(index * 8)) }
    // Bytes have no padding between them.
    let written = queue.write(chain, at: 0, unsafe record.span.bytes, in: access)
    if written == InputEvent.byteCount { events.withLock { $0.removeNext() } }
    return written
  }

  /// Follows an event of the driver's. One that is too short, or not about a light that there is, changes nothing.
  private func takeStatus(
    _ chain: borrowing DescriptorChain, _ queue: Virtqueue, in access: borrowing GuestAccess
  ) {
    var span = record.mutableSpan
    // Any bytes are bytes.
    var bytes = unsafe span.mutableBytes
    guard queue.read(chain, at: 0, into: &bytes, in: access) == InputEvent.byteCount else { return }
    let event = InputEvent(word: record.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    guard event.type == InputEvent.Kind.led.rawValue, kind.codes(.led).contains(event.code) else { return }
    let light = KeyboardLights(rawValue: 1 << UInt8(event.code))
    changeLights { if event.value != 0 { $0.insert(light) } else { $0.remove(light) } }
  }

  private func changeLights(_ body: (inout KeyboardLights) -> Void) {
    let changed = lights.withLock { lights -> KeyboardLights? in
      let before = lights
      body(&lights)
      return lights == before ? nil : lights
    }
    if let changed { lightsChanged?(changed) }
  }

  package func reset() {
    select.store(0, ordering: .relaxed)
    subsel.store(0, ordering: .relaxed)
    events.withLock { $0.reset() }
    changeLights { $0 = [] }
  }
}
