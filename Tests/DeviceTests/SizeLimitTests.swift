import DisplayModel
import FrontEndAPI
import GuestDriver
import ScanoutDevice
import Testing

/// What a driver sees of limits to what can be shown.
@Suite struct SizeLimitTests {
  /// A front-end that can show so much of each output.
  private final class SmallFrontEnd: SizeLimitedFrontEnd {
    let interface = InterfaceVersion(type: "display", label: "small", major: 1, minor: 1)
    let limit: PictureSize
    init(_ width: Int, _ height: Int) { limit = PictureSize(width: width, height: height) }
    func largestPicture(ofOutput index: Int) -> PictureSize? { index == 0 ? limit : nil }
    func attached(to channel: any DisplayChannel) {}
    func outputChanged(_ index: Int) {}
  }

  private func displays(_ bench: Bench) throws -> [GPURect] {
    try #require(try bench.driver.send(.getDisplayInfo).displays).prefix(2).map(\.rect)
  }

  /// The preferred size in an EDID's first detailed timing.
  private func preferred(_ bench: Bench, _ scanout: UInt32 = 0) throws -> [Int] {
    let edid = try #require(try bench.driver.send(.getEDID(scanout: scanout)).edid)
    return [Int(edid[56]) | Int(edid[58] >> 4) << 8, Int(edid[59]) | Int(edid[61] >> 4) << 8]
  }

  private func mode(_ width: Int, _ height: Int) throws -> OutputMode {
    try #require(OutputMode(width: width, height: height))
  }

  @Test(arguments: DevicePath.allCases)
  func `a larger picture than the device lets through is an invalid parameter`(_ path: DevicePath) throws {
    let limits = DisplayLimits(largestMode: try mode(800, 600))
    let bench = try Bench(path, outputs: [(1024, 768)], limits: limits)
    try bench.driver.bringUp()
    // What the host asked for was lowered.
    #expect(try displays(bench)[0] == GPURect(0, 0, 800, 600))
    #expect(try preferred(bench) == [800, 600])
    let picture = try bench.driver.createFramebuffer(width: 1024, height: 768)
    let refused = [GPURect(0, 0, 801, 600), GPURect(0, 0, 800, 601), picture.bounds]
    for rect in refused {
      let reply = try bench.driver.send(.setScanout(rect, scanout: 0, resource: picture.resource))
      #expect(reply.type == GPULayout.Response.invalidParameter)
      #expect(bench.picture() == nil)
    }
    // A part of a larger resource will do.
    bench.driver.draw(picture, pattern(4))
    try bench.driver.transfer(picture)
    try bench.driver.expectOK(
      .setScanout(GPURect(224, 168, 800, 600), scanout: 0, resource: picture.resource))
    #expect(bench.picture() == Picture(width: 800, height: 600) { pattern(4)($0 + 224, $1 + 168) })
  }

  @Test(arguments: DevicePath.allCases)
  func `a front-end that can show less changes what is preferred, with an event, until it goes`(
    _ path: DevicePath
  ) throws {
    let bench = try Bench(path, outputs: [(1920, 1080), (1920, 1080)])
    try bench.driver.bringUp()
    func expectEvent() throws {
      #expect(
        try bench.machine.waitForInterrupt(bench.driver.configurationLine, timeoutInMilliseconds: 60_000))
      let events = try bench.driver.function.readDevice(GPULayout.Config.eventsRead, width: 4)
      #expect(events == 1)
      try bench.driver.function.writeDevice(GPULayout.Config.eventsClear, width: 4, 1)
    }
    let large = try bench.driver.createFramebuffer(width: 1920, height: 1080)
    bench.driver.draw(large, pattern(6))
    try bench.driver.show(large)
    try bench.driver.present(large)
    let channel = try bench.device.device.attach(SmallFrontEnd(1024, 2000))
    try expectEvent()
    #expect(try displays(bench) == [GPURect(0, 0, 1024, 1080), GPURect(0, 0, 1920, 1080)])
    #expect(try preferred(bench) == [1024, 1080] && preferred(bench, 1) == [1920, 1080])
    // What is on the screen stays, and may be flipped; the other output is as it was.
    #expect(bench.picture() == Picture(width: 1920, height: 1080, pattern(6)))
    try bench.driver.show(large)
    try bench.driver.expectOK(.setScanout(large.bounds, scanout: 1, resource: large.resource))
    let reply = try bench.driver.send(
      .setScanout(GPURect(0, 0, 1025, 1080), scanout: 0, resource: large.resource))
    #expect(reply.type == GPULayout.Response.invalidParameter)
    // What the host wants is lowered as long as it cannot be shown.
    bench.device.device.setOutput(0, to: OutputPreference(mode: try mode(3000, 500)))
    try expectEvent()
    #expect(try displays(bench)[0] == GPURect(0, 0, 1024, 500))
    #expect(bench.device.device.outputPreferences[0].mode == OutputMode(width: 1024, height: 500))
    channel.detach()
    try expectEvent()
    #expect(try displays(bench)[0] == GPURect(0, 0, 3000, 500))
    #expect(try preferred(bench) == [3000, 500])
  }

  @Test(arguments: DevicePath.allCases)
  func `a front-end whose limit changes nothing is no event`(_ path: DevicePath) throws {
    let bench = try Bench(path, outputs: [(640, 480)], limits: DisplayLimits(largestMode: try mode(800, 600)))
    try bench.driver.bringUp()
    let channel = try bench.device.device.attach(SmallFrontEnd(800, 900))
    channel.detach()
    #expect(try bench.driver.function.readDevice(GPULayout.Config.eventsRead, width: 4) == 0)
  }
}
