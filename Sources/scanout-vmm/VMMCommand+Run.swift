import ArgumentParser
import FrontEndPNG
import Glibc
import HostLoop
import MachineModel
import ScanoutDevice

extension VMMCommand {
  func run() throws {
    signal(SIGPIPE, SIG_IGN)  // a reader that went away is an error of the write
    // Before any thread exists, so that all leave them to this one. The guest's end comes as one of them, too.
    var signals = sigset_t()
    // The set is a local variable, here and below.
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    let main = pthread_self()

    let options = try machineOptions()
    let machine = try Machine(options, kvm: try Self.openKVM()) { pthread_kill(main, SIGTERM) }
    let viewing = try Viewing(of: machine.devices, control: control, vnc: vnc?.address)
    defer { viewing.stop() }
    let ending: Machine.Ending?
    do {
      let terminal = RawTerminal(isWanted: serial == "stdio")
      try machine.start()
      var number: CInt = 0
      while unsafe sigwait(&signals, &number) != 0 {}
      ending = machine.stop()
      _ = consume terminal
    }
    if let screenshotAtEnd { try FileContent.save(try viewing.screenshot(), as: screenshotAtEnd) }
    try Self.report(ending)
  }

  private static func openKVM() throws -> KVM {
    do throws(NoKVM) { return try KVM() } catch {
      FileContent.complain("scanout-vmm: \(error)")
      throw ExitCode(2)
    }
  }

  private static func report(_ ending: Machine.Ending?) throws {
    switch ending {
    case nil, .reset: break
    case .tripleFault: FileContent.complain("scanout-vmm: the guest ended with a triple fault")
    case .failed(let why): throw CommandFailure(why)
    }
  }

  private func machineOptions() throws -> MachineOptions {
    let modes = output.map(\.mode)
    guard let usual = OutputMode(width: 1280, height: 800) else { preconditionFailure("a valid size") }
    return MachineOptions(
      memory: memory, processors: cpus, outputs: modes.isEmpty ? [usual] : modes, transport: transport,
      hasEventDoorbells: doorbells == .ioeventfd, serialFile: serial == "stdio" ? nil : serial,
      kernel: try readKernel(), commandLine: append)
  }

  private func readKernel() throws -> MachineOptions.Kernel {
    let path = kernel ?? multiboot ?? ""
    let file = try FileContent.read(path)
    let first = try initrd.map { try FileContent.read($0) } ?? []
    do throws(BootImageError) {
      guard kernel != nil else { return .multiboot(try MultibootImage(file)) }
      return .linux(try LinuxImage(file), initrd: first)
    } catch { throw CommandFailure("\(path) cannot be started: \(error)") }
  }
}
