import Conformance
import GuestDriver

/// Requests, responses and fences of the GPU.
extension SeededFault {
  private typealias Request = GPULayout.Request
  private typealias Response = GPULayout.Response

  static let gpuFaults: [SeededFault] =
    fenceFaults + answerFaults + displayFaults + resourceFaults + pictureFaults + scanoutFaults + blobFaults
    + cursorFaults

  private static let fenceFaults: [SeededFault] = [
    SeededFault(
      "gpu.fence-flag-is-lost", caughtBy: "gpu.fence-comes-back",
      .answer { _, _, answer in answer.setField(at: 4, width: 4, 0) }),
    SeededFault(
      "gpu.fence-id-of-32-bits", caughtBy: "gpu.fence-comes-back",
      .answer { _, _, answer in answer.setField(at: 12, width: 4, 0) }),
    SeededFault(
      "gpu.errors-have-no-fence", caughtBy: "gpu.fence-of-an-error",
      .answer { _, _, answer in
        if answer.isError { answer.setField(at: 4, width: 4, 0) }
      }),
    SeededFault(
      "gpu.fence-of-the-request-before", caughtBy: "gpu.fences-in-one-batch",
      .answer { function, _, answer in
        let before = function.tally
        function.tally = answer.field64(at: 8)
        if before != 0 { answer.setField(at: 8, width: 8, before) }
      }),
    SeededFault(
      "gpu.fence-of-a-ring-is-lost", caughtBy: "gpu.ring-index-without-contexts",
      .answer { _, request, answer in
        if request.field32(at: 4) & GPULayout.ringIndexFlag != 0 { answer.setField(at: 4, width: 8, 0) }
      }),
    SeededFault(
      "gpu.cursor-fences-are-lost", caughtBy: "gpu.cursor-fences",
      .answer { _, request, answer in
        if request.isCursorRequest { answer.setField(at: 4, width: 8, 0) }
      }),
  ]

  private static let answerFaults: [SeededFault] = [
    SeededFault(
      "gpu.detach-is-answered-with-an-error", caughtBy: "gpu.success-without-payload",
      .answers(Request.resourceDetachBacking, with: Response.unspecified)),
    SeededFault(
      "gpu.payload-nobody-asked-for", caughtBy: "gpu.success-without-payload",
      .used { _, buffer in
        if buffer.chain?.request.field32(at: 0) == Request.resourceUnref { buffer.length = 28 }
      }),
    SeededFault(
      "gpu.unknown-type-succeeds", caughtBy: "gpu.error-for-unknown-types",
      .answer { _, request, answer in
        if request.field32(at: 0) >= 0x0400 { answer.setField(at: 0, width: 4, UInt64(Response.okNoData)) }
      }),
    SeededFault(
      "gpu.blobs-without-feature", caughtBy: "gpu.error-for-what-is-not-offered", on: .gpuWithoutBlobs,
      .answers(Request.resourceCreateBlob, with: Response.okNoData)),
    SeededFault(
      "gpu.maps-what-is-no-host-memory", caughtBy: "gpu.blob-of-guest-memory-is-not-mapped",
      on: .gpuWithHostVisibleMemory, .answers(Request.resourceMapBlob, with: Response.okNoData)),
    SeededFault(
      "gpu.header-alone-succeeds", caughtBy: "gpu.error-for-short-requests",
      .answer { _, request, answer in
        guard request.count == GPULayout.headerSize, request.field32(at: 0) == Request.resourceUnref else {
          return
        }
        answer.setField(at: 0, width: 4, UInt64(Response.okNoData))
      }),
    SeededFault(
      "gpu.wants-context-0", caughtBy: "gpu.context-means-nothing-in-2d",
      .answer { _, request, answer in
        if request.field32(at: 16) != 0 {
          answer.setField(at: 0, width: 4, UInt64(Response.invalidContextID))
        }
      }),
    SeededFault(
      "gpu.requests-in-three-descriptors", caughtBy: "gpu.requests-in-pieces",
      .used { _, buffer in
        guard let chain = buffer.chain, chain.entries.count > 3 else { return }
        chain.response = [UInt8](repeating: 0, count: chain.response.count)
      }),
    SeededFault(
      "gpu.no-type-of-an-error", caughtBy: "gpu.open-transfers",
      and: [
        "gpu.open-backing-again", "gpu.open-backing-outside-memory", "gpu.open-backing-too-short",
        "gpu.open-cursor-sizes", "gpu.open-entries-missing", "gpu.open-flushes", "gpu.open-resources",
        "gpu.open-wrong-queue",
      ],
      .answer { _, _, answer in
        if answer.isError { answer.setField(at: 0, width: 4, 0x12ff) }
      }),
    SeededFault(
      "gpu.no-type-of-an-answer", caughtBy: "gpu.open-unref-of-what-is-shown",
      .answers(Request.resourceUnref, with: 0x12ff)),
    SeededFault(
      "gpu.deaf-cursor-queue", caughtBy: "gpu.both-queues",
      .ignoresWrites(.doorbellOfQueue1)),
  ]

  private static let displayFaults: [SeededFault] = [
    SeededFault(
      "gpu.big-endian-configuration", caughtBy: "gpu.scanout-count",
      .read(.device(GPULayout.Config.scanoutCount)) { $1 << 24 }),
    SeededFault(
      "gpu.no-scanout", caughtBy: "gpu.scanout-count", .reads(.device(GPULayout.Config.scanoutCount), as: 0)),
    SeededFault(
      "gpu.event-cannot-be-cleared", caughtBy: "gpu.events-clear",
      .reads(.device(GPULayout.Config.eventsRead), as: 1)),
    SeededFault(
      "gpu.event-is-cleared-by-a-zero", caughtBy: "gpu.display-event", on: .changingGPU,
      .write(.device(GPULayout.Config.eventsClear)) { _, _ in 1 }),
    SeededFault(
      "gpu.event-is-cleared-when-read", caughtBy: "gpu.display-event", on: .changingGPU,
      .read(.device(GPULayout.Config.eventsRead)) { function, value in
        defer { function.tally = value }
        return function.tally == value ? 0 : value
      }),
    SeededFault(
      "gpu.display-info-as-an-edid", caughtBy: "gpu.display-info",
      .answers(Request.getDisplayInfo, with: Response.okEDID)),
    SeededFault(
      "gpu.enabled-without-a-size", caughtBy: "gpu.display-info",
      .answer(Request.getDisplayInfo) { _, _, answer in answer.setField(at: 24 + 8, width: 8, 0) }),
    SeededFault(
      "gpu.third-of-two-scanouts", caughtBy: "gpu.display-info",
      .answer(Request.getDisplayInfo) { _, _, answer in
        let first = Array(answer[24..<48])
        answer.replaceSubrange(72..<96, with: first)
      }),
    SeededFault(
      "gpu.display-info-of-the-other-scanout", caughtBy: "gpu.edid-preferred-mode",
      .answer(Request.getDisplayInfo) { _, _, answer in
        let first = Array(answer[24..<48]), second = Array(answer[48..<72])
        answer.replaceSubrange(24..<72, with: second + first)
      }),
    SeededFault(
      "gpu.edid-of-the-first-scanout", caughtBy: "gpu.edid-preferred-mode",
      .asks(Request.getEDID, 24) { _, _ in 0 }),
    SeededFault(
      "gpu.edid-with-a-wrong-sum", caughtBy: "gpu.edid-is-one",
      .answer(Request.getEDID) { _, _, answer in answer[32 + 127] &+= 1 }),
    SeededFault(
      "gpu.edid-block-is-missing", caughtBy: "gpu.edid-is-one",
      .answer(Request.getEDID) { _, _, answer in answer.setField(at: 24, width: 4, 64) }),
    SeededFault(
      "gpu.edid-of-any-scanout", caughtBy: "gpu.edid-of-no-scanout",
      .asks(Request.getEDID, 24) { _, scanout in scanout % 2 }),
  ]

  private static let resourceFaults: [SeededFault] = [
    SeededFault(
      "gpu.format-is-refused", caughtBy: "gpu.create-every-format",
      .asks(Request.resourceCreate2D, 28) { _, format in format == 134 ? 135 : format }),
    SeededFault(
      "gpu.format-0-is-accepted", caughtBy: "gpu.create-without-format",
      .asks(Request.resourceCreate2D, 28) { _, format in format == 0 ? 1 : format }),
    SeededFault(
      "gpu.no-lines-of-one-pixel", caughtBy: "gpu.create-every-format",
      .asks(Request.resourceCreate2D, 32) { _, width in width == 1 ? 0 : width }),
    SeededFault(
      "gpu.resource-ids-of-31-bits", caughtBy: "gpu.any-resource-id",
      .asks(Request.resourceCreate2D, 24) { _, id in id & 0x7fff_ffff }),
    SeededFault(
      "gpu.unref-keeps-the-resource", caughtBy: "gpu.unref-destroys",
      .asks(Request.resourceUnref, 0) { _, _ in Request.resourceDetachBacking }),
    SeededFault(
      "gpu.resource-id-is-used-up", caughtBy: "gpu.unref-destroys",
      .answer(Request.resourceUnref) { function, request, _ in
        function.tally = UInt64(request.field32(at: 24))
      },
      .answer(Request.resourceCreate2D) { function, request, answer in
        guard function.tally == UInt64(request.field32(at: 24)) else { return }
        answer.setField(at: 0, width: 4, UInt64(Response.invalidResourceID))
      }),
    SeededFault(
      "gpu.flush-of-no-resource-succeeds", caughtBy: "gpu.resource-that-does-not-exist",
      .answers(Request.resourceFlush, with: Response.okNoData)),
    SeededFault(
      "gpu.backing-of-100-entries-at-most", caughtBy: "gpu.backing-in-many-pieces",
      .asks(Request.resourceAttachBacking, 28) { _, count in min(count, 100) }),
    SeededFault(
      "gpu.transfer-without-backing-succeeds", caughtBy: "gpu.transfer-needs-backing",
      .answers(Request.transferToHost2D, with: Response.okNoData)),
    SeededFault(
      "gpu.transfers-of-lines-fail", caughtBy: "gpu.transfer-of-any-rectangle",
      .answer(Request.transferToHost2D) { _, request, answer in
        guard request.field32(at: 36) == 1 else { return }
        answer.setField(at: 0, width: 4, UInt64(Response.invalidParameter))
      }),
    SeededFault(
      "gpu.flush-at-the-edge-fails", caughtBy: "gpu.flush-of-any-rectangle",
      .asks(Request.resourceFlush, 32) { _, width in width + 1 }),
  ]
}

extension FaultEffect {
  /// Changes the answer to each request that has room for one: the request and the answer, both whole.
  static func answer(
    _ change: @escaping @Sendable (FaultyFunction, [UInt8], inout [UInt8]) -> Void
  ) -> FaultEffect {
    .used { function, buffer in
      guard let chain = buffer.chain else { return }
      var answer = chain.response
      guard answer.count >= GPULayout.headerSize else { return }
      change(function, chain.request, &answer)
      chain.response = answer
    }
  }

  /// Changes the answer to each request of a type.
  static func answer(
    _ type: UInt32, _ change: @escaping @Sendable (FaultyFunction, [UInt8], inout [UInt8]) -> Void
  ) -> FaultEffect {
    .answer { function, request, answer in
      if request.field32(at: 0) == type { change(function, request, &answer) }
    }
  }

  /// Gives every answer to a request of a type this type.
  static func answers(_ type: UInt32, with response: UInt32) -> FaultEffect {
    .answer(type) { _, _, answer in answer.setField(at: 0, width: 4, UInt64(response)) }
  }

  /// Changes a 4-byte field of each request of a type before the device sees it.
  static func asks(
    _ type: UInt32, _ field: Int, _ change: @escaping @Sendable (FaultyFunction, UInt32) -> UInt32
  ) -> FaultEffect {
    .offered { function, chain in
      var request = chain.request
      guard request.count >= field + 4, request.field32(at: 0) == type else { return }
      request.setField(at: field, width: 4, UInt64(change(function, request.field32(at: field))))
      chain.request = request
    }
  }
}

extension [UInt8] {
  /// Of one of the VIRTIO_GPU_RESP_ERR_ types.
  fileprivate var isError: Bool { field32(at: 0) >= GPULayout.Response.unspecified }

  /// UPDATE_CURSOR or MOVE_CURSOR.
  fileprivate var isCursorRequest: Bool {
    [GPULayout.Request.updateCursor, GPULayout.Request.moveCursor].contains(field32(at: 0))
  }
}
