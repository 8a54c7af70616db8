import CSystemHeaders
import GuestDriver
import Testing

/// Requests encoded by the simulator, each field found again where the system's structure has it.
@Suite struct CommandEncodingTests {
  /// A request, the size and type the headers give it, and its fields by their offsets there.
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var command: GPUCommand
    var type: virtio_gpu_ctrl_type
    var size: Int
    var fields: [(offset: Int?, width: Int, value: UInt64)]
    var testDescription: String { name }
  }

  static let rect = GPURect(0x1111_0001, 0x1111_0002, 0x1111_0003, 0x1111_0004)

  static func rectFields(_ start: Int?) -> [(offset: Int?, width: Int, value: UInt64)] {
    [
      (start.map { $0 + MemoryLayout<virtio_gpu_rect>.offset(of: \.x)! }, 4, 0x1111_0001),
      (start.map { $0 + MemoryLayout<virtio_gpu_rect>.offset(of: \.y)! }, 4, 0x1111_0002),
      (start.map { $0 + MemoryLayout<virtio_gpu_rect>.offset(of: \.width)! }, 4, 0x1111_0003),
      (start.map { $0 + MemoryLayout<virtio_gpu_rect>.offset(of: \.height)! }, 4, 0x1111_0004),
    ]
  }

  static let rows: [Row] = [
    Row(
      name: "GET_DISPLAY_INFO", command: .getDisplayInfo, type: VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
      size: MemoryLayout<virtio_gpu_ctrl_hdr>.size, fields: []),
    Row(
      name: "GET_EDID", command: .getEDID(scanout: 7), type: VIRTIO_GPU_CMD_GET_EDID,
      size: MemoryLayout<virtio_gpu_cmd_get_edid>.size,
      fields: [(MemoryLayout<virtio_gpu_cmd_get_edid>.offset(of: \.scanout), 4, 7)]),
    Row(
      name: "RESOURCE_CREATE_2D", command: .createResource2D(id: 1, format: 2, width: 3, height: 4),
      type: VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, size: MemoryLayout<virtio_gpu_resource_create_2d>.size,
      fields: [
        (MemoryLayout<virtio_gpu_resource_create_2d>.offset(of: \.resource_id), 4, 1),
        (MemoryLayout<virtio_gpu_resource_create_2d>.offset(of: \.format), 4, 2),
        (MemoryLayout<virtio_gpu_resource_create_2d>.offset(of: \.width), 4, 3),
        (MemoryLayout<virtio_gpu_resource_create_2d>.offset(of: \.height), 4, 4),
      ]),
    Row(
      name: "RESOURCE_UNREF", command: .unref(id: 9), type: VIRTIO_GPU_CMD_RESOURCE_UNREF,
      size: MemoryLayout<virtio_gpu_resource_unref>.size,
      fields: [(MemoryLayout<virtio_gpu_resource_unref>.offset(of: \.resource_id), 4, 9)]),
    Row(
      name: "RESOURCE_MAP_BLOB", command: .mapBlob(id: 9, offset: 0x0102_0304_0506_0708),
      type: VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, size: MemoryLayout<virtio_gpu_resource_map_blob>.size,
      fields: [
        (MemoryLayout<virtio_gpu_resource_map_blob>.offset(of: \.resource_id), 4, 9),
        (MemoryLayout<virtio_gpu_resource_map_blob>.offset(of: \.offset), 8, 0x0102_0304_0506_0708),
      ]),
    Row(
      name: "RESOURCE_UNMAP_BLOB", command: .unmapBlob(id: 9), type: VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
      size: MemoryLayout<virtio_gpu_resource_unmap_blob>.size,
      fields: [(MemoryLayout<virtio_gpu_resource_unmap_blob>.offset(of: \.resource_id), 4, 9)]),
    Row(
      name: "SET_SCANOUT", command: .setScanout(rect, scanout: 5, resource: 6),
      type: VIRTIO_GPU_CMD_SET_SCANOUT, size: MemoryLayout<virtio_gpu_set_scanout>.size,
      fields: rectFields(MemoryLayout<virtio_gpu_set_scanout>.offset(of: \.r)) + [
        (MemoryLayout<virtio_gpu_set_scanout>.offset(of: \.scanout_id), 4, 5),
        (MemoryLayout<virtio_gpu_set_scanout>.offset(of: \.resource_id), 4, 6),
      ]),
    Row(
      name: "RESOURCE_FLUSH", command: .flush(rect, resource: 6), type: VIRTIO_GPU_CMD_RESOURCE_FLUSH,
      size: MemoryLayout<virtio_gpu_resource_flush>.size,
      fields: rectFields(MemoryLayout<virtio_gpu_resource_flush>.offset(of: \.r)) + [
        (MemoryLayout<virtio_gpu_resource_flush>.offset(of: \.resource_id), 4, 6)
      ]),
    Row(
      name: "TRANSFER_TO_HOST_2D",
      command: .transferToHost2D(rect, offset: 0x1234_5678_9abc_def0, resource: 6),
      type: VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, size: MemoryLayout<virtio_gpu_transfer_to_host_2d>.size,
      fields: rectFields(MemoryLayout<virtio_gpu_transfer_to_host_2d>.offset(of: \.r)) + [
        (MemoryLayout<virtio_gpu_transfer_to_host_2d>.offset(of: \.offset), 8, 0x1234_5678_9abc_def0),
        (MemoryLayout<virtio_gpu_transfer_to_host_2d>.offset(of: \.resource_id), 4, 6),
      ]),
    Row(
      name: "RESOURCE_ATTACH_BACKING",
      command: .attachBacking(
        id: 6, [GPUMemoryEntry(address: 1, length: 2), GPUMemoryEntry(address: 0x1_0000_0003, length: 4)]),
      type: VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
      size: MemoryLayout<virtio_gpu_resource_attach_backing>.size + 2
        * MemoryLayout<virtio_gpu_mem_entry>.size,
      fields: [
        (MemoryLayout<virtio_gpu_resource_attach_backing>.offset(of: \.resource_id), 4, 6),
        (MemoryLayout<virtio_gpu_resource_attach_backing>.offset(of: \.nr_entries), 4, 2),
        (MemoryLayout<virtio_gpu_resource_attach_backing>.size, 8, 1),
        (
          MemoryLayout<virtio_gpu_resource_attach_backing>.size
            + MemoryLayout<virtio_gpu_mem_entry>.offset(of: \.length)!, 4, 2
        ),
        (
          MemoryLayout<virtio_gpu_resource_attach_backing>.size + MemoryLayout<virtio_gpu_mem_entry>.size, 8,
          0x1_0000_0003
        ),
      ]),
    Row(
      name: "RESOURCE_DETACH_BACKING", command: .detachBacking(id: 6),
      type: VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
      size: MemoryLayout<virtio_gpu_resource_detach_backing>.size,
      fields: [(MemoryLayout<virtio_gpu_resource_detach_backing>.offset(of: \.resource_id), 4, 6)]),
    Row(
      name: "GET_CAPSET_INFO", command: .getCapsetInfo(index: 3), type: VIRTIO_GPU_CMD_GET_CAPSET_INFO,
      size: MemoryLayout<virtio_gpu_get_capset_info>.size,
      fields: [(MemoryLayout<virtio_gpu_get_capset_info>.offset(of: \.capset_index), 4, 3)]),
    Row(
      name: "GET_CAPSET", command: .getCapset(id: 3, version: 4), type: VIRTIO_GPU_CMD_GET_CAPSET,
      size: MemoryLayout<virtio_gpu_get_capset>.size,
      fields: [
        (MemoryLayout<virtio_gpu_get_capset>.offset(of: \.capset_id), 4, 3),
        (MemoryLayout<virtio_gpu_get_capset>.offset(of: \.capset_version), 4, 4),
      ]),
    Row(
      name: "RESOURCE_ASSIGN_UUID", command: .assignUUID(id: 3), type: VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
      size: MemoryLayout<virtio_gpu_resource_assign_uuid>.size,
      fields: [(MemoryLayout<virtio_gpu_resource_assign_uuid>.offset(of: \.resource_id), 4, 3)]),
    Row(
      name: "RESOURCE_CREATE_BLOB",
      command: .createBlob(id: 1, memory: 2, flags: 3, blobID: 0x4_0000_0004, size: 0x5_0000_0005, []),
      type: VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, size: MemoryLayout<virtio_gpu_resource_create_blob>.size,
      fields: [
        (MemoryLayout<virtio_gpu_resource_create_blob>.offset(of: \.blob_mem), 4, 2),
        (MemoryLayout<virtio_gpu_resource_create_blob>.offset(of: \.blob_flags), 4, 3),
        (MemoryLayout<virtio_gpu_resource_create_blob>.offset(of: \.nr_entries), 4, 0),
        (MemoryLayout<virtio_gpu_resource_create_blob>.offset(of: \.blob_id), 8, 0x4_0000_0004),
        (MemoryLayout<virtio_gpu_resource_create_blob>.offset(of: \.size), 8, 0x5_0000_0005),
      ]),
    Row(
      name: "SET_SCANOUT_BLOB",
      command: .setScanoutBlob(
        rect, scanout: 1, resource: 2, width: 3, height: 4, format: 5, stride: 6, offset: 7),
      type: VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, size: MemoryLayout<virtio_gpu_set_scanout_blob>.size,
      fields: rectFields(MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.r)) + [
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.scanout_id), 4, 1),
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.resource_id), 4, 2),
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.width), 4, 3),
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.height), 4, 4),
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.format), 4, 5),
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.strides), 4, 6),
        (MemoryLayout<virtio_gpu_set_scanout_blob>.offset(of: \.offsets), 4, 7),
      ]),
    Row(
      name: "UPDATE_CURSOR",
      command: .updateCursor(scanout: 1, x: 2, y: 3, resource: 4, hotX: 5, hotY: 6),
      type: VIRTIO_GPU_CMD_UPDATE_CURSOR, size: MemoryLayout<virtio_gpu_update_cursor>.size,
      fields: cursorFields + [
        (MemoryLayout<virtio_gpu_update_cursor>.offset(of: \.hot_x), 4, 5),
        (MemoryLayout<virtio_gpu_update_cursor>.offset(of: \.hot_y), 4, 6),
      ]),
    Row(
      name: "MOVE_CURSOR", command: .moveCursor(scanout: 1, x: 2, y: 3, resource: 4),
      type: VIRTIO_GPU_CMD_MOVE_CURSOR, size: MemoryLayout<virtio_gpu_update_cursor>.size,
      fields: cursorFields),
  ]

  static let cursorFields: [(offset: Int?, width: Int, value: UInt64)] = {
    let position = MemoryLayout<virtio_gpu_update_cursor>.offset(of: \.pos)!
    return [
      (position + MemoryLayout<virtio_gpu_cursor_pos>.offset(of: \.scanout_id)!, 4, 1),
      (position + MemoryLayout<virtio_gpu_cursor_pos>.offset(of: \.x)!, 4, 2),
      (position + MemoryLayout<virtio_gpu_cursor_pos>.offset(of: \.y)!, 4, 3),
      (MemoryLayout<virtio_gpu_update_cursor>.offset(of: \.resource_id), 4, 4),
    ]
  }()

  @Test(arguments: rows) func `a request has the system's layout`(_ row: Row) throws {
    let bytes = row.command.encoded(
      GPUHeader(type: 0, flags: 3, fenceID: 0x0102_0304_0506_0708, contextID: 0x1122_3344, ringIndex: 9))
    typealias Header = MemoryLayout<virtio_gpu_ctrl_hdr>
    #expect(bytes.count == row.size)
    #expect(bytes.field(at: try #require(Header.offset(of: \.type)), width: 4) == UInt64(row.type.rawValue))
    #expect(bytes.field(at: try #require(Header.offset(of: \.flags)), width: 4) == 3)
    #expect(bytes.field(at: try #require(Header.offset(of: \.fence_id)), width: 8) == 0x0102_0304_0506_0708)
    #expect(bytes.field(at: try #require(Header.offset(of: \.ctx_id)), width: 4) == 0x1122_3344)
    #expect(bytes.field(at: try #require(Header.offset(of: \.ring_idx)), width: 1) == 9)
    for field in row.fields {
      #expect(bytes.field(at: try #require(field.offset), width: field.width) == field.value)
    }
  }

  @Test func `a display information answer is read at the system's offsets`() throws {
    typealias One = MemoryLayout<virtio_gpu_display_one>
    var bytes = [UInt8](repeating: 0, count: MemoryLayout<virtio_gpu_resp_display_info>.size)
    bytes.setField(at: 0, width: 4, UInt64(VIRTIO_GPU_RESP_OK_DISPLAY_INFO.rawValue))
    let first = try #require(MemoryLayout<virtio_gpu_resp_display_info>.offset(of: \.pmodes))
    let at = first + 15 * One.stride
    bytes.setField(at: at + MemoryLayout<virtio_gpu_rect>.offset(of: \.width)!, width: 4, 1920)
    bytes.setField(at: at + MemoryLayout<virtio_gpu_rect>.offset(of: \.y)!, width: 4, 17)
    bytes.setField(at: at + One.offset(of: \.enabled)!, width: 4, 1)
    bytes.setField(at: at + One.offset(of: \.flags)!, width: 4, 5)
    let displays = try #require(GPUReply(usedLength: UInt32(bytes.count), room: bytes).displays)
    #expect(displays.count == 16)
    #expect(displays[15] == .init(rect: GPURect(0, 17, 1920, 0), isEnabled: true, flags: 5))
    #expect(GPUReply(usedLength: UInt32(bytes.count - 1), room: bytes).displays == nil)
  }

  @Test func `a UUID answer is read at the system's offsets`() throws {
    typealias Layout = MemoryLayout<virtio_gpu_resp_resource_uuid>
    var bytes = [UInt8](repeating: 0, count: Layout.size)
    bytes.setField(at: 0, width: 4, UInt64(VIRTIO_GPU_RESP_OK_RESOURCE_UUID.rawValue))
    let start = try #require(Layout.offset(of: \.uuid))
    for index in 0..<16 { bytes[start + index] = UInt8(index + 1) }
    #expect(GPUReply(usedLength: UInt32(bytes.count), room: bytes).uuid == Array(1...16))
    #expect(GPUReply(usedLength: UInt32(bytes.count - 1), room: bytes).uuid == nil)
  }

  @Test func `an EDID answer is read at the system's offsets`() throws {
    typealias Layout = MemoryLayout<virtio_gpu_resp_edid>
    var bytes = [UInt8](repeating: 0, count: Layout.size)
    bytes.setField(at: 0, width: 4, UInt64(VIRTIO_GPU_RESP_OK_EDID.rawValue))
    bytes.setField(at: try #require(Layout.offset(of: \.size)), width: 4, 3)
    bytes.setField(at: try #require(Layout.offset(of: \.edid)), width: 4, 0x0403_0201)
    #expect(GPUReply(usedLength: UInt32(bytes.count), room: bytes).edid == [1, 2, 3])
    bytes.setField(at: try #require(Layout.offset(of: \.size)), width: 4, 1025)
    #expect(GPUReply(usedLength: UInt32(bytes.count), room: bytes).edid == nil)
  }
}
