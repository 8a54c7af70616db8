import GuestDriver

/// Reset of the device (virtio 1.4 §2.4.1).
extension ConformanceSuite {
  static let deviceReset: [ConformanceCase] = [
    ConformanceCase(
      "reset.status-becomes-zero", ["2.4.1-1", "4.1.4.3.1-6"],
      tried: "write 0 to device_status of a live device",
      expected: "device_status reads 0 in the end, and the device can be brought up again"
    ) { bench in
      try PlainDriver(bench).roundTrip()
      try bench.resetDevice()
      try PlainDriver(bench).roundTrip()
      return "0, and it works again"
    }
  ]
}
