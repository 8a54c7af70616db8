import ArgumentParser
import FrontEndVNC
import MachineModel
import ScanoutDevice

/// The command `scanout-vmm`.
@main
struct VMMCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scanout-vmm",
    abstract: "A small virtual machine on KVM with Scanout's display, keyboard, tablet and random numbers.",
    discussion: """
      Starts a Linux kernel, or a multiboot kernel of 32 bits, and shows its screen. It ends when the guest resets its \
      machine, as `reboot` does, and at a triple fault; Ctrl-C ends it too.

        scanout-vmm --kernel vmlinuz --initrd initrd --append 'console=ttyS0 console=tty0' --vnc 127.0.0.1:5900
      """)

  @Option(
    help: ArgumentHelp("A Linux kernel: a bzImage, such as a distribution's vmlinuz.", valueName: "file"))
  var kernel: String?

  @Option(help: ArgumentHelp("A multiboot 1 kernel instead, an ELF file of 32 bits.", valueName: "file"))
  var multiboot: String?

  @Option(help: ArgumentHelp("Linux's first file system.", valueName: "file"))
  var initrd: String?

  @Option(help: ArgumentHelp("The kernel's command line.", valueName: "text"))
  var append = ""

  @Option(help: ArgumentHelp("The guest's memory.", valueName: "MiB"))
  var memory = 512

  @Option(help: ArgumentHelp("The guest's processors.", valueName: "number"))
  var cpus = 1

  @Option(
    help: ArgumentHelp(
      "Where the serial port ends: stdio, or a file that takes what the guest writes.",
      valueName: "stdio|file"))
  var serial = "stdio"

  @Option(help: ArgumentHelp("An output of the display; several for several.", valueName: "WxH"))
  var output: [OutputSize] = []

  @Option(help: ArgumentHelp("Save what output 0 shows in the end as a PNG.", valueName: "file.png"))
  var screenshotAtEnd: String?

  @Option(
    help: ArgumentHelp(
      "Answer `scanout screenshot`, `cursor`, `type`, `inspect` and the others on a Unix socket.",
      valueName: "socket"))
  var control: String?

  @Option(
    help: ArgumentHelp(
      "Show output 0 to VNC viewers of this host, at unix:PATH or HOST:PORT.", valueName: "address"))
  var vnc: VNCPlace?

  @Option(
    help: ArgumentHelp(
      "The interface that drivers find: of version 1 and later, of before, or both.", valueName: "kind"))
  var transport = VirtioPCIOptions.Transport.modern

  @Option(
    help: ArgumentHelp("Have KVM take doorbells by itself, or bring each here as an exit.", valueName: "way"))
  var doorbells = DoorbellWay.ioeventfd

  func validate() throws {
    guard (kernel == nil) != (multiboot == nil) else {
      throw ValidationError("give one kernel: --kernel for Linux, or --multiboot")
    }
    guard initrd == nil || kernel != nil else { throw ValidationError("--initrd goes with --kernel") }
    guard (16...1 << 20).contains(memory) else {
      throw ValidationError("--memory takes 16 to 1048576 MiB")
    }
    guard (1...ProcessorTable.mostProcessors).contains(cpus) else {
      throw ValidationError("--cpus takes 1 to \(ProcessorTable.mostProcessors)")
    }
    guard output.count <= 16 else { throw ValidationError("a display has 16 outputs at most") }
    guard screenshotAtEnd?.hasSuffix(".png") != false else {
      throw ValidationError("--screenshot-at-end makes a PNG: let the name end in .png")
    }
  }
}

/// How doorbells arrive.
enum DoorbellWay: String, CaseIterable, ExpressibleByArgument {
  case ioeventfd, exit
}

/// What `--output` takes.
struct OutputSize: ExpressibleByArgument {
  let mode: OutputMode

  init?(argument: String) {
    let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard sides.count == 2, let width = sides[0], let height = sides[1],
      let mode = OutputMode(width: width, height: height)
    else { return nil }
    self.mode = mode
  }

  init(_ mode: OutputMode) { self.mode = mode }
}

/// What `--vnc` takes.
struct VNCPlace: ExpressibleByArgument {
  let address: VNCAddress

  init?(argument: String) {
    guard let address = VNCAddress(argument) else { return nil }
    self.address = address
  }
}

extension VirtioPCIOptions.Transport: @retroactive ExpressibleByArgument {}

/// An error of the command itself, in words for whoever typed it.
struct CommandFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
