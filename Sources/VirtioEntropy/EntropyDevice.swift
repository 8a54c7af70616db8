import GuestRAM
import VirtioCore

/// A virtio entropy device (virtio 1.4 §5.4): fills the driver's buffers with random bytes of the host's.
@safe
package final class EntropyDevice: VirtioDevice, @unchecked Sendable {
  // Sendable: `filler` is touched in `process` only, which VirtioCore calls one at a time.
  private var filler: BufferFiller

  /// The most that one buffer gets, in bytes; §5.4.6.2 allows less than the whole buffer.
  ///
  /// So that the time for a buffer, and with it the time that an unmap or a reset may wait, has a bound.
  package static let largestFill = 64 << 10

  /// Makes a device that hands out the bytes of a source.
  ///
  /// - Throws: `HostError` when the host has no memory for its buffer.
  package init(source: any EntropySource) throws(HostError) {
    guard let filler = BufferFiller(source: source) else {
      throw HostError(operation: "buffer of the entropy device", errno: 12)  // ENOMEM
    }
    self.filler = filler
  }
}

extension EntropyDevice {
  /// Entropy (virtio 1.4 §5.4.1).
  package var deviceID: UInt16 { 4 }

  /// None are defined (§5.4.3).
  package var offeredFeatures: FeatureSet { [] }

  /// `requestq` (§5.4.2). A legacy driver cannot reduce it: so small that its ring fits into two pages.
  package var queueSizes: [UInt16] { [64] }

  /// There is none (§5.4.4).
  package var configurationSize: Int { 0 }

  package func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {}
  package func writeConfiguration(at offset: Int, _ bytes: RawSpan) {}

  package func process(
    _ chain: consuming DescriptorChain, from queue: Virtqueue, in access: borrowing GuestAccess
  ) {
    let written = filler.fill(chain, of: queue, in: access)
    queue.complete(chain, written: written, in: access)
  }

  /// Bytes handed out since the device was made. On the device's thread, between two buffers.
  package var byteCount: UInt64 { filler.byteCount }

  /// Nothing is kept of a driver.
  package func reset() {}
}

/// Carries bytes from the source into guest memory, a page at a time. Confined to the device's thread.
private struct BufferFiller: ~Copyable {
  /// Bytes on their way; zeros between two buffers.
  private var page: PageMemory
  private let source: any EntropySource
  /// Bytes handed out so far.
  private(set) var byteCount: UInt64 = 0

  private static let pageSize = 4096

  /// nil when the host has no memory.
  init?(source: any EntropySource) {
    guard let page = PageMemory(byteCount: Self.pageSize) else { return nil }
    self.page = page
    self.source = source
  }

  /// Fills the device-writable part and says how far. The device-readable one, which a driver must not send
  /// (virtio 1.4 §5.4.6.1), is not looked at.
  mutating func fill(
    _ chain: borrowing DescriptorChain, of queue: Virtqueue, in access: borrowing GuestAccess
  ) -> Int {
    let wanted = min(chain.writableCount, EntropyDevice.largestFill)
    var written = 0
    let source = self.source  // the span below has all of `self`
    var bytes = page.mutableBytes
    while written < wanted {
      var piece = bytes._mutatingExtracting(0..<min(wanted - written, Self.pageSize))
      let filled = source.fill(&piece)
      let copied = queue.write(chain, at: written, piece.bytes.extracting(0..<filled), in: access)
      // §5.4.6.2 asks for one byte at least. A source that was good when the device was made does not fail later; if it
      // did, the driver would learn of it by the length, which it has to look at.
      guard copied > 0 else { break }
      written += copied
    }
    // What a guest was given is nobody else's to find in this process's memory.
    for offset in 0..<min(wanted, Self.pageSize) {
      bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
    }
    byteCount &+= UInt64(written)
    return written
  }
}
