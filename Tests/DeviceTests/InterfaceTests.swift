import GuestDriver
import ScanoutDevice
import Testing

/// The ways to the same device: modern and legacy registers, rings in one piece, split and packed rings, both
/// placements on the bus.
@Suite struct InterfaceTests {
  /// One way, and the function that has it.
  struct Way: CustomTestStringConvertible, Sendable {
    var name: String
    var transport = VirtioPCIOptions.Transport.modern
    var placement = VirtioPCIOptions.Placement.conventional
    var hasDoorbellPages = false
    var interface = GPUDriver.Interface.modern
    var takesEverything = false
    var usesVectors = true

    var testDescription: String { name }

    var pci: VirtioPCIOptions {
      var options = VirtioPCIOptions()
      options.transport = transport
      options.placement = placement
      options.hasDoorbellPages = hasDoorbellPages
      return options
    }

    var options: GPUDriver.Options {
      var options = takesEverything ? GPUDriver.Options.everything : GPUDriver.Options()
      options.interface = interface
      options.usesVectors = usesVectors
      return options
    }
  }

  static let ways: [Way] = [
    Way(name: "modern, split"),
    Way(name: "modern, packed, every feature", takesEverything: true),
    Way(name: "modern, packed, pin", takesEverything: true, usesVectors: false),
    Way(name: "PCI Express", placement: .express),
    Way(name: "a page for each doorbell", hasDoorbellPages: true, takesEverything: true),
    Way(name: "transitional, modern driver", transport: .transitional, takesEverything: true),
    Way(name: "transitional, legacy driver", transport: .transitional, interface: .legacy),
    Way(
      name: "transitional, legacy driver, pin", transport: .transitional, interface: .legacy,
      usesVectors: false),
    Way(name: "transitional, in one piece", transport: .transitional, interface: .contiguous(alignment: 64)),
    Way(name: "legacy", transport: .legacy, interface: .legacy),
    Way(
      name: "legacy, PCI Express, pin", transport: .legacy, placement: .express, interface: .legacy,
      usesVectors: false),
  ]

  private func draws(_ bench: Bench, _ options: GPUDriver.Options, seed: Int) throws {
    try bench.driver.bringUp(options)
    let framebuffer = try bench.driver.createFramebuffer(width: 67, height: 41)
    bench.driver.draw(framebuffer, pattern(seed))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    try bench.driver.expectOK(.moveCursor(scanout: 0, x: 3, y: 4))
    #expect(bench.picture() == Picture(width: 67, height: 41, pattern(seed)))
  }

  @Test("a picture comes out of every way to the device", arguments: ways, DevicePath.allCases)
  func draws(way: Way, path: DevicePath) throws {
    let bench = try Bench(path, pci: way.pci)
    for seed in 1...2 { try draws(bench, way.options, seed: seed) }
  }

  @Test(
    "a ring in one piece draws with every alignment and size", arguments: [4, 64, 4096, 65536],
    [1, 2, 4, 8, 16, 32, 64, 128, 256])
  func contiguous(alignment: Int, size: Int) throws {
    let bench = try Bench(.inProcess)
    var options = GPUDriver.Options()
    options.interface = .contiguous(alignment: alignment)
    options.queueSize = size
    // A ring of one entry holds a request and its answer in an indirect table.
    try bench.driver.bringUp(options)
    #expect(bench.driver.control.size == size)
    let info = try bench.driver.send(
      .getDisplayInfo, layout: ChainLayout(indirection: size == 1 ? .all : .none))
    #expect(info.displays?.first?.isEnabled == true)
    guard size > 1 else { return }
    let framebuffer = try bench.driver.createFramebuffer(width: 19, height: 7)
    bench.driver.draw(framebuffer, pattern(size))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    #expect(bench.picture() == Picture(width: 19, height: 7, pattern(size)))
  }

  @Test(
    "a ring in one piece is refused where it must be",
    arguments: [
      (0, 0, 0x1010_0000), (0, 3, 0x1010_0000), (0, 1, 0x1010_0000), (0, 2, 0x1010_0000),
      (0, 48, 0x1010_0000),
      (0, 0xffff_ffff, 0x1010_0000), (0, 4096, 0x1010_0800), (0, 4, 0x1010_0008), (0, 4, 0x1010_0004),
      (0, 4, 0xffff_ffff_ffff_fff0), (0, 65536, 0xffff_ffff_ffff_0000), (2, 4, 0x1010_0000),
      (0xffff, 4, 0x1010_0000),
    ] as [(UInt16, Int, UInt64)], DevicePath.allCases)
  func refused(ring: (queue: UInt16, alignment: Int, address: UInt64), path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.discover()
    try bench.driver.reset()
    try bench.driver.negotiate()
    let file = try ContiguousRingRegisters(bench.machine, bench.driver.function.inventory)
    #expect(
      try !file.enable(queue: ring.queue, size: 16, alignment: ring.alignment, at: ring.address))
    try bench.expectSaneAfterReset()
  }

  @Test(
    "a ring in one piece is refused before features are agreed on, with packed rings, and when it is there already"
  )
  func refusedByState() throws {
    let bench = try Bench(.inProcess)
    try bench.driver.discover()
    try bench.driver.reset()
    let file = try ContiguousRingRegisters(bench.machine, bench.driver.function.inventory)
    #expect(try !file.enable(queue: 0, size: 16, alignment: 64, at: Bench.ramBase))
    try bench.driver.negotiate(.everything)
    #expect(bench.driver.accepted(VirtioLayout.Feature.ringPacked))
    #expect(try !file.enable(queue: 0, size: 16, alignment: 64, at: Bench.ramBase))
    try bench.driver.reset()
    try bench.driver.negotiate()
    #expect(try file.enable(queue: 0, size: 16, alignment: 64, at: Bench.ramBase))
    #expect(try file.enable(queue: 0, size: 8, alignment: 4, at: Bench.ramBase + 0x10000))
    try bench.driver.function.write(.queueSelect, 0)
    #expect(try bench.driver.function.read(.queueDescriptorArea) == Bench.ramBase)
    #expect(try bench.driver.function.read(.queueSize) == 16)
    #expect(try bench.driver.function.read(.queueEnable) == 1)
  }

  @Test("selecting a queue forgets address and alignment, and sizes that are no power of two are ignored")
  func selection() throws {
    let bench = try Bench(.socket)
    try bench.driver.discover()
    let file = try ContiguousRingRegisters(bench.machine, bench.driver.function.inventory)
    try file.write(.address, 0x1234_5678_9abc_def0)
    try file.write(.alignment, 64)
    #expect(try file.read(.address) == 0x1234_5678_9abc_def0 && file.read(.alignment) == 64)
    try file.write(.select, 1)
    #expect(try file.read(.address) == 0 && file.read(.alignment) == 0)
    for size: UInt64 in [0, 3, 65, 128, 0xffff] {
      try file.write(.size, size)
      #expect(try file.read(.size) == 64)
    }
  }

  @Test(
    "a transitional device goes from one driver to the next, whichever way each takes",
    arguments: DevicePath.allCases)
  func changes(path: DevicePath) throws {
    var pci = VirtioPCIOptions()
    pci.transport = .transitional
    let bench = try Bench(path, pci: pci)
    for (seed, interface) in [
      GPUDriver.Interface.legacy, .modern, .legacy, .contiguous(alignment: 4096), .legacy, .modern,
    ].enumerated() {
      var options = GPUDriver.Options.everything
      options.interface = interface
      if case .contiguous = interface { options = GPUDriver.Options() }
      options.interface = interface
      try draws(bench, options, seed: seed)
    }
  }

  @Test("what is withheld is not offered", arguments: [0, 34, 28, 33, 43, 40, 1, 2, 3, 5])
  func withheld(bit: Int) throws {
    var pci = VirtioPCIOptions()
    pci.withheld = FeatureSet(bit: bit)
    let bench = try Bench(.inProcess, pci: pci)
    try bench.driver.discover()
    let all: UInt64 = 0x2e | 0x3 << 28 | 0x9df << 32
    // The alignment of blobs goes with blobs.
    let without: UInt64 = 1 << UInt64(bit) | (bit == 3 ? 1 << 5 : 0)
    #expect(try bench.driver.function.offeredFeatures() == all & ~without)
    try bench.driver.bringUp(.everything)
    try bench.expectSane()
  }
}
