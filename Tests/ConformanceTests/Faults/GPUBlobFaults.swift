import GuestDriver

/// Blobs of guest memory, and names for resources.
extension SeededFault {
  private typealias Request = GPULayout.Request
  private typealias Response = GPULayout.Response

  static let blobFaults: [SeededFault] = [
    SeededFault(
      "gpu.alignment-of-three-pages", caughtBy: "gpu.blob-alignment",
      .reads(.device(GPULayout.Config.blobAlignment), as: 0x3000)),
    SeededFault(
      "gpu.uuid-of-the-device", caughtBy: "gpu.uuid-of-a-resource",
      .answer(Request.resourceAssignUUID) { _, _, answer in
        if answer.count >= 40 { answer.setField(at: 24, width: 8, 1); answer.setField(at: 32, width: 8, 1) }
      }),
    SeededFault(
      "gpu.uuid-of-the-moment", caughtBy: "gpu.uuid-of-a-resource",
      .answer(Request.resourceAssignUUID) { function, _, answer in
        function.tally += 1
        answer.setField(at: 24, width: 8, function.tally)
      }),
    SeededFault(
      "gpu.uuid-of-nothing", caughtBy: "gpu.uuid-of-no-resource",
      .answers(Request.resourceAssignUUID, with: Response.okResourceUUID)),
    SeededFault(
      "gpu.blob-without-pages-is-refused", caughtBy: "gpu.blob-in-its-life",
      .answer(Request.resourceCreateBlob) { _, request, answer in
        guard request.field32(at: 36) == 0 else { return }
        answer.setField(at: 0, width: 4, UInt64(Response.unspecified))
      }),
    SeededFault(
      "gpu.any-blob-is-of-guest-memory", caughtBy: "gpu.blob-of-host-memory",
      .asks(Request.resourceCreateBlob, 28) { _, _ in 1 }),
    SeededFault(
      "gpu.blob-scanout-is-not-checked", caughtBy: "gpu.blob-scanout-errors",
      .answers(Request.setScanoutBlob, with: Response.okNoData)),
    SeededFault(
      "gpu.blob-rows-without-gaps", caughtBy: "gpu.blob-picture-of-every-format",
      .asks(Request.setScanoutBlob, 64) { _, stride in stride > 260 ? 260 : stride }),
    SeededFault(
      "gpu.blob-from-its-start", caughtBy: "gpu.blob-picture-of-every-format",
      .asks(Request.setScanoutBlob, 80) { _, _ in 0 }),
    SeededFault(
      "gpu.blob-flush-of-one-pixel", caughtBy: "gpu.blob-picture-after-flushes",
      .asks(Request.resourceFlush, 32) { _, _ in 1 },
      .asks(Request.resourceFlush, 36) { _, _ in 1 }),
    SeededFault(
      "gpu.blob-from-its-corner", caughtBy: "gpu.blob-on-several-heads",
      .asks(Request.setScanoutBlob, 24) { _, _ in 0 }),
  ]
}
