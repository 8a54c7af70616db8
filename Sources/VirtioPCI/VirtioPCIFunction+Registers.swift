import PCIBus
import VirtioCore
import VirtioPCILegacy
import VirtioPCIModern

/// What stands behind the base address registers.
extension VirtioPCIFunction {
  // MARK: MSI-X

  func readMSIX(at offset: Int, into bytes: inout MutableRawSpan) {
    let pending = FunctionLayout.MSIXLayout.pending
    if offset < pending {
      interrupts.readTable(at: offset, into: &bytes)
    } else {
      interrupts.readPending(at: offset - pending, into: &bytes)
    }
  }

  func writeMSIX(at offset: Int, _ bytes: RawSpan) {
    guard offset < FunctionLayout.MSIXLayout.pending else { return }  // pending bits are the function's
    interrupts.writeTable(at: offset, bytes)
  }

  // MARK: Modern structures

  func readModern(at offset: Int, into bytes: inout MutableRawSpan) {
    switch offset & ~(ModernLayout.windowSize - 1) {
    case ModernLayout.common:
      registers.withLock { CommonConfig.registers.read($0.common, at: offset, into: &bytes) }
    case ModernLayout.isr:
      // Any access that covers the byte reads it, and so clears it (§4.1.4.5.1).
      guard offset == ModernLayout.isr, bytes.byteCount > 0 else { return }
      bytes.setByte(interrupts.takeISR(), at: 0)
      interrupts.updatePin()
    case ModernLayout.device:
      state.readConfiguration(at: offset - ModernLayout.device, into: &bytes)
    case ModernLayout.contiguousRing:
      registers.withLock { registers in
        ContiguousRing.registers.read(
          registers.contiguousRing, at: offset - ModernLayout.contiguousRing, into: &bytes)
      }
    default: break  // doorbells read as 0
    }
  }

  func writeModern(at offset: Int, _ bytes: RawSpan) {
    if offset >= ModernLayout.notify { return notifyModern(at: offset) }
    switch offset & ~(ModernLayout.windowSize - 1) {
    case ModernLayout.common:
      registers.withLock { CommonConfig.registers.write(&$0.common, at: offset, bytes) }
    case ModernLayout.device:
      state.writeConfiguration(at: offset - ModernLayout.device, bytes)
    case ModernLayout.contiguousRing:
      registers.withLock { registers in
        ContiguousRing.registers.write(
          &registers.contiguousRing, at: offset - ModernLayout.contiguousRing, bytes)
      }
    default: break
    }
  }

  /// The place alone counts; see `ModernLayout.doorbell`.
  private func notifyModern(at offset: Int) {
    state.notify(UInt16(clamping: (offset - ModernLayout.notify) / layout.doorbellStride))
  }

  // MARK: Legacy registers

  func readLegacy(at offset: Int, into bytes: inout MutableRawSpan) {
    let hasVectors = interrupts.hasVectors
    registers.withLock { registers in
      LegacyHeader.table(hasVectors: hasVectors).read(registers.legacy, at: offset, into: &bytes)
    }
    interrupts.updatePin()
    let size = LegacyHeader.size(hasVectors: hasVectors)
    guard offset + bytes.byteCount > size else { return }
    var part = bytes._mutatingExtracting(max(size - offset, 0)..<bytes.byteCount)
    state.readConfiguration(at: max(offset - size, 0), into: &part)
  }

  func writeLegacy(at offset: Int, _ bytes: RawSpan) {
    if offset == LegacyHeader.notify, bytes.byteCount == 2 {
      return state.notifyLegacy(UInt16(truncatingIfNeeded: bytes.littleEndianValue))
    }
    let hasVectors = interrupts.hasVectors
    registers.withLock { registers in
      LegacyHeader.table(hasVectors: hasVectors).write(&registers.legacy, at: offset, bytes)
    }
    let size = LegacyHeader.size(hasVectors: hasVectors)
    guard offset + bytes.byteCount > size else { return }
    state.writeConfiguration(
      at: max(offset - size, 0), bytes.extracting(max(size - offset, 0)..<bytes.byteCount))
  }
}
