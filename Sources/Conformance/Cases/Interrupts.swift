import GuestDriver

/// MSI-X, INTx and ISR status (virtio 1.4 §4.1.4.5, §4.1.5).
extension ConformanceSuite {
  static let interruptDelivery: [ConformanceCase] = [
    ConformanceCase(
      "interrupts.vector-that-does-not-exist", ["4.1.5.1.2.1-9"], needs: [.modern, .vectors],
      tried: "map the configuration event to vectors past the table", expected: "VIRTIO_MSI_NO_VECTOR"
    ) { bench in
      let function = try bench.function
      try function.setVectorControl(PCILayout.MSIX.controlEnable)
      for vector in [UInt64(bench.profile.vectorCount), 0x7ff, 0x800, 0xfffe]
      where vector >= UInt64(bench.profile.vectorCount) {
        try function.write(.configVector, vector)
        try expect(
          "config_msix_vector after \(hex(vector))", try function.read(.configVector),
          is: UInt64(VirtioLayout.noVector))
      }
      return "0xffff"
    }
  ]
}
