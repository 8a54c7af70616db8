import GuestDriver

/// What the GPU shows: transfers, flushes, scanouts, cursors.
extension SeededFault {
  private typealias Request = GPULayout.Request
  private typealias Response = GPULayout.Response

  static let pictureFaults: [SeededFault] = [
    SeededFault(
      "gpu.red-for-blue", caughtBy: "gpu.picture-of-every-format",
      .asks(Request.resourceCreate2D, 28) { _, format in format == 67 ? 1 : format }),
    SeededFault(
      "gpu.first-entries-are-swapped", caughtBy: "gpu.picture-of-scattered-backing",
      .offered { _, chain in
        var request = chain.request
        guard request.field32(at: 0) == Request.resourceAttachBacking, request.count >= 64 else { return }
        // The addresses of entries 0 and 1.
        let first = request.field64(at: 32)
        request.setField(at: 32, width: 8, request.field64(at: 48))
        request.setField(at: 48, width: 8, first)
        chain.request = request
      }),
    SeededFault(
      "gpu.transfer-ignores-its-offset", caughtBy: "gpu.picture-of-partial-transfers",
      .asks(Request.transferToHost2D, 40) { _, _ in 0 }),
    SeededFault(
      "gpu.transfer-is-a-pixel-to-the-left", caughtBy: "gpu.picture-of-partial-transfers",
      .asks(Request.transferToHost2D, 24) { _, x in x > 0 ? x - 1 : 0 }),
    SeededFault(
      "gpu.transfer-of-one-pixel", caughtBy: "gpu.fence-means-finished",
      and: ["gpu.picture-outlives-its-backing"],
      .asks(Request.transferToHost2D, 32) { _, _ in 1 },
      .asks(Request.transferToHost2D, 36) { _, _ in 1 }),
    SeededFault(
      "gpu.flush-of-one-pixel", caughtBy: "gpu.picture-of-partial-flushes",
      and: ["gpu.several-heads-pictures"],
      .asks(Request.resourceFlush, 32) { _, _ in 1 },
      .asks(Request.resourceFlush, 36) { _, _ in 1 }),
  ]

  static let scanoutFaults: [SeededFault] = [
    SeededFault(
      "gpu.scanout-takes-whole-resources-only", caughtBy: "gpu.scanout-inside-the-resource",
      .answer(Request.setScanout) { _, request, answer in
        guard request.field32(at: 24) != 0 else { return }
        answer.setField(at: 0, width: 4, UInt64(Response.invalidParameter))
      }),
    SeededFault(
      "gpu.scanout-is-not-checked", caughtBy: "gpu.scanout-not-covered",
      and: ["gpu.scanout-that-does-not-exist"],
      .answers(Request.setScanout, with: Response.okNoData)),
    SeededFault(
      "gpu.scanout-from-the-left-edge", caughtBy: "gpu.scanout-shows-its-rectangle",
      .asks(Request.setScanout, 24) { _, _ in 0 }),
    SeededFault(
      "gpu.unused-scanout-cannot-be-disabled", caughtBy: "gpu.scanout-disabled",
      .answer(Request.setScanout) { function, request, answer in
        let isDisabling = request.field32(at: 44) == 0
        if isDisabling, function.tally == 0 {
          answer.setField(at: 0, width: 4, UInt64(Response.invalidScanoutID))
        }
        function.tally = isDisabling ? 0 : 1
      }),
    SeededFault(
      "gpu.scanout-stays-on", caughtBy: "gpu.disabled-scanout-shows-nothing",
      .offered { _, chain in
        var request = chain.request
        guard request.field32(at: 0) == Request.setScanout, request.field32(at: 44) == 0 else { return }
        // Scanout 15 does not exist; the answer is changed below.
        request.setField(at: 40, width: 4, 15)
        chain.request = request
      },
      .answers(Request.setScanout, with: Response.okNoData)),
    SeededFault(
      "gpu.one-framebuffer-in-its-life", caughtBy: "gpu.pageflip",
      .answer(Request.setScanout) { function, request, answer in
        let resource = UInt64(request.field32(at: 44))
        if function.tally == 0 { function.tally = resource }
        guard resource != function.tally else { return }
        answer.setField(at: 0, width: 4, UInt64(Response.invalidResourceID))
      }),
    SeededFault(
      "gpu.first-framebuffer-stays", caughtBy: "gpu.pageflip-pictures",
      .asks(Request.setScanout, 44) { function, resource in
        if function.tally == 0 { function.tally = UInt64(resource) }
        return UInt32(truncatingIfNeeded: function.tally)
      }),
    SeededFault(
      "gpu.one-head-for-a-framebuffer", caughtBy: "gpu.several-heads",
      .answer(Request.setScanout) { _, request, answer in
        guard request.field32(at: 40) != 0 else { return }
        answer.setField(at: 0, width: 4, UInt64(Response.invalidScanoutID))
      }),
    SeededFault(
      "gpu.everything-on-the-first-head", caughtBy: "gpu.several-heads-pictures",
      .asks(Request.setScanout, 40) { _, _ in 0 }),
  ]

  static let cursorFaults: [SeededFault] = [
    SeededFault(
      "gpu.cursor-answer-without-room", caughtBy: "gpu.cursor-commands-are-used",
      .used { _, buffer in if buffer.queue == 1 { buffer.length = 24 } }),
    SeededFault(
      "gpu.cursor-move-is-unknown", caughtBy: "gpu.cursor-responses",
      .asks(Request.moveCursor, 0) { _, _ in 0x03ff }),
    SeededFault(
      "gpu.cursor-on-any-scanout", caughtBy: "gpu.cursor-errors",
      .asks(Request.moveCursor, 24) { _, scanout in scanout % 2 }),
    SeededFault(
      "gpu.one-cursor-for-all-scanouts", caughtBy: "gpu.cursor-of-each-scanout",
      .asks(Request.moveCursor, 24) { _, _ in 0 }, .asks(Request.updateCursor, 24) { _, _ in 0 }),
    SeededFault(
      "gpu.cursor-of-no-image", caughtBy: "gpu.cursor-image",
      .asks(Request.updateCursor, 40) { _, _ in 0 }),
    SeededFault(
      "gpu.hot-spot-is-turned", caughtBy: "gpu.cursor-image",
      .offered { _, chain in
        var request = chain.request
        guard request.field32(at: 0) == Request.updateCursor, request.count >= 52 else { return }
        let x = request.field32(at: 44)
        request.setField(at: 44, width: 4, UInt64(request.field32(at: 48)))
        request.setField(at: 48, width: 4, UInt64(x))
        chain.request = request
      }),
    SeededFault(
      "gpu.move-sets-the-image", caughtBy: "gpu.cursor-move-keeps-the-rest",
      .asks(Request.moveCursor, 0) { _, _ in Request.updateCursor }),
    SeededFault(
      "gpu.move-stays-where-it-is", caughtBy: "gpu.cursor-move-keeps-the-rest",
      .asks(Request.moveCursor, 28) { _, _ in 1 }),
  ]
}
