import Glibc

/// The kernel's hardware random number generator, as a program in the guest uses it.
enum RandomNumbers {
  private static let folder = "/sys/class/misc/hw_random"

  /// The name of the source that the kernel reads at present.
  static var current: String { Kernel.text(of: folder + "/rng_current") }

  /// Reads so many bytes and says how often each value came.
  static func histogram(byteCount: Int) throws(SystemFailure) -> [Int] {
    let file = try Descriptor(opening: "/dev/hwrng", O_RDONLY)
    var counts = [Int](repeating: 0, count: 256)
    var left = byteCount
    while left > 0 {
      let bytes = try file.read(min(left, 4096))
      guard !bytes.isEmpty else { throw SystemFailure(action: "read /dev/hwrng", code: EIO) }
      for byte in bytes { counts[Int(byte)] += 1 }
      left -= bytes.count
    }
    return counts
  }
}

/// A line of the kernel's list of interrupts that names a device.
struct InterruptCount {
  /// What the handler is called.
  let name: String
  /// `msix` for messages, `pin` for a line of an interrupt controller.
  let kind: String
  /// How often it came, on all processors.
  let count: Int

  /// Those of a virtio device: `virtio0` on a pin, `virtio0-…` for messages.
  static func all(of device: String) -> [InterruptCount] {
    Kernel.text(of: "/proc/interrupts").split(separator: "\n").compactMap { line in
      // "24:", a count for each processor, the controller and its words, the handlers' names.
      let words = line.split(separator: " ")
      let isOurs = { (word: Substring) in
        word == device || word == device + "," || word.hasPrefix(device + "-")
      }
      guard let name = words.first(where: isOurs) else { return nil }
      let counts = words.dropFirst().prefix { Int($0) != nil }
      let kind = line.contains("PCI-MSI") ? "msix" : "pin"
      return InterruptCount(name: String(name), kind: kind, count: counts.reduce(0) { $0 + (Int($1) ?? 0) })
    }
  }
}
