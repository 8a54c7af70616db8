import ArgumentParser

/// The command `scanout`.
@main
struct ScanoutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scanout",
    abstract: "A virtio-gpu display device for userspace VMMs.",
    discussion: """
      `serve` is the device: a VMM attaches to it over vfio-user. `screenshot`, `cursor`, `outputs`, `type`, `key`, \
      `click`, `leds` and `inspect` ask a device that runs with --control. `demo` needs neither a VMM nor a guest. `conformance` judges any virtio-gpu device.

      A guest's screen as a picture, with QEMU 11.1 or later:
        scanout serve --vfio-user /tmp/gpu.sock --control /tmp/control.sock &
        qemu-system-x86_64 -machine q35,memory-backend=ram -m 1G -vga none \\
          -object memory-backend-memfd,id=ram,size=1G,share=on \\
          -device '{"driver":"vfio-user-pci",
                    "socket":{"type":"unix","path":"/tmp/gpu.sock"}}' ...
        scanout screenshot --control /tmp/control.sock screen.png
      """,
    subcommands: [
      ServeCommand.self, ScreenshotCommand.self, CursorCommand.self, OutputsCommand.self, TypeCommand.self,
      KeyCommand.self, ClickCommand.self, LightsCommand.self, InspectCommand.self, DemoCommand.self,
      ConformanceCommand.self,
    ])
}

/// An error of the command itself, in words for whoever typed it.
struct CommandFailure: Error, CustomStringConvertible {
  /// The cause and the remedy.
  let description: String

  init(_ description: String) { self.description = description }
}
