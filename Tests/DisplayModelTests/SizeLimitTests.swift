import FrontEndAPI
import HostThreads
import Testing

@testable import DisplayModel

/// A front-end that can show so much of each output; it looks only when the test does.
private final class SmallFrontEnd: SizeLimitedFrontEnd {
  let interface: InterfaceVersion
  let limits: [PictureSize?]

  init(_ limits: (Int, Int)?..., minor: UInt32 = 1) {
    self.limits = limits.map { $0.map { PictureSize(width: $0.0, height: $0.1) } }
    interface = InterfaceVersion(type: "display", label: "small", major: 1, minor: minor)
  }

  func largestPicture(ofOutput index: Int) -> PictureSize? {
    limits.indices.contains(index) ? limits[index] : nil
  }
  func attached(to channel: any DisplayChannel) {}
  func outputChanged(_ index: Int) {}
}

@Suite struct SizeLimitTests {
  /// What a display makes of a picture of this size, on an output.
  private func show(_ bench: Bench, _ width: UInt32, _ height: UInt32, on output: UInt32 = 0) -> DisplayFault?
  {
    let id = ResourceID(1)!
    if bench.apply(.flush(id, Rectangle(x: 0, y: 0, width: 0, height: 0))) == .noSuchResource {
      #expect(bench.apply(.createResource(id, .b8g8r8x8, width: 2000, height: 1200)) == nil)
    }
    let rectangle = Rectangle(x: 2000 - width, y: 1200 - height, width: width, height: height)
    return bench.apply(.setScanout(output: output, ScanoutSource(resource: id, rectangle: rectangle)))
  }

  @Test func `without anybody's limit any picture is shown`() throws {
    let bench = Bench()
    _ = try bench.publisher.attach(CountingFrontEnd(minor: 1))
    #expect(bench.publisher.largestPicture(ofOutput: 0) == nil)
    #expect(show(bench, 2000, 1200) == nil)
  }

  @Test func `of all limits of an output the smallest sides count`() throws {
    let bench = Bench(outputs: 3, largest: PictureSize(width: 1600, height: 1200))
    _ = try bench.publisher.attach(SmallFrontEnd((800, 900), nil))
    _ = try bench.publisher.attach(CountingFrontEnd(minor: 1))
    _ = try bench.publisher.attach(SmallFrontEnd((1000, 500), (1700, 300)))
    let limits = (0..<3).map { bench.publisher.largestPicture(ofOutput: $0).map { [$0.width, $0.height] } }
    #expect(limits == [[800, 500], [1600, 300], [1600, 1200]])
    for (output, limit) in [(800, 500), (1600, 300), (1600, 1200)].enumerated()
      as EnumeratedSequence<[(UInt32, UInt32)]>
    {
      let output = UInt32(output)
      #expect(show(bench, limit.0, limit.1, on: output) == nil)
      if limit.0 < 2000 { #expect(show(bench, limit.0 + 1, limit.1, on: output) == .beyondLimit) }
      if limit.1 < 1200 { #expect(show(bench, limit.0, limit.1 + 1, on: output) == .beyondLimit) }
      #expect(bench.publisher.outputs[Int(output)].largestPicture != nil || output == 2)
    }
  }

  @Test func `what is refused leaves on the screen what there was`() throws {
    let bench = Bench(largest: PictureSize(width: 100, height: 100))
    let channel = try bench.publisher.attach(CountingFrontEnd())
    #expect(show(bench, 90, 80) == nil)
    let inUse = bench.budget.inUse
    #expect(show(bench, 101, 80) == .beyondLimit)
    #expect(bench.budget.inUse == inUse)
    _ = channel.takeChanges(ofOutput: 0)
    #expect(channel.withSurface(ofOutput: 0) { [$0.width, $0.height] } == [90, 80])
  }

  @Test func `a blob is held to the limit too`() {
    let bench = Bench(largest: PictureSize(width: 64, height: 64))
    let id = ResourceID(1)!
    #expect(bench.apply(.createBlob(id, size: 65536, [])) == nil)
    func show(_ width: UInt32, _ height: UInt32) -> DisplayFault? {
      let layout = BlobLayout(format: .b8g8r8x8, width: 128, height: 128, stride: 512, offset: 0)
      let rectangle = Rectangle(x: 0, y: 0, width: width, height: height)
      return bench.apply(
        .setScanout(output: 0, ScanoutSource(resource: id, rectangle: rectangle, layout: layout)))
    }
    #expect(show(65, 64) == .beyondLimit && show(64, 65) == .beyondLimit && show(64, 64) == nil)
  }

  @Test func `a front-end of version 1.0 has no limit, whatever it would say`() throws {
    let bench = Bench()
    let channel = try bench.publisher.attach(SmallFrontEnd((100, 100), minor: 0))
    #expect(channel.version.minor == 0 && bench.publisher.largestPicture(ofOutput: 0) == nil)
    #expect(show(bench, 101, 100) == nil)
  }

  @Test func `a front-end that comes later is shown what it cannot show, and page flips go on`() throws {
    let bench = Bench()
    #expect(show(bench, 300, 200) == nil)
    let channel = try bench.publisher.attach(SmallFrontEnd((100, 100)))
    let changes = try #require(channel.takeChanges(ofOutput: 0))
    #expect(changes.isReplaced && changes.output == OutputDescription(index: 0, width: 300, height: 200))
    #expect(channel.withSurface(ofOutput: 0) { [$0.width, $0.height] } == [300, 200])
    // Another resource of the same size, as a driver flips pages.
    let other = ResourceID(2)!
    #expect(bench.apply(.createResource(other, .b8g8r8x8, width: 300, height: 200)) == nil)
    let rectangle = Rectangle(x: 0, y: 0, width: 300, height: 200)
    #expect(bench.apply(.setScanout(output: 0, ScanoutSource(resource: other, rectangle: rectangle))) == nil)
    #expect(channel.takeChanges(ofOutput: 0)?.isReplaced == true)
    #expect(show(bench, 299, 200) == .beyondLimit)
    // Once it is off it is a new picture like any other.
    #expect(bench.apply(.setScanout(output: 0, nil)) == nil)
    #expect(show(bench, 300, 200) == .beyondLimit)
    channel.detach()
    #expect(show(bench, 300, 200) == nil)
  }

  @Test func `limits that come and go are told, others are not`() throws {
    let bench = Bench()
    let count = Lock(0)
    bench.publisher.whenLimitsChange { count.withLock { $0 += 1 } }
    let plain = try bench.publisher.attach(CountingFrontEnd(minor: 1))
    plain.detach()
    #expect(count.withLock { $0 } == 0)
    let small = try bench.publisher.attach(SmallFrontEnd((100, 100)))
    #expect(count.withLock { $0 } == 1)
    small.detach()
    #expect(count.withLock { $0 } == 2)
  }

  @Test func `no limit is below the least mode`() throws {
    let bench = Bench()
    _ = try bench.publisher.attach(SmallFrontEnd((1, 1000)))
    #expect(bench.publisher.largestPicture(ofOutput: 0) == PictureSize(width: 32, height: 1000))
    #expect(show(bench, 32, 1) == nil)
  }
}
