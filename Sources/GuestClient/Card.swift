import CLibDRM
import Glibc
import GuestScene

/// The guest's display device, opened by its master.
final class Card {
  /// A connector and the display engine that feeds it.
  struct Output {
    let connector: UInt32, engine: UInt32
    let type: UInt32, typeIndex: UInt32
    let isConnected: Bool
    let modes: [Mode]
  }

  struct Mode {
    let width: Int, height: Int, rate: Int
    let isPreferred: Bool
  }

  let file: Descriptor
  let name: String

  /// The device that the kernel's display driver made, which may have another number after each binding.
  static var presentName: String? {
    Kernel.names(in: "/dev/dri").first { $0.hasPrefix("card") }
  }

  init() throws(SystemFailure) {
    guard let name = Self.presentName else {
      throw SystemFailure(action: "find a display device in /dev/dri", code: ENODEV)
    }
    self.name = name
    file = try Descriptor(opening: "/dev/dri/\(name)", O_RDWR)
    guard drmSetMaster(file.number) == 0 else { throw .last("become master of \(name)") }
  }

  /// The name and version of the kernel's display driver.
  var driver: String {
    guard let version = unsafe drmGetVersion(file.number) else { return "-" }
    // libdrm owns the record until it is freed below, and terminates its strings.
    defer { unsafe drmFreeVersion(version) }
    guard let name = unsafe version.pointee.name else { return "-" }
    let numbers = unsafe "\(version.pointee.version_major).\(version.pointee.version_minor)"
    return "\(unsafe String(cString: name)) \(numbers)"
  }

  /// All outputs, connected or not, in the kernel's order.
  func outputs() throws(SystemFailure) -> [Output] {
    guard let resources = unsafe drmModeGetResources(file.number) else { throw .last("list the outputs") }
    // libdrm owns the lists until they are freed below; their counts stand beside them.
    defer { unsafe drmModeFreeResources(resources) }
    let engines = unsafe Array(
      UnsafeBufferPointer(start: resources.pointee.crtcs, count: Int(resources.pointee.count_crtcs)))
    let connectors = unsafe Array(
      UnsafeBufferPointer(start: resources.pointee.connectors, count: Int(resources.pointee.count_connectors))
    )
    return connectors.compactMap { output(of: $0, engines) }
  }

  private func output(of id: UInt32, _ engines: [UInt32]) -> Output? {
    guard let connector = unsafe drmModeGetConnector(file.number, id) else { return nil }
    // libdrm owns the lists until they are freed below; their counts stand beside them.
    defer { unsafe drmModeFreeConnector(connector) }
    let encoders = unsafe UnsafeBufferPointer(
      start: connector.pointee.encoders, count: Int(connector.pointee.count_encoders))
    guard let encoder = unsafe encoders.first, let record = unsafe drmModeGetEncoder(file.number, encoder)
    else { return nil }
    defer { unsafe drmModeFreeEncoder(record) }
    let possible = unsafe record.pointee.possible_crtcs.trailingZeroBitCount
    guard engines.indices.contains(possible) else { return nil }
    let modes = unsafe UnsafeBufferPointer(
      start: connector.pointee.modes, count: Int(connector.pointee.count_modes))
    return unsafe Output(
      connector: id, engine: engines[possible], type: connector.pointee.connector_type,
      typeIndex: connector.pointee.connector_type_id,
      isConnected: connector.pointee.connection == DRM_MODE_CONNECTED,
      modes: modes.map {
        Mode(
          width: Int($0.hdisplay), height: Int($0.vdisplay), rate: Int($0.vrefresh),
          isPreferred: $0.type & UInt32(DRM_MODE_TYPE_PREFERRED) != 0)
      })
  }

  /// Shows a frame on an output, in a mode of the frame's size that need not be on the output's list.
  func show(_ buffer: FrameBuffer, on output: Output) throws(SystemFailure) {
    guard let timing = Timing(width: buffer.width, height: buffer.height) else {
      throw SystemFailure(action: "make a mode", code: EINVAL)
    }
    var mode = drmModeModeInfo()
    mode.clock = timing.clock
    (mode.hdisplay, mode.hsync_start, mode.hsync_end, mode.htotal) =
      (timing.columns, timing.syncStart, timing.syncEnd, timing.total)
    (mode.vdisplay, mode.vsync_start, mode.vsync_end, mode.vtotal) =
      (timing.rows, timing.rowSyncStart, timing.rowSyncEnd, timing.rowTotal)
    mode.vrefresh = 60
    mode.type = UInt32(DRM_MODE_TYPE_USERDEF)
    var connector = output.connector
    // One connector and one mode, both of which outlive the call.
    guard unsafe drmModeSetCrtc(file.number, output.engine, buffer.frame, 0, 0, &connector, 1, &mode) == 0
    else { throw .last("show \(buffer.width)x\(buffer.height)") }
  }

  func blank(_ output: Output) throws(SystemFailure) {
    guard drmModeSetCrtc(file.number, output.engine, 0, 0, 0, nil, 0, nil) == 0 else {
      throw .last("turn the output off")
    }
  }

  /// Tells the kernel that a part of a frame has changed.
  func declareDamage(_ area: GuestCommand.Area, of buffer: FrameBuffer) throws(SystemFailure) {
    // The callers' areas lie inside a buffer, whose sides are below 65536.
    var clip = drmModeClip(
      x1: UInt16(area.x), y1: UInt16(area.y), x2: UInt16(area.x + area.width),
      y2: UInt16(area.y + area.height))
    // One clip, and the count says one.
    guard unsafe drmModeDirtyFB(file.number, buffer.frame, &clip, 1) == 0 else {
      throw .last("declare damage")
    }
  }

  /// Changes to another frame and waits for the kernel's word that it is done.
  func flip(to buffer: FrameBuffer, on output: Output) throws(SystemFailure) {
    let flags = UInt32(DRM_MODE_PAGE_FLIP_EVENT)
    guard drmModePageFlip(file.number, output.engine, buffer.frame, flags, nil) == 0 else {
      throw .last("flip")
    }
    guard file.waitToRead(milliseconds: 5000) else {
      throw SystemFailure(action: "wait for the end of the flip", code: ETIMEDOUT)
    }
    // struct drm_event: le32 type, le32 length; a flip's is DRM_EVENT_FLIP_COMPLETE.
    let event = try file.read(1024)
    guard event.count >= 8, event[0] == UInt8(DRM_EVENT_FLIP_COMPLETE) else {
      throw SystemFailure(action: "read the end of the flip", code: EPROTO)
    }
  }

  func setCursor(
    _ image: FrameBuffer, hotX: Int, hotY: Int, on output: Output
  ) throws(SystemFailure) {
    let result = drmModeSetCursor2(
      file.number, output.engine, image.handle, UInt32(image.width), UInt32(image.height), Int32(hotX),
      Int32(hotY))
    guard result == 0 else { throw SystemFailure(action: "set the cursor", code: -result) }
  }

  func moveCursor(x: Int, y: Int, on output: Output) throws(SystemFailure) {
    let result = drmModeMoveCursor(file.number, output.engine, Int32(x), Int32(y))
    guard result == 0 else { throw SystemFailure(action: "move the cursor", code: -result) }
  }

  func hideCursor(on output: Output) throws(SystemFailure) {
    let result = drmModeSetCursor(file.number, output.engine, 0, 0, 0)
    guard result == 0 else { throw SystemFailure(action: "hide the cursor", code: -result) }
  }
}
