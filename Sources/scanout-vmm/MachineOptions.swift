import MachineModel
import ScanoutDevice

/// What a machine is made of.
struct MachineOptions {
  /// MiB.
  var memory: Int
  var processors: Int
  var outputs: [OutputMode]
  var transport: VirtioPCIOptions.Transport
  /// Whether KVM takes doorbells by itself; else each is an exit.
  var hasEventDoorbells: Bool
  /// nil: standard input and output.
  var serialFile: String?
  var kernel: Kernel
  var commandLine: String

  /// What it starts.
  enum Kernel {
    case linux(LinuxImage, initrd: [UInt8])
    case multiboot(MultibootImage)
  }

  /// Puts the kernel into memory.
  func load(into memory: MachineMemory) throws(BootImageError) -> ProcessorStart {
    switch kernel {
    case .linux(let image, let initrd):
      try image.load(into: memory, initrd: initrd, commandLine: commandLine)
    case .multiboot(let image): try image.load(into: memory, commandLine: commandLine)
    }
  }
}
