import Glibc

/// A machine inside a QEMU that this process starts and drives by its qtest protocol.
///
/// No guest code runs: every access is one that a processor would make, `pc` (i440FX) and `q35` alike.
/// The function is the first one of a virtio vendor on bus 0; behind bridges nothing is searched.
/// Guest memory is QEMU's own, shared with this process; `ram` is all of it from 1 MiB up. The machine
/// runs, since some devices do nothing in one that is stopped: its processor halts in the first instruction.
package final class QtestMachine: Machine {
  /// Where QEMU keeps what cannot move.
  private enum Place {
    /// Below it is what a PC has at fixed addresses; the simulator's memory starts behind.
    static let mainMemory: UInt64 = 0x10_0000
    /// A page of low memory that no picture or ring ever lies in: messages of the vectors.
    static let messages: UInt64 = 0x8000
    /// The i440FX's south bridge: its place and its identity.
    static let southBridge = Function(device: 1, function: 0)
    static let southBridgeIdentity: UInt32 = 0x7000_8086
    /// In the south bridge: where the four PCI interrupts go, a byte each.
    static let pinRouting = 0x60
    static let routedPin: UInt32 = 11
    /// Of the I/O interrupt controller: `routedPin` on `pc`, what ICH9 has for PCI on `q35`.
    static let interrupts = Set(16...23).union([Int(routedPin)])
  }

  /// A place on bus 0.
  package struct Function: Hashable, Sendable {
    package var device: Int
    package var function: Int
  }

  /// What a base address register says now.
  struct Base {
    var address: UInt64
    var isIO: Bool
  }

  /// All guest memory from 1 MiB up as one block, which is mapped already.
  package let ram: GuestRAMImage
  package let process: ChildProcess
  package private(set) var function = Function(device: 0, function: 0)
  let qtest: QtestConnection
  private let monitor: QMPConnection
  private let memory: RAMBlock
  private let messages: RAMBlock
  /// Where QEMU puts a screenshot.
  private let screen: OutputFile
  /// Known until configuration space is written, which may reset the function too.
  var bases: [Int: Base] = [:]
  /// All ones, in each vector's dword until its message comes: no driver uses this data.
  private static let noMessage: UInt32 = 0xffff_ffff

  /// Starts QEMU and finds the function.
  ///
  /// - Parameters:
  ///   - command: QEMU and its arguments: machine, device. What drives it is added here, memory too.
  ///   - memorySize: guest memory in bytes, a multiple of 1 MiB, 2 or more and less than 2 GiB.
  ///   - timeoutInMilliseconds: how long QEMU may take for its start, and then for any one thing.
  /// - Throws: `DriverError.processEnded` with what QEMU said if it did not stay.
  package init(
    command: [String], memorySize: Int = 256 << 20, timeoutInMilliseconds: Int = 60_000
  ) throws {
    precondition((2...2047).contains(memorySize >> 20) && memorySize % (1 << 20) == 0, "a size in MiB")
    guard !command.isEmpty else { throw DriverError.missing("a command") }
    let file = try RAMBlock(base: 0, size: memorySize)
    memory = try file.part(at: Place.mainMemory, size: memorySize - Int(Place.mainMemory))
    messages = try file.part(at: Place.messages, size: 4096)
    ram = GuestRAMImage()
    ram.add(memory)

    let (qtestHere, qtestThere) = try StreamSocket.pair(),
      (monitorHere, monitorThere) = try StreamSocket.pair()
    screen = try OutputFile()
    let firmware = try Self.haltingFirmware()
    let inherited = [
      qtestThere.descriptor, monitorThere.descriptor, file.descriptor, firmware.descriptor,
    ]
    process = try ChildProcess(
      command
        + Self.arguments(
          beside: command, qtest: inherited[0], monitor: inherited[1], memory: inherited[2],
          firmware: inherited[3], memorySize),
      inheriting: inherited + [screen.descriptor])
    // QEMU alone holds these ends now: when it is gone, ours tell.
    qtestThere.closeNow()
    monitorThere.closeNow()
    qtest = QtestConnection(
      owning: qtestHere.release(), watching: Place.interrupts, timeoutInMilliseconds: timeoutInMilliseconds)
    do {
      monitor = try QMPConnection(
        owning: monitorHere.release(), timeoutInMilliseconds: timeoutInMilliseconds)
    } catch { throw Self.explained(error, process) }
    try call("irq_intercept_in ioapic")
    try routePins()
    function = try findFunction()
    forgetMessages()
  }

  /// What QEMU needs beside the user's command.
  private static func arguments(
    beside command: [String], qtest: Int32, monitor: Int32, memory: Int32, firmware: Int32,
    _ memorySize: Int
  ) -> [String] {
    let own = ["-nodefaults", "-no-user-config"].filter { !command.contains($0) }
    let display = command.contains("-display") ? [] : ["-display", "none"]
    return own + display + [
      // Some builds lack the first: there the second one's processor runs the firmware.
      "-accel", "qtest", "-accel", "tcg", "-bios", "/proc/self/fd/\(firmware)",
      "-m", "\(memorySize >> 20)",
      "-object",
      "memory-backend-file,id=guest-driver-ram,size=\(memorySize),mem-path=/proc/self/fd/\(memory),share=on",
      "-machine", "memory-backend=guest-driver-ram",
      // QEMU 7.2 finds the character device by this name alone.
      "-chardev", "socket,id=qtest,fd=\(qtest)", "-qtest", "chardev:qtest", "-qtest-log", "/dev/null",
      "-chardev", "socket,id=guest-driver-monitor,fd=\(monitor)",
      "-mon", "chardev=guest-driver-monitor,mode=control",
    ]
  }

  /// Firmware that turns interrupts off and halts, for ever.
  private static func haltingFirmware() throws -> RAMBlock {
    let firmware = try RAMBlock(base: 0, size: 64 << 10)
    // An x86 processor starts 16 bytes before the end: cli, hlt, and back to the hlt.
    firmware.write([0xfa, 0xf4, 0xeb, 0xfd], at: UInt64(firmware.size - 16))
    return firmware
  }

  // MARK: Errors

  /// A lost connection is QEMU's end, which has a reason.
  private static func explained(_ error: any Error, _ process: ChildProcess) -> any Error {
    guard case DriverError.disconnected = error else { return error }
    let end = process.end(patienceInMilliseconds: 30_000)
    return DriverError.processEnded("\(end): \(process.lastWords)")
  }

  func explaining<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch { throw Self.explained(error, process) }
  }

  func call(_ command: String) throws { try explaining { _ = try qtest.call(command) } }
  func number(_ command: String) throws -> UInt64 { try explaining { try qtest.number(command) } }

  // MARK: The function

  private func findFunction() throws -> Function {
    for device in 0..<32 {
      let first = Function(device: device, function: 0)
      guard try readConfig(first, PCILayout.vendorID, width: 2) != 0xffff else { continue }
      let isMultiFunction = try readConfig(first, PCILayout.headerType, width: 1) & 0x80 != 0
      for function in 0..<(isMultiFunction ? 8 : 1) {
        let candidate = Function(device: device, function: function)
        if try readConfig(candidate, PCILayout.vendorID, width: 2) == UInt32(VirtioLayout.vendorID) {
          return candidate
        }
      }
    }
    throw DriverError.missing("virtio function on bus 0")
  }

  // MARK: Memory

  /// Nothing to do for the block that `ram` starts with; QEMU cannot be given other memory.
  package func mapRAM(_ block: RAMBlock, access: RAMAccess) throws {
    guard block === memory, access == .readWrite else {
      throw DriverError.missing("memory of the caller's in a QEMU that has its own")
    }
  }

  /// QEMU's memory cannot be taken from it.
  package func unmapRAM(_ block: RAMBlock) throws {
    throw DriverError.missing("a way to take memory from QEMU")
  }

  // MARK: Interrupts

  package func foundVectorTable(_ table: PCIInventory.VectorTable) {}

  /// A dword of guest memory for each vector: a message is a write of the device like any other.
  package func messageAddress(of vector: Int) throws -> UInt64 {
    let address = messages.base + UInt64(4 * vector)
    guard messages.contains(address, count: 4) else { throw DriverError.missing("vector \(vector)") }
    return address
  }

  package func connectInterrupt(_ line: InterruptLine) throws {
    switch line {
    case .pin: qtest.rearmPin()
    case .vector(let vector): _ = takeMessage(at: try messageAddress(of: vector))
    }
  }

  package func waitForInterrupt(_ line: InterruptLine, timeoutInMilliseconds: Int) throws -> Bool {
    guard case .vector(let vector) = line else {
      return try explaining { try qtest.waitForPin(timeoutInMilliseconds: timeoutInMilliseconds) }
    }
    let address = try messageAddress(of: vector)
    let deadline = ContinuousClock.now + .milliseconds(timeoutInMilliseconds)
    while !takeMessage(at: address) {
      guard ContinuousClock.now < deadline else { return false }
      usleep(50)
    }
    return true
  }

  package func acknowledgeInterrupt(_ line: InterruptLine) throws {
    if line == .pin { qtest.rearmPin() }
  }

  /// Whether a message came since the last look.
  private func takeMessage(at address: UInt64) -> Bool {
    guard messages.read(address, count: 4).field32(at: 0) != Self.noMessage else { return false }
    messages.fill(address, count: 4, with: 0xff)
    // What the device wrote before the message is read after it; what it writes from now on sends another.
    RAMBlock.fullFence()
    return true
  }

  private func forgetMessages() { messages.fill(messages.base, count: messages.size, with: 0xff) }

  /// Sends the four PCI interrupts of an i440FX somewhere; q35 has wired them.
  private func routePins() throws {
    guard try readConfig(Place.southBridge, 0, width: 4) == Place.southBridgeIdentity else { return }
    for pin in 0..<4 {
      try writeConfig(Place.southBridge, Place.pinRouting + pin, width: 1, Place.routedPin)
    }
  }

  // MARK: Reset and more

  /// Resets the whole machine: base addresses, command register and vectors are as after power-on.
  package func resetFunction() throws {
    try explaining { _ = try monitor.execute("system_reset", awaiting: "RESET") }
    bases = [:]
    try routePins()
    forgetMessages()
    qtest.rearmPin()
  }

  /// Has QEMU's monitor do something; `arguments` is a JSON object, the answer one line of JSON.
  @discardableResult
  package func monitor(_ command: String, arguments: String = "{}") throws -> String {
    try explaining { try monitor.execute(command, arguments: arguments) }
  }

  /// What an output of QEMU's own device shows, in QEMU's eyes.
  ///
  /// - Parameter device: the `id=` that the command gives the device; nil for the first display, output 0.
  package func screenshot(device: String? = nil, output: Int = 0) throws -> Screenshot {
    let which = device.map { ", \"device\": \"\($0)\", \"head\": \(output)" } ?? ""
    try monitor(
      "screendump", arguments: "{\"filename\": \"/proc/self/fd/\(screen.descriptor)\"\(which)}")
    guard let picture = Screenshot(portablePixmap: screen.bytes()) else {
      throw DriverError.deviceFault("a screenshot that is no binary PPM")
    }
    return picture
  }
}
