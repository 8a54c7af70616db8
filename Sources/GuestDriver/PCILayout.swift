/// Where a driver finds things in PCI configuration space (PCI Local Bus 3.0, chapter 6).
public enum PCILayout {
  public static let vendorID = 0x00
  public static let deviceID = 0x02
  public static let command = 0x04
  public static let status = 0x06
  public static let revisionID = 0x08
  public static let programmingInterface = 0x09
  public static let subclass = 0x0a
  public static let baseClass = 0x0b
  public static let cacheLineSize = 0x0c
  public static let headerType = 0x0e
  public static let baseAddress0 = 0x10
  public static let subsystemVendorID = 0x2c
  public static let subsystemID = 0x2e
  public static let romAddress = 0x30
  public static let capabilityPointer = 0x34
  public static let interruptLine = 0x3c
  public static let interruptPin = 0x3d

  /// Bits of the command register.
  public enum Command {
    public static let ioSpace: UInt16 = 1 << 0
    public static let memorySpace: UInt16 = 1 << 1
    public static let busMaster: UInt16 = 1 << 2
    public static let interruptDisable: UInt16 = 1 << 10
  }

  /// Bits of the status register.
  public enum Status {
    public static let interrupt: UInt16 = 1 << 3
    public static let capabilityList: UInt16 = 1 << 4
  }

  /// Capability identifiers.
  public enum CapabilityID {
    public static let msi: UInt8 = 0x05
    public static let vendorSpecific: UInt8 = 0x09
    public static let express: UInt8 = 0x10
    public static let msix: UInt8 = 0x11
  }

  /// Offsets in the MSI-X capability, and in an entry of its table (PCI 3.0 §6.8.2).
  public enum MSIX {
    public static let control = 2
    public static let table = 4
    public static let pendingBits = 8
    public static let controlTableSize: UInt16 = 0x07ff
    public static let controlFunctionMask: UInt16 = 0x4000
    public static let controlEnable: UInt16 = 0x8000

    public static let entrySize = 16
    public static let entryAddress = 0
    public static let entryAddressHigh = 4
    public static let entryData = 8
    public static let entryControl = 12
    public static let entryMasked: UInt32 = 1
  }
}
