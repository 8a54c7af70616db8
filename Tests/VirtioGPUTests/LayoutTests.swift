import CVirtioGPUABI
import DisplayModel
import Testing

@testable import VirtioGPU

/// The package's tables against the system's own header.
@Suite struct LayoutTests {
  @Test func `request types have the header's values`() {
    let rows: [(RequestType, virtio_gpu_ctrl_type)] = [
      (.getDisplayInfo, VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
      (.resourceCreate2D, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
      (.resourceUnref, VIRTIO_GPU_CMD_RESOURCE_UNREF), (.setScanout, VIRTIO_GPU_CMD_SET_SCANOUT),
      (.resourceFlush, VIRTIO_GPU_CMD_RESOURCE_FLUSH),
      (.transferToHost2D, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
      (.resourceAttachBacking, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
      (.resourceDetachBacking, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING), (.getEDID, VIRTIO_GPU_CMD_GET_EDID),
      (.resourceAssignUUID, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID),
      (.resourceCreateBlob, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB),
      (.setScanoutBlob, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB),
      (.resourceMapBlob, VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB),
      (.resourceUnmapBlob, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB),
      (.updateCursor, VIRTIO_GPU_CMD_UPDATE_CURSOR), (.moveCursor, VIRTIO_GPU_CMD_MOVE_CURSOR),
    ]
    for (type, value) in rows { #expect(type.rawValue == value.rawValue) }
    #expect(Set(rows.map(\.0)) == Set(RequestType.allCases))
  }

  @Test func `requests have the sizes of the header's structures`() {
    let rows: [(RequestType, Int)] = [
      (.getDisplayInfo, abi_size_header()), (.resourceCreate2D, abi_size_create()),
      (.resourceUnref, abi_size_unref()), (.setScanout, abi_size_set_scanout()),
      (.resourceFlush, abi_size_flush()), (.transferToHost2D, abi_size_transfer()),
      (.resourceAttachBacking, abi_size_attach()), (.resourceDetachBacking, abi_size_detach()),
      (.getEDID, abi_size_get_edid()), (.resourceAssignUUID, abi_size_assign_uuid()),
      (.resourceCreateBlob, abi_size_create_blob()),
      (.setScanoutBlob, abi_size_set_scanout_blob()), (.resourceMapBlob, abi_size_map_blob()),
      (.resourceUnmapBlob, abi_size_unmap_blob()), (.updateCursor, abi_size_cursor()),
      (.moveCursor, abi_size_cursor()),
    ]
    for (type, size) in rows { #expect(type.size == size) }
    #expect(Set(rows.map(\.0)) == Set(RequestType.allCases))
    #expect(RequestType.largestSize == rows.map(\.1).max())
    #expect(RequestDecoder.entrySize == abi_size_entry())
    #expect(RequestType.resourceAttachBacking.entryCount?.offset == abi_attach_nr_entries())
    #expect(RequestType.resourceCreateBlob.entryCount?.offset == abi_create_blob_nr_entries())
    #expect(ControlHeader.size == abi_size_header())
  }

  @Test func `responses have the header's values and sizes`() {
    let rows: [(ResponseType, virtio_gpu_ctrl_type, Int)] = [
      (.noData, VIRTIO_GPU_RESP_OK_NODATA, abi_size_header()),
      (.displayInfo, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, abi_size_display_info()),
      (.edid, VIRTIO_GPU_RESP_OK_EDID, abi_size_edid()),
      (.resourceUUID, VIRTIO_GPU_RESP_OK_RESOURCE_UUID, abi_size_uuid()),
      (.unspecified, VIRTIO_GPU_RESP_ERR_UNSPEC, abi_size_header()),
      (.outOfMemory, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, abi_size_header()),
      (.invalidScanoutID, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, abi_size_header()),
      (.invalidResourceID, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, abi_size_header()),
      (.invalidParameter, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, abi_size_header()),
    ]
    for (type, value, size) in rows {
      #expect(type.rawValue == value.rawValue)
      #expect(type.size == size)
    }
    #expect(Set(rows.map(\.0)) == Set(ResponseType.allCases))
    #expect(ResponseType.largestSize == rows.map(\.2).max())
  }

  @Test func `formats have the header's values and no other value is one`() {
    let rows: [(PixelFormat, virtio_gpu_formats)] = [
      (.b8g8r8a8, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM), (.b8g8r8x8, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
      (.a8r8g8b8, VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM), (.x8r8g8b8, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM),
      (.r8g8b8a8, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM), (.x8b8g8r8, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM),
      (.a8b8g8r8, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM), (.r8g8b8x8, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM),
    ]
    for (format, value) in rows { #expect(PixelFormat(wire: value.rawValue) == format) }
    let known = Set(rows.map { UInt32($0.1.rawValue) })
    for value in 0...1000 as ClosedRange<UInt32> where !known.contains(value) {
      #expect(PixelFormat(wire: value) == nil)
    }
    #expect(PixelFormat(wire: .max) == nil)
  }

  @Test func `the configuration has the header's fields`() throws {
    let guest = try TestGuest(outputs: [(640, 480), (800, 600), (1024, 768)])
    // The header ends before blob_alignment (virtio 1.4 §5.7.4).
    #expect(guest.device.configurationSize == abi_size_config() + 4)
    var bytes = [UInt8](repeating: 0xff, count: 20)
    do {
      var span = bytes.mutableSpan
      // The array's own storage.
      var raw = unsafe span.mutableBytes
      guest.device.readConfiguration(at: 0, into: &raw)
    }
    #expect(word(bytes, abi_config_events_read()) == 0)
    #expect(word(bytes, abi_config_events_clear()) == 0)
    #expect(word(bytes, abi_config_num_scanouts()) == 3)
    #expect(word(bytes, abi_config_num_capsets()) == 0)
    #expect(word(bytes, abi_size_config()) == 4096)
    #expect(guest.device.deviceID == 16)
    #expect(
      guest.device.offeredFeatures.word(0)
        == 1 << VIRTIO_GPU_F_EDID | 1 << VIRTIO_GPU_F_RESOURCE_UUID | 1 << VIRTIO_GPU_F_RESOURCE_BLOB | 1 << 5
    )
    #expect(guest.device.queueSizes == [256, 64])
  }

  @Test func `parts of the configuration read as parts of the whole`() throws {
    let device = try TestGuest(outputs: [(640, 480)]).device
    for offset in 0..<20 {
      var byte: [UInt8] = [0xff]
      do {
        var span = byte.mutableSpan
        // The array's own storage.
        var raw = unsafe span.mutableBytes
        device.readConfiguration(at: offset, into: &raw)
      }
      #expect(byte == [offset == 8 ? 1 : offset == 17 ? 0x10 : 0])
    }
  }

  @Test func `display information lies where the header has it`() throws {
    let guest = try TestGuest(outputs: [(640, 480), (1920, 1080)])
    let response = try #require(guest.send(Request.displayInfo()))
    #expect(response.count == abi_size_display_info())
    #expect(word(response, 0) == VIRTIO_GPU_RESP_OK_DISPLAY_INFO.rawValue)
    for index in 0..<16 {
      let start = abi_display_info_pmodes() + index * abi_size_display_one()
      let size: (UInt32, UInt32) = index == 0 ? (640, 480) : index == 1 ? (1920, 1080) : (0, 0)
      #expect(word(response, start) == 0)
      #expect(word(response, start + 4) == 0)
      #expect(word(response, start + 8) == size.0)
      #expect(word(response, start + 12) == size.1)
      #expect(word(response, start + abi_display_one_enabled()) == (index < 2 ? 1 : 0))
      #expect(word(response, start + abi_display_one_flags()) == 0)
    }
  }

  @Test func `EDID lies where the header has it, one for each output`() throws {
    let outputs = [(640, 480), (5120, 2880)]
    let guest = try TestGuest(outputs: outputs)
    for (index, output) in outputs.enumerated() {
      let response = try #require(guest.send(Request.edid(UInt32(index))))
      #expect(response.count == abi_size_edid())
      #expect(word(response, 0) == VIRTIO_GPU_RESP_OK_EDID.rawValue)
      let expected = EDID(mode: OutputMode(width: output.0, height: output.1)!, index: index).bytes
      #expect(Int(word(response, abi_edid_size())) == expected.count)
      #expect(Array(response[abi_edid_edid()..<(abi_edid_edid() + expected.count)]) == expected)
      #expect(response[(abi_edid_edid() + expected.count)...].allSatisfy { $0 == 0 })
    }
  }
}
