import Glibc

/// The kernel's own log, for what it says of a device and nobody else does.
final class KernelLog {
  private let file: Descriptor
  private var unread: [String] = []
  private var lines: [String] = []

  /// Marks of a line that tells of something wrong. Most commands of the display driver are not waited for,
  /// so that a device's refusal shows up here alone.
  private static let marks = [
    "*ERROR*", "WARNING:", "BUG:", "Oops", "general protection", "blocked for more than", "is not a head!",
    "timed out", "probe with driver", "probe of virtio",
  ]

  init() throws(SystemFailure) {
    file = try Descriptor(opening: "/dev/kmsg", O_RDONLY | O_NONBLOCK)
  }

  /// Takes in what the kernel has logged since the last time.
  private func catchUp() {
    while true {
      do {
        let record = try file.read(8192)
        if record.isEmpty { return }
        add(record)
      } catch {
        if error.code == EPIPE { continue }  // older records were overwritten: go on with the oldest left
        return  // EAGAIN: no more for now
      }
    }
  }

  /// A record is "priority,sequence,time,flags;text" and lines of properties.
  private func add(_ record: [UInt8]) {
    let text = record.drop { $0 != UInt8(ascii: ";") }.dropFirst().prefix { $0 != 0x0a }
    let line = String(decoding: text, as: UTF8.self)
    lines.append(line)
    unread.append(line)
  }

  func last(_ count: Int) -> [String] {
    catchUp()
    return lines.suffix(count)
  }

  /// The lines since the last call that tell of something wrong.
  func trouble() -> [String] {
    catchUp()
    defer { unread.removeAll() }
    return unread.filter { line in Self.marks.contains { line.contains($0) } }
  }
}
