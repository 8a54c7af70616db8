import CSystemHeaders
import GuestDriver
import Testing

/// The simulator's numbers, written from the specification, against the system's headers.
@Suite struct SystemLayoutTests {
  /// A number of ours and where the headers say it.
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var ours: Int
    var system: Int
    init(_ name: String, _ ours: some BinaryInteger, _ system: some BinaryInteger) {
      self.name = name
      self.ours = Int(ours)
      self.system = Int(system)
    }
    var testDescription: String { name }
  }

  static let commonRegisters: [Row] = [
    Row("device_feature_select", CommonRegister.deviceFeatureSelect.offset, VIRTIO_PCI_COMMON_DFSELECT),
    Row("device_feature", CommonRegister.deviceFeature.offset, VIRTIO_PCI_COMMON_DF),
    Row("driver_feature_select", CommonRegister.driverFeatureSelect.offset, VIRTIO_PCI_COMMON_GFSELECT),
    Row("driver_feature", CommonRegister.driverFeature.offset, VIRTIO_PCI_COMMON_GF),
    Row("config_msix_vector", CommonRegister.configVector.offset, VIRTIO_PCI_COMMON_MSIX),
    Row("num_queues", CommonRegister.queueCount.offset, VIRTIO_PCI_COMMON_NUMQ),
    Row("device_status", CommonRegister.deviceStatus.offset, VIRTIO_PCI_COMMON_STATUS),
    Row("config_generation", CommonRegister.configGeneration.offset, VIRTIO_PCI_COMMON_CFGGENERATION),
    Row("queue_select", CommonRegister.queueSelect.offset, VIRTIO_PCI_COMMON_Q_SELECT),
    Row("queue_size", CommonRegister.queueSize.offset, VIRTIO_PCI_COMMON_Q_SIZE),
    Row("queue_msix_vector", CommonRegister.queueVector.offset, VIRTIO_PCI_COMMON_Q_MSIX),
    Row("queue_enable", CommonRegister.queueEnable.offset, VIRTIO_PCI_COMMON_Q_ENABLE),
    Row("queue_notify_off", CommonRegister.queueNotifyOffset.offset, VIRTIO_PCI_COMMON_Q_NOFF),
    Row("queue_desc", CommonRegister.queueDescriptorArea.offset, VIRTIO_PCI_COMMON_Q_DESCLO),
    Row("queue_desc, high", CommonRegister.queueDescriptorArea.offset + 4, VIRTIO_PCI_COMMON_Q_DESCHI),
    Row("queue_driver", CommonRegister.queueDriverArea.offset, VIRTIO_PCI_COMMON_Q_AVAILLO),
    Row("queue_device", CommonRegister.queueDeviceArea.offset, VIRTIO_PCI_COMMON_Q_USEDLO),
    Row("queue_notif_config_data", CommonRegister.queueNotifyData.offset, VIRTIO_PCI_COMMON_Q_NDATA),
    Row("queue_reset", CommonRegister.queueReset.offset, VIRTIO_PCI_COMMON_Q_RESET),
    Row("structure without administration", 56, MemoryLayout<virtio_pci_common_cfg>.size),
  ]

  static let transport: [Row] = [
    Row("cfg_type", VirtioLayout.Capability.configurationType, VIRTIO_PCI_CAP_CFG_TYPE),
    Row("cap_len", VirtioLayout.Capability.length, VIRTIO_PCI_CAP_LEN),
    Row("bar", VirtioLayout.Capability.bar, VIRTIO_PCI_CAP_BAR),
    Row("offset", VirtioLayout.Capability.offset, VIRTIO_PCI_CAP_OFFSET),
    Row("length", VirtioLayout.Capability.structureLength, VIRTIO_PCI_CAP_LENGTH),
    Row("notify_off_multiplier", VirtioLayout.Capability.notifyMultiplier, VIRTIO_PCI_NOTIFY_CAP_MULT),
    Row(
      "pci_cfg_data", VirtioLayout.Capability.configurationData,
      MemoryLayout<virtio_pci_cfg_cap>.offset(of: \.pci_cfg_data)!),
    Row("common", VirtioLayout.CapabilityType.common, VIRTIO_PCI_CAP_COMMON_CFG),
    Row("notify", VirtioLayout.CapabilityType.notify, VIRTIO_PCI_CAP_NOTIFY_CFG),
    Row("isr", VirtioLayout.CapabilityType.isr, VIRTIO_PCI_CAP_ISR_CFG),
    Row("device", VirtioLayout.CapabilityType.device, VIRTIO_PCI_CAP_DEVICE_CFG),
    Row("pci_cfg", VirtioLayout.CapabilityType.configurationAccess, VIRTIO_PCI_CAP_PCI_CFG),
    Row("shared memory", VirtioLayout.CapabilityType.sharedMemory, VIRTIO_PCI_CAP_SHARED_MEMORY_CFG),
    Row("ACKNOWLEDGE", VirtioLayout.Status.acknowledge, VIRTIO_CONFIG_S_ACKNOWLEDGE),
    Row("DRIVER", VirtioLayout.Status.driver, VIRTIO_CONFIG_S_DRIVER),
    Row("DRIVER_OK", VirtioLayout.Status.driverOK, VIRTIO_CONFIG_S_DRIVER_OK),
    Row("FEATURES_OK", VirtioLayout.Status.featuresOK, VIRTIO_CONFIG_S_FEATURES_OK),
    Row("NEEDS_RESET", VirtioLayout.Status.needsReset, VIRTIO_CONFIG_S_NEEDS_RESET),
    Row("FAILED", VirtioLayout.Status.failed, VIRTIO_CONFIG_S_FAILED),
    Row("INDIRECT_DESC", VirtioLayout.Feature.indirectDescriptors, VIRTIO_RING_F_INDIRECT_DESC),
    Row("EVENT_IDX", VirtioLayout.Feature.eventIndex, VIRTIO_RING_F_EVENT_IDX),
    Row("VERSION_1", VirtioLayout.Feature.version1, VIRTIO_F_VERSION_1),
    Row("ACCESS_PLATFORM", VirtioLayout.Feature.accessPlatform, VIRTIO_F_ACCESS_PLATFORM),
    Row("RING_PACKED", VirtioLayout.Feature.ringPacked, VIRTIO_F_RING_PACKED),
    Row("IN_ORDER", VirtioLayout.Feature.inOrder, VIRTIO_F_IN_ORDER),
    Row("ORDER_PLATFORM", VirtioLayout.Feature.orderPlatform, VIRTIO_F_ORDER_PLATFORM),
    Row("SR_IOV", VirtioLayout.Feature.sriov, VIRTIO_F_SR_IOV),
    Row("RING_RESET", VirtioLayout.Feature.ringReset, VIRTIO_F_RING_RESET),
    Row("NO_VECTOR", VirtioLayout.noVector, VIRTIO_MSI_NO_VECTOR),
    Row("ISR configuration", VirtioLayout.InterruptStatus.configuration, VIRTIO_PCI_ISR_CONFIG),
    Row("GPU device id", VirtioLayout.gpuDeviceID, VIRTIO_ID_GPU),
    Row("NEXT", RingDescriptor.next, VRING_DESC_F_NEXT),
    Row("WRITE", RingDescriptor.write, VRING_DESC_F_WRITE),
    Row("INDIRECT", RingDescriptor.indirect, VRING_DESC_F_INDIRECT),
    Row("descriptor", RingDescriptor.size, MemoryLayout<vring_desc>.size),
    Row("packed descriptor", PackedDescriptor.size, MemoryLayout<vring_packed_desc>.size),
    Row("AVAIL", PackedDescriptor.available, 1 << VRING_PACKED_DESC_F_AVAIL),
    Row("USED", PackedDescriptor.used, 1 << VRING_PACKED_DESC_F_USED),
    Row("ENABLE", PackedRing.EventFlags.enable, VRING_PACKED_EVENT_FLAG_ENABLE),
    Row("DISABLE", PackedRing.EventFlags.disable, VRING_PACKED_EVENT_FLAG_DISABLE),
    Row("DESC", PackedRing.EventFlags.descriptor, VRING_PACKED_EVENT_FLAG_DESC),
    Row(
      "event wrap counter", PackedRing.Position().encoded,
      UInt32(1) << UInt32(VRING_PACKED_EVENT_F_WRAP_CTR)),
    Row(
      "event suppression", RingPlaces.packedByteCounts(size: 1).used,
      MemoryLayout<vring_packed_desc_event>.size),
    Row("used element", 8, MemoryLayout<vring_used_elem>.size),
    Row("available ring", 4, SYSTEM_VRING_AVAIL_RING_OFFSET),
    Row("used ring", 4, SYSTEM_VRING_USED_RING_OFFSET),
  ]

  static let pci: [Row] = [
    Row("command", PCILayout.command, PCI_COMMAND),
    Row("status", PCILayout.status, PCI_STATUS),
    Row("base address 0", PCILayout.baseAddress0, PCI_BASE_ADDRESS_0),
    Row("subsystem", PCILayout.subsystemID, PCI_SUBSYSTEM_ID),
    Row("ROM", PCILayout.romAddress, PCI_ROM_ADDRESS),
    Row("capability pointer", PCILayout.capabilityPointer, PCI_CAPABILITY_LIST),
    Row("interrupt pin", PCILayout.interruptPin, PCI_INTERRUPT_PIN),
    Row("header type", PCILayout.headerType, PCI_HEADER_TYPE),
    Row("bus master", PCILayout.Command.busMaster, PCI_COMMAND_MASTER),
    Row("memory space", PCILayout.Command.memorySpace, PCI_COMMAND_MEMORY),
    Row("power management", PCILayout.CapabilityID.powerManagement, PCI_CAP_ID_PM),
    Row("power control", PCILayout.PowerManagement.control, PCI_PM_CTRL),
    Row("power state", PCILayout.PowerManagement.stateMask, PCI_PM_CTRL_STATE_MASK),
    Row("device control", PCILayout.Express.deviceControl, PCI_EXP_DEVCTL),
    Row("function level reset", PCILayout.Express.initiateReset, PCI_EXP_DEVCTL_BCR_FLR),
    Row("INTx disable", PCILayout.Command.interruptDisable, PCI_COMMAND_INTX_DISABLE),
    Row("interrupt status", PCILayout.Status.interrupt, PCI_STATUS_INTERRUPT),
    Row("capability list", PCILayout.Status.capabilityList, PCI_STATUS_CAP_LIST),
    Row("vendor capability", PCILayout.CapabilityID.vendorSpecific, PCI_CAP_ID_VNDR),
    Row("MSI-X capability", PCILayout.CapabilityID.msix, PCI_CAP_ID_MSIX),
    Row("Express capability", PCILayout.CapabilityID.express, PCI_CAP_ID_EXP),
    Row("MSI-X control", PCILayout.MSIX.control, PCI_MSIX_FLAGS),
    Row("MSI-X table", PCILayout.MSIX.table, PCI_MSIX_TABLE),
    Row("MSI-X pending", PCILayout.MSIX.pendingBits, PCI_MSIX_PBA),
    Row("MSI-X size", PCILayout.MSIX.controlTableSize, PCI_MSIX_FLAGS_QSIZE),
    Row("MSI-X enable", PCILayout.MSIX.controlEnable, PCI_MSIX_FLAGS_ENABLE),
    Row("MSI-X mask", PCILayout.MSIX.controlFunctionMask, PCI_MSIX_FLAGS_MASKALL),
    Row("MSI-X entry", PCILayout.MSIX.entrySize, PCI_MSIX_ENTRY_SIZE),
    Row("MSI-X entry data", PCILayout.MSIX.entryData, PCI_MSIX_ENTRY_DATA),
    Row("MSI-X entry control", PCILayout.MSIX.entryControl, PCI_MSIX_ENTRY_VECTOR_CTRL),
  ]

  static let vfio: [Row] = [
    Row("info", VfioUserPayload.getInfo().count, MemoryLayout<vfio_device_info>.offset(of: \.cap_offset)!),
    Row("region info", VfioUserPayload.getRegionInfo(index: 0).count, MemoryLayout<vfio_region_info>.size),
    Row("irq info", VfioUserPayload.getInterruptInfo(index: 0).count, MemoryLayout<vfio_irq_info>.size),
    Row(
      "irq set", VfioUserPayload.setInterrupts(flags: 0, index: 0, start: 0, count: 0).count,
      SYSTEM_VFIO_IRQ_SET_DATA_OFFSET),
    Row("configuration region", VfioUserLayout.Region.configuration, VFIO_PCI_CONFIG_REGION_INDEX),
    Row("ROM region", VfioUserLayout.Region.rom, VFIO_PCI_ROM_REGION_INDEX),
    Row("pin", VfioUserLayout.Interrupt.pin, VFIO_PCI_INTX_IRQ_INDEX),
    Row("MSI-X", VfioUserLayout.Interrupt.msix, VFIO_PCI_MSIX_IRQ_INDEX),
    Row("error", VfioUserLayout.Interrupt.error, VFIO_PCI_ERR_IRQ_INDEX),
    Row("request", VfioUserLayout.Interrupt.request, VFIO_PCI_REQ_IRQ_INDEX),
    Row("data none", VfioUserLayout.InterruptSet.dataNone, VFIO_IRQ_SET_DATA_NONE),
    Row("data bool", VfioUserLayout.InterruptSet.dataBool, VFIO_IRQ_SET_DATA_BOOL),
    Row("data event", VfioUserLayout.InterruptSet.dataEvent, VFIO_IRQ_SET_DATA_EVENTFD),
    Row("mask", VfioUserLayout.InterruptSet.actionMask, VFIO_IRQ_SET_ACTION_MASK),
    Row("unmask", VfioUserLayout.InterruptSet.actionUnmask, VFIO_IRQ_SET_ACTION_UNMASK),
    Row("trigger", VfioUserLayout.InterruptSet.actionTrigger, VFIO_IRQ_SET_ACTION_TRIGGER),
    Row("can reset", VfioUserLayout.deviceCanReset, VFIO_DEVICE_FLAGS_RESET),
    Row("is PCI", VfioUserLayout.deviceIsPCI, VFIO_DEVICE_FLAGS_PCI),
    Row("unmap all", VfioUserLayout.unmapAll, VFIO_DMA_UNMAP_FLAG_ALL),
    Row("readable", RAMAccess.readable.rawValue, VFIO_DMA_MAP_FLAG_READ),
    Row("writable", RAMAccess.writable.rawValue, VFIO_DMA_MAP_FLAG_WRITE),
  ]

  static let gpu: [Row] = [
    Row("virtio_gpu_ctrl_hdr", GPULayout.headerSize, MemoryLayout<virtio_gpu_ctrl_hdr>.size),
    Row("display info", GPULayout.displayInfoSize, MemoryLayout<virtio_gpu_resp_display_info>.size),
    Row("EDID", GPULayout.edidSize, MemoryLayout<virtio_gpu_resp_edid>.size),
    Row(
      "events_clear", GPULayout.Config.eventsClear,
      MemoryLayout<virtio_gpu_config>.offset(of: \.events_clear)!),
    Row(
      "num_scanouts", GPULayout.Config.scanoutCount,
      MemoryLayout<virtio_gpu_config>.offset(of: \.num_scanouts)!),
    Row(
      "num_capsets", GPULayout.Config.capsetCount, MemoryLayout<virtio_gpu_config>.offset(of: \.num_capsets)!),
    Row("scanouts", GPULayout.maximumScanouts, VIRTIO_GPU_MAX_SCANOUTS),
    Row("VIRGL", GPULayout.Feature.virgl, VIRTIO_GPU_F_VIRGL),
    Row("F_EDID", GPULayout.Feature.edid, VIRTIO_GPU_F_EDID),
    Row("F_RESOURCE_UUID", GPULayout.Feature.resourceUUID, VIRTIO_GPU_F_RESOURCE_UUID),
    Row("F_RESOURCE_BLOB", GPULayout.Feature.resourceBlob, VIRTIO_GPU_F_RESOURCE_BLOB),
    Row("F_CONTEXT_INIT", GPULayout.Feature.contextInit, VIRTIO_GPU_F_CONTEXT_INIT),
    Row("FENCE", GPULayout.fenceFlag, VIRTIO_GPU_FLAG_FENCE),
    Row("RING_IDX", GPULayout.ringIndexFlag, VIRTIO_GPU_FLAG_INFO_RING_IDX),
    Row("EVENT_DISPLAY", GPULayout.displayEvent, VIRTIO_GPU_EVENT_DISPLAY),
    Row("B8G8R8A8", GPUFormat.bgra.rawValue, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM.rawValue),
    Row("B8G8R8X8", GPUFormat.bgrx.rawValue, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM.rawValue),
    Row("A8R8G8B8", GPUFormat.argb.rawValue, VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM.rawValue),
    Row("X8R8G8B8", GPUFormat.xrgb.rawValue, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM.rawValue),
    Row("R8G8B8A8", GPUFormat.rgba.rawValue, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM.rawValue),
    Row("X8B8G8R8", GPUFormat.xbgr.rawValue, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM.rawValue),
    Row("A8B8G8R8", GPUFormat.abgr.rawValue, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM.rawValue),
    Row("R8G8B8X8", GPUFormat.rgbx.rawValue, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM.rawValue),
    Row("OK_NODATA", GPULayout.Response.okNoData, VIRTIO_GPU_RESP_OK_NODATA.rawValue),
    Row("OK_DISPLAY_INFO", GPULayout.Response.okDisplayInfo, VIRTIO_GPU_RESP_OK_DISPLAY_INFO.rawValue),
    Row("OK_EDID", GPULayout.Response.okEDID, VIRTIO_GPU_RESP_OK_EDID.rawValue),
    Row("OK_RESOURCE_UUID", GPULayout.Response.okResourceUUID, VIRTIO_GPU_RESP_OK_RESOURCE_UUID.rawValue),
    Row("ERR_UNSPEC", GPULayout.Response.unspecified, VIRTIO_GPU_RESP_ERR_UNSPEC.rawValue),
    Row("ERR_OUT_OF_MEMORY", GPULayout.Response.outOfMemory, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY.rawValue),
    Row(
      "ERR_INVALID_SCANOUT_ID", GPULayout.Response.invalidScanoutID,
      VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID.rawValue),
    Row(
      "ERR_INVALID_RESOURCE_ID", GPULayout.Response.invalidResourceID,
      VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID.rawValue),
    Row(
      "ERR_INVALID_PARAMETER", GPULayout.Response.invalidParameter,
      VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER.rawValue),
  ]

  @Test(arguments: commonRegisters + transport + pci + vfio + gpu)
  func `a number of the simulator is the system's`(_ row: Row) {
    #expect(row.ours == row.system)
  }

  @Test func `the common registers lie side by side in 64 bytes`() {
    var end = 0
    for register in CommonRegister.all {
      #expect(register.offset == end, "\(register)")
      end = register.offset + register.width
    }
    #expect(end == 64)
  }
}
