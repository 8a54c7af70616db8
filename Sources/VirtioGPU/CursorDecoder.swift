import DisplayModel

/// Turns requests of the cursor queue into display commands (virtio 1.4 §5.7.6.10).
enum CursorDecoder {
  /// Decodes `struct virtio_gpu_update_cursor`, which both requests use; a move ignores all but the position.
  static func decode(_ request: RawSpan, _ type: RequestType) throws(RequestFault) -> DisplayCommand {
    var at = WireCursor(at: ControlHeader.size)
    let output = try at.le32(request)
    // Drivers count to the left and above the picture by wrapping around 0.
    let x = Int32(bitPattern: try at.le32(request)), y = Int32(bitPattern: try at.le32(request))
    let position = CursorPosition(output: output, x: x, y: y)
    guard type == .updateCursor else { return .moveCursor(position) }
    try at.skip(4, request)  // padding
    // Resource 0 hides the cursor.
    let resource = ResourceID(try at.le32(request))
    let hotX = try at.le32(request), hotY = try at.le32(request)
    return .updateCursor(position, resource.map { CursorSource(resource: $0, hotX: hotX, hotY: hotY) })
  }
}
