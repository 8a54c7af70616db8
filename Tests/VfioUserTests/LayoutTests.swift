import CLinuxVfio
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// Our records against the kernel's structures, which the protocol shares.
  @Suite struct LayoutTests {
    /// Encodes a record into zeros.
    private func encoded(_ record: some WireRecord) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: type(of: record).size)
      var span = bytes.mutableSpan
      var raw = unsafe span.mutableBytes
      record.encode(into: &raw)
      return bytes
    }

    private func decoded<Record: WireRecord>(_ bytes: [UInt8]) -> Record? {
      let span = bytes.span
      return Record(unsafe span.bytes)
    }

    @Test("the device info is struct vfio_device_info up to num_irqs")
    func deviceInfo() {
      var theirs = vfio_device_info()
      theirs.argsz = 16
      theirs.flags = 3
      theirs.num_regions = 9
      theirs.num_irqs = 5
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0.prefix(16)) }
      #expect(encoded(DeviceInfoRecord(flags: 3, regionCount: 9, interruptKindCount: 5)) == bytes)
      #expect(DeviceInfoRecord.resets == UInt32(VFIO_DEVICE_FLAGS_RESET))
      #expect(DeviceInfoRecord.isPCI == UInt32(VFIO_DEVICE_FLAGS_PCI))
      let decoded: DeviceInfoRecord? = decoded(bytes)
      #expect(decoded == DeviceInfoRecord(flags: 3, regionCount: 9, interruptKindCount: 5))
    }

    @Test("the region info is struct vfio_region_info")
    func regionInfo() {
      var theirs = vfio_region_info()
      theirs.argsz = 32
      theirs.flags = 3
      theirs.index = 7
      theirs.cap_offset = 0
      theirs.size = 0x1122_3344_5566
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0) }
      #expect(bytes.count == RegionInfoRecord.size)
      #expect(encoded(RegionInfoRecord(index: 7, flags: 3, count: 0x1122_3344_5566)) == bytes)
      #expect(RegionInfoRecord.readable == UInt32(VFIO_REGION_INFO_FLAG_READ))
      #expect(RegionInfoRecord.writable == UInt32(VFIO_REGION_INFO_FLAG_WRITE))
      #expect(RegionTable.configurationIndex == VFIO_PCI_CONFIG_REGION_INDEX)
      #expect(RegionTable.count == VFIO_PCI_NUM_REGIONS)
    }

    @Test("the interrupt info is struct vfio_irq_info")
    func interruptInfo() {
      let theirs = vfio_irq_info(argsz: 16, flags: 7, index: 2, count: 9)
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0) }
      #expect(encoded(InterruptInfoRecord(index: 2, flags: 7, count: 9)) == bytes)
      #expect(InterruptInfoRecord.usesEvents == UInt32(VFIO_IRQ_INFO_EVENTFD))
      #expect(InterruptInfoRecord.isMaskable == UInt32(VFIO_IRQ_INFO_MASKABLE))
      #expect(InterruptInfoRecord.masksItself == UInt32(VFIO_IRQ_INFO_AUTOMASKED))
      #expect(InterruptKind.pin.rawValue == UInt32(VFIO_PCI_INTX_IRQ_INDEX))
      #expect(InterruptKind.msi.rawValue == UInt32(VFIO_PCI_MSI_IRQ_INDEX))
      #expect(InterruptKind.msix.rawValue == UInt32(VFIO_PCI_MSIX_IRQ_INDEX))
      #expect(InterruptKind.error.rawValue == UInt32(VFIO_PCI_ERR_IRQ_INDEX))
      #expect(InterruptKind.request.rawValue == UInt32(VFIO_PCI_REQ_IRQ_INDEX))
      #expect(InterruptKind.allCases.count == VFIO_PCI_NUM_IRQS)
    }

    @Test("the interrupt set is struct vfio_irq_set without its data")
    func interruptSet() {
      // The structure ends in a flexible array, so it is filled as memory: five words.
      let words: [UInt32] = [20, 0x24, 2, 3, 4]
      let bytes = words.flatMap { le($0) }
      #expect(vfio_test_irq_set_offsets().argsz == 0)
      #expect(vfio_test_irq_set_offsets().flags == 4)
      #expect(vfio_test_irq_set_offsets().index == 8)
      #expect(vfio_test_irq_set_offsets().start == 12)
      #expect(vfio_test_irq_set_offsets().count == 16)
      #expect(vfio_test_irq_set_offsets().data == InterruptSetRecord.size)
      #expect(encoded(InterruptSetRecord(flags: 0x24, index: 2, start: 3, count: 4)) == bytes)
      #expect(InterruptSetRecord.dataNone == UInt32(VFIO_IRQ_SET_DATA_NONE))
      #expect(InterruptSetRecord.dataBool == UInt32(VFIO_IRQ_SET_DATA_BOOL))
      #expect(InterruptSetRecord.dataEvent == UInt32(VFIO_IRQ_SET_DATA_EVENTFD))
      #expect(InterruptSetRecord.actionMask == UInt32(VFIO_IRQ_SET_ACTION_MASK))
      #expect(InterruptSetRecord.actionUnmask == UInt32(VFIO_IRQ_SET_ACTION_UNMASK))
      #expect(InterruptSetRecord.actionTrigger == UInt32(VFIO_IRQ_SET_ACTION_TRIGGER))
    }

    @Test("every record survives encoding and decoding, and is refused one byte short")
    func roundTrips() {
      func check<Record: WireRecord>(_ record: Record) {
        let bytes = encoded(record)
        let whole: Record? = decoded(bytes)
        let short: Record? = decoded(Array(bytes.dropLast()))
        #expect(whole == record)
        #expect(short == nil)
      }
      check(Header(id: 0x1234, command: 9, messageSize: 77, flags: 0x21, error: 22))
      check(VersionRecord(major: 1, minor: 2))
      check(DMAMapRecord(flags: 3, fileOffset: 1 << 40, address: 1 << 50, count: 1 << 33))
      check(DMAUnmapRecord(flags: 2, address: 1 << 50, count: 1 << 33))
      check(RegionAccessRecord(offset: 1 << 44, region: 7, count: 4))
      check(DeviceInfoRecord(flags: 3, regionCount: 9, interruptKindCount: 5))
      check(RegionInfoRecord(index: 3, flags: 1, count: 1 << 40))
      check(InterruptInfoRecord(index: 3, flags: 1, count: 4))
      check(InterruptSetRecord(flags: 0x21, index: 1, start: 2, count: 3))
    }
  }
}
