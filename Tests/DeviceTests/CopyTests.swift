import Glibc
import GuestDriver
import Testing

/// How many bytes of a picture the device touches, frame by frame.
///
/// Guest memory is a file with holes: a page of it exists from the moment that somebody reads or writes it, and the
/// driver here draws nothing. So the file counts exactly, page by page, what was read for a frame, and the device counts
/// nothing.
@Suite struct CopyTests {
  /// A picture of whole pages in memory of its own that nobody has touched.
  private struct Stand {
    let bench: Bench
    let block: RAMBlock
    let picture: Framebuffer
    /// Bytes of a frame.
    let frame = 640 * 480 * 4

    init(_ path: DevicePath) throws {
      bench = try Bench(path)
      let block = try RAMBlock(base: 0x4000_0000, size: frame)
      self.block = block
      try bench.machine.mapRAM(block, access: .readWrite)
      var options = GPUDriver.Options()
      options.wantedFeatures |= 1 << UInt64(GPULayout.Feature.resourceBlob)
      try bench.driver.bringUp(options)
      // Page by page, and not in order, as a guest's memory is.
      let pages = frame / 4096
      let backing = (0..<pages).map {
        GuestExtent(address: block.base + UInt64($0 * 7 % pages * 4096), count: 4096)
      }
      picture = Framebuffer(resource: 5, format: .bgrx, width: 640, height: 480, backing: backing)
    }

    /// Bytes of the file that exist.
    var touched: Int {
      var status = stat()
      // The descriptor lives as long as the block, and the structure is the call's to fill.
      guard unsafe fstat(block.descriptor, &status) == 0 else { return -1 }
      return Int(status.st_blocks) * 512
    }

    /// Makes holes of all of it again.
    func forget() throws {
      // A mapping of the whole file, for as long as this takes; 9: MADV_REMOVE.
      let mapping = unsafe mmap(nil, block.size, PROT_READ | PROT_WRITE, MAP_SHARED, block.descriptor, 0)
      try #require(unsafe mapping != MAP_FAILED)
      let result = unsafe madvise(mapping, block.size, 9)
      unsafe munmap(mapping, block.size)
      try #require(result == 0)
      try #require(touched == 0)
    }

    /// What a front-end's look touches.
    func look() throws -> Int {
      try forget()
      #expect(bench.picture()?.bytes.count == frame)
      return touched
    }
  }

  @Test(arguments: DevicePath.allCases)
  func `frames of a blob touch no byte of it until somebody looks, and then each byte once`(
    _ path: DevicePath
  )
    throws
  {
    let stand = try Stand(path)
    let driver = stand.bench.driver, blob = stand.picture
    try driver.expectOK(
      .createBlob(
        id: blob.resource, memory: 1, flags: 0, blobID: 0, size: UInt64(stand.frame),
        blob.backing.map(GPUMemoryEntry.init)))
    let show = GPUCommand.setScanoutBlob(
      blob.bounds, scanout: 0, resource: blob.resource, width: 640, height: 480, format: blob.format.rawValue,
      stride: 2560, offset: 0)
    try driver.expectOK(show)
    for _ in 0..<50 {
      try driver.flush(blob)
      try driver.expectOK(show)  // as a page flip does
    }
    #expect(stand.touched == 0)
    // The positive control: what is read is seen.
    #expect(try stand.look() == stand.frame)
    // Nothing is new, so nothing is read; then a band of it.
    #expect(try stand.look() == 0)
    try stand.forget()
    try driver.flush(blob, GPURect(0, 16, 640, 8))  // pages 10 to 14 of the picture
    #expect(stand.touched == 0)
    #expect(try stand.look() == 5 * 4096)
  }

  @Test(arguments: DevicePath.allCases)
  func `frames by transfer read each byte of the backing once, and viewers none`(_ path: DevicePath) throws {
    let stand = try Stand(path)
    let driver = stand.bench.driver, picture = stand.picture
    try driver.expectOK(
      .createResource2D(id: picture.resource, format: picture.format.rawValue, width: 640, height: 480))
    try driver.expectOK(.attachBacking(id: picture.resource, picture.backing.map(GPUMemoryEntry.init)))
    try driver.show(picture)
    #expect(stand.touched == 0)
    for _ in 0..<10 {
      try stand.forget()
      try driver.transfer(picture)
      #expect(stand.touched == stand.frame)
      try stand.forget()
      try driver.flush(picture)
      #expect(stand.touched == 0)
      #expect(try stand.look() == 0)
    }
    try stand.forget()
    try driver.transfer(picture, GPURect(0, 16, 640, 8))
    #expect(stand.touched == 5 * 4096)
  }
}
