import DisplayModel
import GuestDriver
import ScanoutDevice
import Testing

/// What a driver sees of a change in what the host wants of the outputs (virtio 1.4 §5.7.4.2).
@Suite struct DisplayEventTests {
  private typealias Config = GPULayout.Config

  private func wanted(
    _ width: Int, _ height: Int, x: UInt32 = 0, y: UInt32 = 0, isEnabled: Bool = true
  ) throws -> OutputPreference {
    OutputPreference(
      mode: try #require(OutputMode(width: width, height: height)), x: x, y: y, isEnabled: isEnabled)
  }

  private func events(_ bench: Bench) throws -> UInt64 {
    try bench.driver.function.readDevice(Config.eventsRead, width: 4)
  }

  /// The preferred size in an EDID's first detailed timing.
  private func preferred(_ edid: [UInt8]) -> [Int] {
    [Int(edid[56]) | Int(edid[58] >> 4) << 8, Int(edid[59]) | Int(edid[61] >> 4) << 8]
  }

  @Test(arguments: DevicePath.allCases)
  func `a change is an event with an interrupt, and displays and EDID say what is new`(_ path: DevicePath)
    throws
  {
    let bench = try Bench(path, outputs: [(1024, 768), (640, 480)])
    try bench.driver.bringUp()
    let device = bench.device.device, function = try #require(bench.driver.function)
    #expect(try events(bench) == 0)
    let generation = try function.read(.configGeneration)
    device.setOutput(1, to: try wanted(1280, 800, x: 1024, y: 7))
    #expect(
      try bench.machine.waitForInterrupt(
        bench.driver.configurationLine, timeoutInMilliseconds: Bench.patienceInMilliseconds))
    #expect(try events(bench) == 1)
    #expect(try function.read(.configGeneration) != generation)
    let displays = try #require(try bench.driver.send(.getDisplayInfo).displays)
    #expect(displays[0] == GPUReply.Display(rect: GPURect(0, 0, 1024, 768), isEnabled: true, flags: 0))
    #expect(displays[1] == GPUReply.Display(rect: GPURect(1024, 7, 1280, 800), isEnabled: true, flags: 0))
    #expect(displays[2] == GPUReply.Display(rect: GPURect(0, 0, 0, 0), isEnabled: false, flags: 0))
    let edid = try #require(try bench.driver.send(.getEDID(scanout: 1)).edid)
    #expect(preferred(edid) == [1280, 800])
    let other = try #require(try bench.driver.send(.getEDID(scanout: 0)).edid)
    #expect(preferred(other) == [1024, 768])
    #expect(try events(bench) == 1, "until it is cleared")
  }

  @Test(arguments: DevicePath.allCases)
  func `an output that is not there keeps its size and what the driver shows`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let framebuffer = try bench.driver.createFramebuffer(width: 40, height: 30)
    bench.driver.draw(framebuffer, pattern(1))
    try bench.driver.show(framebuffer)
    try bench.driver.present(framebuffer)
    bench.device.device.setOutput(0, to: try wanted(1024, 768, isEnabled: false))
    let displays = try #require(try bench.driver.send(.getDisplayInfo).displays)
    #expect(displays[0] == GPUReply.Display(rect: GPURect(0, 0, 1024, 768), isEnabled: false, flags: 0))
    #expect(try bench.driver.send(.getEDID(scanout: 0)).edid != nil)
    #expect(bench.picture() == Picture(width: 40, height: 30, pattern(1)))
  }

  @Test(arguments: DevicePath.allCases)
  func `a one in events_clear clears the event, whatever the width, and nothing else does`(
    _ path: DevicePath
  ) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    var width = 800
    func change() throws {
      width += 8
      bench.device.device.setOutput(0, to: try wanted(width, 600))
      #expect(try events(bench) == 1)
    }
    for (offset, size) in [(4, 4), (4, 2), (4, 1)] {
      try change()
      try function.writeDevice(offset, width: size, 0)
      try function.writeDevice(Config.eventsRead, width: 4, 0xffff_ffff)
      try function.writeDevice(Config.scanoutCount, width: 4, 0xffff_ffff)
      try function.writeDevice(Config.eventsClear, width: 4, 0xffff_fffe)
      if size < 4 { try function.writeDevice(5, width: 1, 0xff) }
      #expect(try events(bench) == 1)
      #expect(try function.readDevice(Config.eventsClear, width: 4) == 0)
      try function.writeDevice(offset, width: size, 1)
      #expect(try events(bench) == 0)
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `a change of several outputs is one event`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(1024, 768), (640, 480)])
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    _ = try events(bench)
    let generation = try function.read(.configGeneration)
    bench.device.device.setOutputs([0: try wanted(800, 600), 1: try wanted(1280, 800, x: 800)])
    #expect(try events(bench) == 1)
    #expect(try function.read(.configGeneration) == (generation + 1) & 0xff)
    let displays = try #require(try bench.driver.send(.getDisplayInfo).displays)
    #expect(displays[..<2].map(\.rect) == [GPURect(0, 0, 800, 600), GPURect(800, 0, 1280, 800)])
    #expect(preferred(try #require(try bench.driver.send(.getEDID(scanout: 1)).edid)) == [1280, 800])
    try function.writeDevice(Config.eventsClear, width: 4, 1)
    #expect(try events(bench) == 0)
  }

  @Test(arguments: [true, false])
  func `a change between a driver's question and its clearing of the event is an event of its own`(
    _ asksForEDID: Bool
  ) throws {
    let bench = try Bench(.inProcess)
    try bench.driver.bringUp()
    let function = try #require(bench.driver.function)
    func ask() throws { _ = try bench.driver.send(asksForEDID ? .getEDID(scanout: 0) : .getDisplayInfo) }
    func clear() throws { try function.writeDevice(Config.eventsClear, width: 4, 1) }
    for width in [800, 840] {
      bench.device.device.setOutput(0, to: try wanted(width, 600))
      try ask()
      bench.device.device.setOutput(0, to: try wanted(width, 610))
      try ask()  // may have been another kind of question
      try clear()
      #expect(try events(bench) == 1)
      try ask()
      try clear()
      #expect(try events(bench) == 0)
    }
    // Whoever never asks is not told twice.
    for height in [620, 630] { bench.device.device.setOutput(0, to: try wanted(800, height)) }
    try clear()
    #expect(try events(bench) == 0)
    // Nor does the next driver hear of what the last one did.
    bench.device.device.setOutput(0, to: try wanted(900, 600))
    try ask()
    bench.device.device.setOutput(0, to: try wanted(910, 600))
    try bench.driver.bringUp()
    #expect(try events(bench) == 0)
  }

  @Test(arguments: DevicePath.allCases)
  func `what is wanted already is no change`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    let before = try bench.driver.function.read(.configGeneration)
    bench.device.device.setOutput(0, to: try wanted(1024, 768))
    #expect(try events(bench) == 0)
    #expect(try bench.driver.function.read(.configGeneration) == before)
    #expect(try !bench.machine.waitForInterrupt(bench.driver.configurationLine, timeoutInMilliseconds: 20))
  }

  @Test(arguments: DevicePath.allCases)
  func `a reset clears the event and keeps the change`(_ path: DevicePath) throws {
    let bench = try Bench(path)
    try bench.driver.bringUp()
    bench.device.device.setOutput(0, to: try wanted(1600, 900, x: 3))
    #expect(try events(bench) == 1)
    try bench.driver.bringUp()
    #expect(try events(bench) == 0)
    let displays = try #require(try bench.driver.send(.getDisplayInfo).displays)
    #expect(displays[0].rect == GPURect(3, 0, 1600, 900))
    // Without a driver nobody is told.
    try bench.driver.reset()
    bench.device.device.setOutput(0, to: try wanted(640, 480))
    try bench.driver.bringUp()
    #expect(try #require(try bench.driver.send(.getDisplayInfo).displays)[0].rect == GPURect(0, 0, 640, 480))
  }
}
