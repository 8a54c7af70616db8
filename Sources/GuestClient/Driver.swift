import Glibc

/// A virtio device as the guest's kernel sees it on its buses, and the driver that may be on it.
struct Driver {
  /// The types of devices that scenarios know, as the kernel writes them.
  enum Kind: String {
    case entropy = "0x0004"
    case gpu = "0x0010"
  }

  /// The folder of the PCI function and the name of the virtio device that came of it.
  let folder: String, device: String

  private static let functions = "/sys/bus/pci/devices"
  private static let driver = "/sys/bus/virtio/drivers/virtio_gpu"
  private static let modules = "/modules"

  /// All virtio devices of a type on the PCI bus.
  static func devices(_ kind: Kind = .gpu) -> [Driver] {
    Kernel.names(in: functions).compactMap { address in
      let folder = "\(functions)/\(address)"
      let isVirtio = { (name: String) in
        name.hasPrefix("virtio") && Kernel.text(of: "\(folder)/\(name)/device") == kind.rawValue
      }
      guard let device = Kernel.names(in: folder).first(where: isVirtio) else { return nil }
      return Driver(folder: folder, device: device)
    }
  }

  private func text(_ name: String) -> String {
    let text = Kernel.text(of: "\(folder)/\(name)")
    return text.hasPrefix("0x") ? String(text.dropFirst(2)) : text
  }

  /// What the buses say of it, as words of the form name=value.
  func description() -> [String] {
    let features = Kernel.text(of: "\(folder)/\(device)/features")  // "0" and "1", bit 0 first
    let offered = features.enumerated().filter { $0.element == "1" }.map { String($0.offset) }
    return [
      "address=\(folder.split(separator: "/").last ?? "-")", "id=\(text("vendor")):\(text("device"))",
      "subsystem=\(text("subsystem_vendor")):\(text("subsystem_device"))", "revision=\(text("revision"))",
      "class=\(text("class"))", "function-driver=\(Kernel.linkName("\(folder)/driver"))", "device=\(device)",
      "driver=\(Kernel.linkName("\(folder)/\(device)/driver"))", "status=\(text("\(device)/status"))",
      "transport=\(offered.contains("32") ? "modern" : "legacy")",
      "features=\(offered.joined(separator: ","))",
    ]
  }

  /// Takes the driver from the device, and with it the display device away.
  func unbind() throws(SystemFailure) {
    try Kernel.write(device, to: Self.driver + "/unbind")
  }

  /// Gives the device its driver and waits for the display device that this makes.
  func bind() throws(SystemFailure) {
    try Kernel.write(device, to: Self.driver + "/bind")
    try Self.waitForDisplay()
  }

  static func removeModule() throws(SystemFailure) {
    try TextConsole.attach(false)
    try Kernel.removeModule("virtio_gpu")
  }

  static func insertModule() throws(SystemFailure) {
    guard let file = Kernel.names(in: modules).first(where: { $0.hasSuffix("virtio-gpu.ko") }) else {
      throw SystemFailure(action: "find virtio-gpu.ko", code: ENOENT)
    }
    try Kernel.insertModule("\(modules)/\(file)")
    try waitForDisplay()
    try TextConsole.attach(true)
  }

  /// Inserts every module of the initramfs; the names sort in the order of need.
  ///
  /// Parameters come from the kernel's command line, as `module.parameter=value`.
  static func insertAllModules() throws(SystemFailure) {
    let words = Kernel.text(of: "/proc/cmdline").split(separator: " ")
    for file in Kernel.names(in: modules) where file.hasSuffix(".ko") {
      // "03-virtio-pci.ko" is called virtio_pci.
      let name = file.drop { $0 != "-" }.dropFirst().dropLast(3).map { $0 == "-" ? "_" : $0 }
      let prefix = String(name) + "."
      let parameters = words.filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count) }
      try Kernel.insertModule("\(modules)/\(file)", parameters: parameters.joined(separator: " "))
    }
  }

  /// Waits until the display device is there, with a file to open.
  static func waitForDisplay() throws(SystemFailure) {
    for _ in 0..<200 {
      if Card.presentName != nil { return }
      Kernel.pause(milliseconds: 50)
    }
    throw SystemFailure(action: "wait for the display device", code: ETIMEDOUT)
  }
}
