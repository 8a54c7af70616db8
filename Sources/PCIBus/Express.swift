/// The PCI Express capability of an endpoint, version 1 with function level reset (PCI Express 1.1 §7.8 and its ECN
/// "Function Level Reset").
///
/// Version 1 because it is 20 bytes long: the 60 of version 2 would leave no room for a device's other capabilities.
package enum Express {
  /// Offset of the device control register in the capability.
  package static let deviceControl = 8
  /// Initiate Function Level Reset: written as 1, it resets the function; it reads as 0.
  package static let initiateReset: UInt16 = 0x8000

  /// One lane of 2.5 GT/s, payloads of 128 bytes, no power states of the link.
  package static var capability: Capability {
    var capability = Capability(id: 0x10)
    capability.append(0x0001, width: 2)  // version 1, an endpoint
    capability.append(1 << 28 | 1 << 15, width: 4)  // function level reset, role-based error reporting
    capability.append(0x2810, width: 2, writable: 0x78ff)  // device control: as after power-on
    capability.append(0, width: 2)  // device status
    capability.append(0x0011, width: 4)  // link capabilities
    capability.append(0, width: 2, writable: 0x00c8)  // link control
    capability.append(0x0011, width: 2)  // link status
    return capability
  }
}

/// The power management capability (PCI Power Management 1.2 §3.2): D0 and D3hot, nothing lost on the way.
package enum PowerManagement {
  /// Offset of the control and status register in the capability.
  package static let control = 4

  package static var capability: Capability {
    var capability = Capability(id: 0x01)
    capability.append(0x0003, width: 2)  // version 1.2, no D1, no D2, no PME
    capability.append(0x0008, width: 2, writable: 0x0003)  // No_Soft_Reset: registers survive D3hot
    capability.append(0, width: 2)
    return capability
  }

  /// Whether the function is in D0; in D3hot it answers nothing but configuration accesses.
  package static func isFullyOn(_ control: UInt32) -> Bool { control & 3 == 0 }

  /// Whether a power state is one that the function has: a write of another is discarded.
  package static func isSupported(_ control: UInt32) -> Bool { control & 3 == 0 || control & 3 == 3 }
}
