import GuestDriver

/// GPUs that take a request for another one, and the cases that have to notice.
extension MutationTests {
  private typealias Request = GPULayout.Request

  /// A GPU that sees a request of one type otherwise; `field` is an offset in the whole request.
  private static func seeing(
    _ type: UInt32, _ field: Int, as change: @escaping @Sendable (UInt32) -> UInt32
  ) -> Mutation {
    Mutation(request: { bytes in
      guard bytes.count >= field + 4, bytes.field32(at: 0) == type else { return }
      bytes.set(field, change(bytes.field32(at: field)))
    })
  }

  static let headers: [Row] = [
    Row(
      "no fences",
      [
        "gpu.fence-comes-back", "gpu.fence-of-an-error", "gpu.fences-in-one-batch", "gpu.cursor-fences",
        "gpu.ring-index-without-contexts",
      ],
      Mutation(request: { if $0.count >= 24 { $0.set(4, 0) } })),
    Row(
      "fence numbers of 32 bits", ["gpu.fence-comes-back", "gpu.fences-in-one-batch"],
      Mutation(request: { if $0.count >= 24 { $0.set(12, 0) } })),
    Row(
      "commands that want context 0", ["gpu.context-means-nothing-in-2d"],
      Mutation(request: { if $0.count >= 24, $0.field32(at: 16) != 0 { $0.set(0, 0xffff) } })),
    Row(
      "unknown commands taken for known ones",
      ["gpu.error-for-unknown-types", "gpu.error-for-what-is-not-offered"],
      Mutation(request: { bytes in
        guard bytes.count >= 48, !(0x0100...0x0107).contains(bytes.field32(at: 0)) else { return }
        bytes.set(0, GPULayout.Request.setScanout)
        for field in stride(from: 24, to: 48, by: 4) { bytes.set(field, 0) }
      })),
    Row(
      "events that stay", ["gpu.events-clear"],
      Mutation(readBAR: { bar, offset, value in bar == 4 && offset == 0x2000 ? 1 : value })),
    Row(
      "BLOB_ALIGNMENT without its field", ["gpu.blob-alignment"],
      .reading(.deviceFeature) { $0 | 0x20 }),
    Row(
      "num_scanouts that counts to 16", ["gpu.scanout-that-does-not-exist", "gpu.edid-is-one"],
      Mutation(readBAR: { bar, offset, value in bar == 4 && offset == 0x2008 ? 16 : value })),
  ]

  static let resources: [Row] = [
    Row(
      "one format for all", ["gpu.picture-of-every-format", "gpu.create-without-format"],
      seeing(Request.resourceCreate2D, 28) { _ in 2 }),
    Row("resources that stay", ["gpu.unref-destroys"], seeing(Request.resourceUnref, 0) { _ in 0x0107 }),
    Row(
      "one resource for all", ["gpu.resource-that-does-not-exist"],
      seeing(Request.resourceFlush, 40) { _ in 1 }),
    Row(
      "ids of 31 bits", ["gpu.any-resource-id"], seeing(Request.resourceCreate2D, 24) { $0 & 0x7fff_ffff }),
    Row(
      "backing of one entry",
      ["gpu.backing-in-many-pieces", "gpu.picture-of-scattered-backing"],
      seeing(Request.resourceAttachBacking, 28) { _ in 1 }),
    Row(
      "transfers of nothing",
      [
        "gpu.picture-of-partial-transfers", "gpu.pageflip-pictures", "gpu.fence-means-finished",
        "gpu.picture-outlives-its-backing", "gpu.scanout-shows-its-rectangle",
      ],
      seeing(Request.transferToHost2D, 32) { _ in 0 }),
    Row(
      "transfers from the start of the backing", ["gpu.picture-of-partial-transfers"],
      seeing(Request.transferToHost2D, 40) { _ in 0 }),
    Row(
      "transfers of a line", ["gpu.picture-of-partial-transfers"],
      seeing(Request.transferToHost2D, 36) { min($0, 1) }),
    Row(
      "flushes of a line", ["gpu.picture-of-partial-flushes", "gpu.several-heads-pictures"],
      seeing(Request.resourceFlush, 36) { min($0, 1) }),
  ]

  static let outputs: [Row] = [
    Row(
      "scanouts from the left edge", ["gpu.scanout-shows-its-rectangle", "gpu.scanout-not-covered"],
      seeing(Request.setScanout, 24) { _ in 0 }),
    Row(
      "one scanout", ["gpu.several-heads-pictures", "gpu.scanout-that-does-not-exist"],
      seeing(Request.setScanout, 40) { _ in 0 }),
    Row(
      "scanouts that cannot be disabled",
      ["gpu.disabled-scanout-shows-nothing"],
      Mutation(request: { bytes in
        guard bytes.count >= 48, bytes.field32(at: 0) == Request.setScanout, bytes.field32(at: 44) == 0
        else { return }
        for (field, value) in [(24, 0), (28, 0), (32, 64), (36, 64), (44, 1)] as [(Int, UInt32)] {
          bytes.set(field, value)
        }
      })),
    Row("one EDID", ["gpu.edid-of-no-scanout"], seeing(Request.getEDID, 24) { _ in 0 }),
    Row(
      "moves that set the image", ["gpu.cursor-move-keeps-the-rest"],
      seeing(Request.moveCursor, 0) { _ in Request.updateCursor }),
    Row(
      "moves that stay where they are", ["gpu.cursor-move-keeps-the-rest"],
      seeing(Request.moveCursor, 28) { _ in 1 }),
    Row(
      "one cursor for all scanouts", ["gpu.cursor-of-each-scanout"],
      seeing(Request.updateCursor, 24) { _ in 0 }),
    Row("no hot spot", ["gpu.cursor-image"], seeing(Request.updateCursor, 44) { _ in 0 }),
    Row(
      "a cursor for any scanout", ["gpu.cursor-errors"], seeing(Request.moveCursor, 24) { _ in 0 }),
    Row(
      "cursor commands that are unknown", ["gpu.cursor-responses", "gpu.cursor-image"],
      seeing(Request.updateCursor, 0) { _ in 0x03ff }),
  ]
}

extension [UInt8] {
  /// Writes a field of four bytes.
  fileprivate mutating func set(_ offset: Int, _ value: UInt32) {
    setField(at: offset, width: 4, UInt64(value))
  }
}
