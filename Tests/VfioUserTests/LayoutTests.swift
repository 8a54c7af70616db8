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

    @Test("the device info is struct vfio_device_info up to num_irqs")
    func deviceInfo() {
      var theirs = unsafe vfio_device_info()
      unsafe theirs.argsz = 16
      unsafe theirs.flags = 3
      unsafe theirs.num_regions = 9
      unsafe theirs.num_irqs = 5
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0.prefix(16)) }
      #expect(encoded(DeviceInfoRecord(flags: 3, regionCount: 9, interruptKindCount: 5)) == bytes)
      #expect(DeviceInfoRecord.resets == UInt32(VFIO_DEVICE_FLAGS_RESET))
      #expect(DeviceInfoRecord.isPCI == UInt32(VFIO_DEVICE_FLAGS_PCI))
      #expect(
        DeviceInfoRecord(bytes.span.raw) == DeviceInfoRecord(flags: 3, regionCount: 9, interruptKindCount: 5))
    }

    @Test("the region info is struct vfio_region_info")
    func regionInfo() {
      var theirs = unsafe vfio_region_info()
      unsafe theirs.argsz = 32
      unsafe theirs.flags = 3
      unsafe theirs.index = 7
      unsafe theirs.cap_offset = 0
      unsafe theirs.size = 0x1122_3344_5566
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0) }
      #expect(bytes.count == RegionInfoRecord.size)
      #expect(encoded(RegionInfoRecord(index: 7, flags: 3, count: 0x1122_3344_5566)) == bytes)
      #expect(RegionInfoRecord.readable == UInt32(VFIO_REGION_INFO_FLAG_READ))
      #expect(RegionInfoRecord.writable == UInt32(VFIO_REGION_INFO_FLAG_WRITE))
      #expect(RegionTable.configurationIndex == Int(VFIO_PCI_CONFIG_REGION_INDEX.rawValue))
      #expect(RegionTable.count == Int(VFIO_PCI_NUM_REGIONS.rawValue))
    }

    @Test("the interrupt info is struct vfio_irq_info")
    func interruptInfo() {
      let theirs = unsafe vfio_irq_info(argsz: 16, flags: 7, index: 2, count: 9)
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0) }
      #expect(encoded(InterruptInfoRecord(index: 2, flags: 7, count: 9)) == bytes)
      #expect(InterruptInfoRecord.usesEvents == UInt32(VFIO_IRQ_INFO_EVENTFD))
      #expect(InterruptInfoRecord.isMaskable == UInt32(VFIO_IRQ_INFO_MASKABLE))
      #expect(InterruptInfoRecord.masksItself == UInt32(VFIO_IRQ_INFO_AUTOMASKED))
      #expect(InterruptKind.pin.rawValue == VFIO_PCI_INTX_IRQ_INDEX.rawValue)
      #expect(InterruptKind.msi.rawValue == VFIO_PCI_MSI_IRQ_INDEX.rawValue)
      #expect(InterruptKind.msix.rawValue == VFIO_PCI_MSIX_IRQ_INDEX.rawValue)
      #expect(InterruptKind.error.rawValue == VFIO_PCI_ERR_IRQ_INDEX.rawValue)
      #expect(InterruptKind.request.rawValue == VFIO_PCI_REQ_IRQ_INDEX.rawValue)
      #expect(InterruptKind.allCases.count == Int(VFIO_PCI_NUM_IRQS.rawValue))
    }

    @Test("the interrupt set is struct vfio_irq_set without its data")
    func interruptSet() {
      let theirs = unsafe vfio_irq_set(argsz: 20, flags: 0x24, index: 2, start: 3, count: 4)
      let bytes = unsafe withUnsafeBytes(of: theirs) { unsafe Array($0.prefix(20)) }
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
        #expect(Record(bytes.span.raw) == record)
        #expect(Record(bytes.dropLast().map { $0 }.span.raw) == nil)
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

extension Span<UInt8> {
  var raw: RawSpan {
    @_lifetime(copy self) get { unsafe bytes }
  }
}
