/// The device configuration structure, whichever window shows it.
extension DeviceState {
  /// Reads from the device configuration structure; beyond its end are zeros.
  package func readConfiguration(at offset: Int, into bytes: inout MutableRawSpan) {
    for index in 0..<bytes.byteCount { bytes.storeBytes(of: 0, toByteOffset: index, as: UInt8.self) }
    guard let inside = insideConfiguration(offset, bytes.byteCount) else { return }
    registers.withLock { registers in
      var part = bytes._mutatingExtracting(0..<inside)
      device.readConfiguration(at: offset, into: &part)
      registers.configurationWasRead = true
    }
  }

  /// Writes to the device configuration structure; what is not wholly inside is ignored, and so is everything while
  /// the device is suspended (virtio 1.4 §3.4.2).
  package func writeConfiguration(at offset: Int, _ bytes: RawSpan) {
    guard insideConfiguration(offset, bytes.byteCount) == bytes.byteCount else { return }
    registers.withLock { registers in
      guard !registers.status.contains(.suspend) else { return }
      device.writeConfiguration(at: offset, bytes)
    }
  }

  private func insideConfiguration(_ offset: Int, _ count: Int) -> Int? {
    guard offset >= 0, offset < device.configurationSize else { return nil }
    return min(count, device.configurationSize - offset)
  }

  /// Changes each time the configuration changed after the driver had read any of it (virtio 1.4 §4.1.4.3.1), so two
  /// equal readings around a read of the configuration mean that it was of one piece.
  package var configurationGeneration: UInt8 { registers.withLock { $0.configurationGeneration } }

  /// The device changes its configuration: `body` does it, in one step with the generation, and the driver is told,
  /// now or when it resumes a suspended device (virtio 1.4 §3.4.2).
  ///
  /// `body` runs under the device's short lock, as `VirtioDevice.readConfiguration` does. So does the interrupt: once a
  /// reset or a suspension is written there is none from before.
  package func changeConfiguration(_ body: () -> Void) {
    registers.withLock { registers in
      body()
      if registers.configurationWasRead {
        registers.configurationGeneration &+= 1
        registers.configurationWasRead = false
      }
      if registers.status.contains(.suspend) { registers.hasHeldChange = true }
      if registers.status.contains(.driverOK) { registers.interruptForConfiguration() }
    }
  }
}
