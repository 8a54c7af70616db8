import Glibc
import GuestDriver
import Testing

/// What becomes of the program under a machine.
@Suite struct QtestProcessTests {
  /// Whether a process runs; one that has ended and waits to be reaped has no command line.
  private func isRunning(_ process: Int32) -> Bool {
    // A Swift string passed as a C string lives for the call.
    let file = unsafe open("/proc/\(process)/cmdline", O_RDONLY)
    guard file >= 0 else { return false }
    defer { close(file) }
    var byte: UInt8 = 0
    // One byte, the size of the variable.
    return unsafe read(file, &byte, 1) == 1
  }

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
      try QtestMachine(command: ["/bin/sh", "-c", "exec sleep 600"], timeoutInMilliseconds: 200)
    }
    #expect(ContinuousClock.now - start < .seconds(120))
  }

  @Test func `the program ends with the machine`() throws {
    var machine: QtestMachine? = try QtestMachine(command: [qemu, "-device", "virtio-gpu-pci"])
    let process = try #require(machine?.process.identifier)
    #expect(isRunning(process))
    machine = nil
    #expect(!isRunning(process))
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

  @Test func `a program ends with the process that started it, however that ends`() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]
    ) {
      let child = try ChildProcess(["sleep", "1000"], inheriting: [])
      var number = Array("pid=\(child.identifier);".utf8)
      // As many bytes as there are.
      unsafe _ = write(1, &number, number.count)
      kill(getpid(), SIGKILL)
    }
    let words = String(decoding: result.standardOutputContent, as: UTF8.self)
    let digits = try #require(words.split(separator: "pid=").last?.prefix { $0 != ";" })
    let orphan = try #require(Int32(digits))
    let deadline = ContinuousClock.now + .seconds(60)
    while isRunning(orphan) {
      guard ContinuousClock.now < deadline else {
        kill(orphan, SIGKILL)
        Issue.record("the program outlived its parent")
        return
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}
