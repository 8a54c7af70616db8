import Glibc
import GuestScene

extension Client {
  /// The kernel, the devices, the driver, the outputs with their modes and EDIDs: one piece for each.
  func info() throws(SystemFailure) -> [String] {
    var pieces = ["kernel release=\(Kernel.text(of: "/proc/sys/kernel/osrelease"))"]
    pieces += Driver.devices().map { "gpu " + $0.description().joined(separator: " ") }
    guard Card.presentName != nil else { return pieces }
    let card = if let open = self.card { open } else { try Card() }
    pieces.append("card name=\(card.name) driver=\(card.driver)")
    for (index, output) in try card.outputs().enumerated() {
      let folder = connectorFolder(of: output, on: card)
      let state = output.isConnected ? "connected" : "disconnected"
      pieces.append("output index=\(index) name=\(folder) state=\(state) modes=\(output.modes.count)")
      for mode in output.modes {
        let preferred = mode.isPreferred ? 1 : 0
        pieces.append(
          "mode index=\(index) width=\(mode.width) height=\(mode.height) rate=\(mode.rate) preferred=\(preferred)"
        )
      }
      // No EDID is a file of no bytes.
      let edid = try Kernel.contents(of: "/sys/class/drm/\(folder)/edid", limit: 32768)
      if !edid.isEmpty { pieces.append("edid index=\(index) bytes=\(Reply.hex(edid))") }
    }
    let frame = "/sys/class/graphics/fb0"
    pieces.append("framebuffer name=\(Kernel.text(of: frame + "/name"))")
    return pieces
  }

  /// The virtio entropy devices, the kernel's present source of random numbers, and the interrupts so far.
  func describeRandomNumbers() -> [String] {
    let devices = Driver.devices(.entropy)
    var pieces = devices.map { "rng " + $0.description().joined(separator: " ") }
    pieces.append("source current=\(RandomNumbers.current)")
    for interrupt in devices.flatMap({ InterruptCount.all(of: $0.device) }) {
      pieces.append("interrupt name=\(interrupt.name) kind=\(interrupt.kind) count=\(interrupt.count)")
    }
    return pieces
  }

  /// The kernel's name for an output in its tree of devices: card, type, number of that type.
  private func connectorFolder(of output: Card.Output, on card: Card) -> String {
    let names = Kernel.names(in: "/sys/class/drm").filter { $0.hasPrefix(card.name + "-") }
    return names.first { Kernel.text(of: "/sys/class/drm/\($0)/connector_id") == String(output.connector) }
      ?? names.first { $0.hasSuffix("-\(output.typeIndex)") } ?? "-"
  }

  func describeConsole() throws(SystemFailure) -> [String] {
    let size = try console.size(), font = try console.font()
    var pieces = [
      "size rows=\(size.rows) columns=\(size.columns)",
      "font width=\(font.width) height=\(font.height) glyphs=\(font.glyphs.count)",
      "palette bytes=\(Reply.hex(try console.palette()))",
    ]
    for (index, glyph) in font.glyphs.enumerated() {
      pieces.append("glyph index=\(index) rows=\(Reply.hex(glyph))")
    }
    let pairs = try console.characters().map { "\($0.character):\($0.glyph)" }
    for start in stride(from: 0, to: pairs.count, by: 64) {
      pieces.append("characters map=\(pairs[start..<min(pairs.count, start + 64)].joined(separator: ","))")
    }
    return pieces
  }
}
