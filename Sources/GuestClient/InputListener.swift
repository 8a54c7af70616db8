import Glibc

/// Hears what the guest's input devices say, as any program that reads them does.
final class InputListener {
  private let devices: [(name: String, file: Descriptor)]

  private static let folder = "/dev/input"
  /// `struct input_event` of 64-bit systems: a time of 16 bytes, le16 type, le16 code, le32 value.
  private static let eventSize = 24

  /// Hears all devices, from now on.
  init() throws(SystemFailure) {
    var devices: [(String, Descriptor)] = []
    for event in Kernel.names(in: Self.folder) where event.hasPrefix("event") {
      let name = Kernel.text(of: "/sys/class/input/\(event)/device/name").map { $0 == " " ? "-" : $0 }
      devices.append(
        (String(name), try Descriptor(opening: "\(Self.folder)/\(event)", O_RDONLY | O_NONBLOCK)))
    }
    self.devices = devices
  }

  var names: [String] { devices.map(\.name) }

  /// Waits until this many events have come, in the order of each device; what there is when five seconds are over.
  func events(count: Int) throws(SystemFailure) -> [String] {
    var events: [String] = []
    for _ in 0..<500 {
      for device in devices { events += try news(of: device.file).map { "device=\(device.name) \($0)" } }
      if events.count >= count { break }
      Kernel.pause(milliseconds: 10)
    }
    return events
  }

  private func news(of file: Descriptor) throws(SystemFailure) -> [String] {
    let bytes: [UInt8]
    do { bytes = try file.read(64 * Self.eventSize) } catch {
      guard error.code == EAGAIN else { throw error }
      return []
    }
    return stride(from: 0, to: bytes.count / Self.eventSize * Self.eventSize, by: Self.eventSize).compactMap {
      at in
      let field = { (offset: Int, size: Int) in
        (0..<size).reduce(UInt32(0)) { $0 | UInt32(bytes[at + offset + $1]) << UInt32($1 * 8) }
      }
      // Lights are told with the next key, whoever has changed them (EV_LED).
      guard field(16, 2) != 0x11 else { return nil }
      return "type=\(field(16, 2)) code=\(field(18, 2)) value=\(Int32(bitPattern: field(20, 4)))"
    }
  }
}
