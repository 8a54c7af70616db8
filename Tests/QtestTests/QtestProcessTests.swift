import Glibc
import GuestDriver
import Testing

/// What becomes of the program under a machine.
@Suite struct QtestProcessTests {
  /// Whether a process id still belongs to a child of this process.
  private func isThere(_ process: Int32) -> Bool { kill(process, 0) == 0 }

  @Test func `QEMU's own words say why it did not start`() throws {
    do {
      _ = try QtestMachine(command: [qemu, "-machine", "pc", "-device", "no-such-device"])
      Issue.record("a device that does not exist was found")
    } catch DriverError.processEnded(let words) {
      #expect(words.contains("status 1"))
      #expect(words.contains("no-such-device"))
    }
  }

  @Test func `a program that does not exist is told by its name`() {
    #expect(throws: DriverError.host(call: "posix_spawn of no-such-program", errno: ENOENT)) {
      try QtestMachine(command: ["no-such-program"])
    }
    #expect(throws: DriverError.missing("a command")) { try QtestMachine(command: []) }
  }

  @Test func `a machine without a virtio function is refused`() {
    #expect(throws: DriverError.missing("virtio function on bus 0")) {
      try QtestMachine(command: [qemu, "-machine", "q35"])
    }
  }

  @Test func `a program that says nothing is given up`() {
    let start = ContinuousClock.now
    #expect(throws: DriverError.timedOut(waitingFor: "the monitor's greeting")) {
      try QtestMachine(command: ["/bin/sh", "-c", "exec sleep 60"], timeoutInMilliseconds: 200)
    }
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func `the program ends with the machine`() throws {
    var machine: QtestMachine? = try QtestMachine(command: [qemu, "-device", "virtio-gpu-pci"])
    let process = try #require(machine?.process.identifier)
    #expect(isThere(process))
    machine = nil
    #expect(!isThere(process))
  }

  @Test func `a QEMU that dies is told by the next access, and by every later one`() throws {
    let machine = try QtestMachine(command: [qemu, "-device", "virtio-gpu-pci"])
    kill(machine.process.identifier, SIGKILL)
    for _ in 0..<3 {
      #expect {
        // The signal takes its time: accesses may succeed until then.
        for _ in 0..<100_000 { _ = try machine.readConfig(0, width: 4) }
      } throws: { error in
        guard case DriverError.processEnded(let words) = error else { return false }
        return words.hasPrefix("it was ended by signal 9: ")
      }
    }
    #expect(throws: DriverError.self) { try machine.waitForInterrupt(.pin, timeoutInMilliseconds: 1000) }
    #expect(throws: DriverError.self) { try machine.resetFunction() }
  }
}
