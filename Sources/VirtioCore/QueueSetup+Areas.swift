extension QueueSetup {
  /// A queue that a driver has set up and enabled, for whoever works one without a device's registers.
  package init(size: UInt16, descriptorArea: UInt64, driverArea: UInt64, deviceArea: UInt64) {
    self.init(maximumSize: size)
    self.descriptorArea = descriptorArea
    self.driverArea = driverArea
    self.deviceArea = deviceArea
    isEnabled = true
  }
}
