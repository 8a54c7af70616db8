import FrontEndAPI
import ScanoutDevice

/// What a GPU has of its own.
extension DeviceReport {
  static func gpu(_ gpu: GPUSnapshot, _ refusals: [RefusalKind: UInt64]) -> ReportNode.Fields {
    let display = gpu.display
    let resources = display.resources.sorted { $0.id < $1.id }
    return [
      ("memory_used", .number(display.memoryInUse)), ("memory_limit", .number(display.limits.memory)),
      ("resources_limit", .count(display.limits.maxResources)),
      ("front_ends", .names(display.frontEnds.map { "\($0)" })),
      ("requests", .counts(gpu.requests.map { ($0.name, $0.count) })),
      ("fenced_requests", .number(gpu.fencedRequests)),
      ("error_responses", .counts(gpu.errors.map { ($0.name, $0.count) })),
      (
        "refused_requests",
        .counts(
          RefusalKind.allCases.compactMap { kind in refusals[kind].map { (snakeCase("\(kind)"), $0) } })
      ),
      ("outputs", .rows(display.outputs.enumerated().map(output))),
      (
        "cursors",
        .rows(display.outputs.enumerated().map { index, output in cursor(index, output.cursor) })
      ),
      ("resources", .rows(resources.map(resource))),
    ]
  }

  private static func output(_ index: Int, _ output: OutputSnapshot) -> ReportNode.Fields {
    let preference = output.preference, scanout = output.scanout, layout = scanout?.layout
    return [
      ("output", .count(index)),
      (
        "preferred",
        .text("\(preference.mode.width)x\(preference.mode.height)+\(preference.x)+\(preference.y)")
      ),
      ("enabled", .flag(preference.isEnabled)), ("resource", .count(scanout?.resource)),
      (
        "rectangle",
        scanout.map {
          .text("\($0.rectangle.width)x\($0.rectangle.height)+\($0.rectangle.x)+\($0.rectangle.y)")
        }
          ?? .absent
      ),
      ("blob_format", layout.map { .text($0.format) } ?? .absent),
      ("blob_size", layout.map { .text("\($0.width)x\($0.height)") } ?? .absent),
      ("blob_stride", .count(layout?.stride)), ("blob_offset", .count(layout?.offset)),
    ]
  }

  private static func cursor(_ index: Int, _ cursor: CursorSnapshot) -> ReportNode.Fields {
    let image = cursor.image
    return [
      ("output", .count(index)), ("visible", .flag(image != nil)), ("x", .signed(Int(cursor.x))),
      ("y", .signed(Int(cursor.y))), ("size", image.map { .text("\($0.width)x\($0.height)") } ?? .absent),
      ("hot_x", .count(image?.hotX)), ("hot_y", .count(image?.hotY)), ("resource", .count(image?.resource)),
    ]
  }

  private static func resource(_ resource: ResourceSnapshot) -> ReportNode.Fields {
    let kind: String, format: ReportNode, size: ReportNode
    switch resource.kind {
    case .picture(let channels, let width, let height):
      (kind, format, size) = ("2d", .text(channels), .text("\(width)x\(height)"))
    case .blob: (kind, format, size) = ("blob", .absent, .absent)
    }
    return [
      ("resource", .count(resource.id)), ("kind", .text(kind)), ("format", format), ("size", size),
      ("bytes", .number(resource.byteCount)), ("backing_bytes", .count(resource.backingByteCount)),
      ("backing_ranges", .count(resource.backingRangeCount)),
      ("uuid", resource.uuid.map { .text($0) } ?? .absent),
    ]
  }
}
