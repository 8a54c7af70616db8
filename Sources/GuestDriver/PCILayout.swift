/// Where a driver finds things in PCI configuration space (PCI Local Bus 3.0, chapter 6).
package enum PCILayout {
  package static let vendorID = 0x00
  package static let deviceID = 0x02
  package static let command = 0x04
  package static let status = 0x06
  package static let revisionID = 0x08
  package static let programmingInterface = 0x09
  package static let subclass = 0x0a
  package static let baseClass = 0x0b
  package static let cacheLineSize = 0x0c
  package static let headerType = 0x0e
  package static let baseAddress0 = 0x10
  package static let subsystemVendorID = 0x2c
  package static let subsystemID = 0x2e
  package static let romAddress = 0x30
  package static let capabilityPointer = 0x34
  package static let interruptLine = 0x3c
  package static let interruptPin = 0x3d

  /// Bits of the command register.
  package enum Command {
    package static let ioSpace: UInt16 = 1 << 0
    package static let memorySpace: UInt16 = 1 << 1
    package static let busMaster: UInt16 = 1 << 2
    package static let interruptDisable: UInt16 = 1 << 10
  }

  /// Bits of the status register.
  package enum Status {
    package static let interrupt: UInt16 = 1 << 3
    package static let capabilityList: UInt16 = 1 << 4
  }

  /// Capability identifiers.
  package enum CapabilityID {
    package static let powerManagement: UInt8 = 0x01
    package static let msi: UInt8 = 0x05
    package static let vendorSpecific: UInt8 = 0x09
    package static let express: UInt8 = 0x10
    package static let msix: UInt8 = 0x11
  }

  /// The power management capability's control and status register, and its field of the power state.
  package enum PowerManagement {
    package static let control = 4
    package static let stateMask: UInt16 = 3
  }

  /// The PCI Express capability's device control register, and its bit that resets the function.
  package enum Express {
    package static let deviceControl = 8
    package static let initiateReset: UInt16 = 0x8000
  }

  /// Offsets in the MSI-X capability, and in an entry of its table (PCI 3.0 §6.8.2).
  package enum MSIX {
    package static let control = 2
    package static let table = 4
    package static let pendingBits = 8
    package static let controlTableSize: UInt16 = 0x07ff
    package static let controlFunctionMask: UInt16 = 0x4000
    package static let controlEnable: UInt16 = 0x8000

    package static let entrySize = 16
    package static let entryAddress = 0
    package static let entryAddressHigh = 4
    package static let entryData = 8
    package static let entryControl = 12
    package static let entryMasked: UInt32 = 1
  }
}
