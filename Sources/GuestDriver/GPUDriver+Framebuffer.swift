/// A 2D resource with its backing in guest memory.
package struct Framebuffer: Sendable {
  package var resource: UInt32
  package var format: GPUFormat
  /// In pixels.
  package var width: Int
  package var height: Int
  /// The pieces of the backing, in the order of the resource's bytes.
  package var backing: [GuestExtent]

  /// Describes a framebuffer; nothing is sent to the device.
  package init(resource: UInt32, format: GPUFormat, width: Int, height: Int, backing: [GuestExtent]) {
    self.resource = resource
    self.format = format
    self.width = width
    self.height = height
    self.backing = backing
  }

  /// Bytes from one line to the next: a 2D resource has no padding.
  package var stride: Int { width * 4 }
  package var byteCount: Int { stride * height }

  /// The whole resource.
  package var bounds: GPURect { GPURect(0, 0, UInt32(width), UInt32(height)) }

  /// Where a rectangle's first byte lies in the backing.
  package func offset(of rect: GPURect) -> UInt64 {
    UInt64(rect.y) * UInt64(stride) + UInt64(rect.x) * 4
  }
}

/// How a framebuffer's backing lies in memory.
package enum BackingLayout: Hashable, Sendable {
  case contiguous
  /// Pages of 4 KiB in a shuffled order.
  case shuffledPages(seed: UInt64)
  /// Pieces of so many bytes, with gaps between them.
  case pieces(Int)
}

extension GPUDriver {
  /// Allocates backing, creates the resource and attaches the one to the other.
  package func createFramebuffer(
    width: Int, height: Int, format: GPUFormat = .bgrx, layout: BackingLayout = .contiguous
  ) throws -> Framebuffer {
    let framebuffer = Framebuffer(
      resource: makeResourceID(), format: format, width: width, height: height,
      backing: try allocateBacking(width * height * 4, layout))
    try expectOK(
      .createResource2D(
        id: framebuffer.resource, format: format.rawValue, width: UInt32(width), height: UInt32(height)))
    try expectOK(.attachBacking(id: framebuffer.resource, framebuffer.backing.map(GPUMemoryEntry.init)))
    return framebuffer
  }

  /// Allocates backing of `count` bytes.
  package func allocateBacking(_ count: Int, _ layout: BackingLayout) throws -> [GuestExtent] {
    switch layout {
    case .contiguous:
      return [GuestExtent(address: try ram.allocate(count, alignment: 4096), count: count)]
    case .shuffledPages(let seed):
      let pages = (count + 4095) / 4096
      let base = try ram.allocate(pages * 4096, alignment: 4096)
      var order = Array(0..<pages), state = seed | 1
      for index in stride(from: pages - 1, to: 0, by: -1) {
        // xorshift64: any order will do, the same one for the same seed.
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        order.swapAt(index, Int(state % UInt64(index + 1)))
      }
      return order.enumerated().map { position, page in
        GuestExtent(address: base + UInt64(page * 4096), count: min(4096, count - position * 4096))
      }
    case .pieces(let size):
      return try stride(from: 0, to: count, by: size).map { start in
        let piece = min(size, count - start)
        return GuestExtent(address: try ram.allocate(piece + 1, alignment: 1), count: piece)
      }
    }
  }

  /// Writes bytes at an offset of a framebuffer's backing.
  package func write(_ bytes: [UInt8], at offset: Int, of framebuffer: Framebuffer) {
    var start = 0, done = 0
    for extent in framebuffer.backing where done < bytes.count {
      let end = start + extent.count, at = offset + done
      if at < end {
        let count = min(bytes.count - done, end - at)
        ram.write(Array(bytes[done..<done + count]), at: extent.address + UInt64(at - start))
        done += count
      }
      start = end
    }
  }

  /// Paints a rectangle of the backing; the device does not know of it before a transfer.
  package func draw(
    _ framebuffer: Framebuffer, in rect: GPURect? = nil, _ pixel: (_ x: Int, _ y: Int) -> GPUPixel
  ) {
    let rect = rect ?? framebuffer.bounds
    for y in Int(rect.y)..<Int(rect.y + rect.height) {
      var line: [UInt8] = []
      line.reserveCapacity(Int(rect.width) * 4)
      for x in Int(rect.x)..<Int(rect.x + rect.width) { line += framebuffer.format.bytes(pixel(x, y)) }
      write(line, at: y * framebuffer.stride + Int(rect.x) * 4, of: framebuffer)
    }
  }

  /// Makes an output show a framebuffer, or a rectangle of it.
  package func show(_ framebuffer: Framebuffer, _ rect: GPURect? = nil, on scanout: UInt32 = 0) throws {
    try expectOK(
      .setScanout(rect ?? framebuffer.bounds, scanout: scanout, resource: framebuffer.resource))
  }

  /// Transfers a rectangle from the backing, then flushes it.
  package func present(_ framebuffer: Framebuffer, _ rect: GPURect? = nil) throws {
    try transfer(framebuffer, rect)
    try flush(framebuffer, rect)
  }

  /// Copies a rectangle of the backing into the resource; the offset names its first byte.
  package func transfer(_ framebuffer: Framebuffer, _ rect: GPURect? = nil) throws {
    let rect = rect ?? framebuffer.bounds
    try expectOK(
      .transferToHost2D(rect, offset: framebuffer.offset(of: rect), resource: framebuffer.resource))
  }

  /// Brings a rectangle of a resource to the outputs that show it.
  package func flush(_ framebuffer: Framebuffer, _ rect: GPURect? = nil) throws {
    try expectOK(.flush(rect ?? framebuffer.bounds, resource: framebuffer.resource))
  }

  /// Loads a cursor image, 64x64 unless the device is known to take others, and shows it (virtio 1.4 §5.7.6.6).
  package func showCursor(
    _ image: Framebuffer, on scanout: UInt32 = 0, x: UInt32, y: UInt32, hotX: UInt32 = 0, hotY: UInt32 = 0
  ) throws {
    try transfer(image)
    try expectOK(
      .updateCursor(scanout: scanout, x: x, y: y, resource: image.resource, hotX: hotX, hotY: hotY))
  }
}

extension GPUMemoryEntry {
  /// An entry for a piece of memory.
  package init(_ extent: GuestExtent) {
    self.init(address: extent.address, length: UInt32(truncatingIfNeeded: extent.count))
  }
}
