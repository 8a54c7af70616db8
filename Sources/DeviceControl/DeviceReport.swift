import FrontEndAPI
import ScanoutDevice
import VfioUser

/// A device, and its server if it has one, as `scanout inspect` tells of them; spec/inspect.md has the names.
struct DeviceReport {
  let kind: String
  let device: DeviceSnapshot
  let server: ServerSnapshot?

  private var virtio: VirtioSnapshot { device.function.virtio }

  /// Everything, for both ways of writing it.
  var fields: ReportNode.Fields {
    var fields: ReportNode.Fields = [
      ("device", .text(kind)), ("socket", server.map { .text($0.path) } ?? .absent),
      ("busy", .flag(virtio.isBusy || device.function.pci == nil)),
      ("vmm", server.map { .object(Self.vmm($0)) } ?? .absent),
      ("pci", device.function.pci.map { .object(Self.pci($0)) } ?? .absent),
      ("virtio", .object(registers)), ("queues", .rows(queues)), ("rings", .rows(rings)),
      ("traffic", .rows(traffic)),
    ]
    switch device.detail {
    case .gpu(let gpu): fields.append(("gpu", .object(Self.gpu(gpu, device.refusals))))
    case .input(let input): fields.append(("input", .object(Self.input(input))))
    case .entropy(let count): fields.append(("entropy", .object([("bytes", .number(count))])))
    case nil: break
    }
    return fields
  }

  // MARK: The VMM

  private static func vmm(_ server: ServerSnapshot) -> ReportNode.Fields {
    [
      ("attached", .flag(server.isAttached)), ("clients", .number(server.clients)),
      ("refused_messages", .number(server.refusedMessages)),
      ("msix_eventfds", .names(server.connectedVectors.map { "\($0)" })),
      ("intx_eventfd", .flag(server.isPinConnected)),
      (
        "dma",
        .rows(
          server.regions.map { region in
            [
              ("address", .hex(region.address)), ("size", .hex(region.byteCount)),
              ("mapped", .flag(region.isMapped)), ("writable", .flag(region.isWritable)),
              ("file_offset", region.isMapped ? .hex(region.fileOffset) : .absent),
            ]
          })
      ),
    ]
  }

  // MARK: PCI

  private static func pci(_ pci: PCISnapshot) -> ReportNode.Fields {
    [
      ("id", .text(pair(pci.vendor, pci.device))),
      ("subsystem", .text(pair(pci.subsystemVendor, pci.subsystem))),
      ("revision", .hex(UInt64(pci.revision), digits: 2)), ("class", .hex(UInt64(pci.classCode), digits: 6)),
      ("express", .flag(pci.configurationSpaceSize > 256)), ("power", .text(pci.isFullyOn ? "D0" : "D3hot")),
      ("command", .hex(UInt64(pci.command), digits: 4)), ("command_bits", .names(pci.commandNames)),
      ("interrupt_line", .count(pci.interruptLine)), ("intx_disabled", .flag(pci.isINTxDisabled)),
      ("intx_asserted", .flag(pci.isINTxAsserted)), ("msix_enabled", .flag(pci.msix.isEnabled)),
      ("msix_masked", .flag(pci.msix.isMasked)),
      ("msix_table", .text(pci.msix.isTableOfHost ? "vmm" : "function")),
      (
        "bars",
        .rows(
          pci.bars.map { base in
            [
              ("bar", .count(base.index)), ("type", .text(type(of: base.bar))), ("size", .hex(base.bar.size)),
              ("address", .hex(base.address)),
            ]
          })
      ),
      (
        "msix_vectors",
        .rows(
          pci.msix.isTableOfHost
            ? []
            : pci.msix.vectors.enumerated().map { index, vector in
              [
                ("vector", .count(index)), ("address", .hex(vector.address)),
                ("data", .hex(UInt64(vector.data))), ("masked", .flag(vector.isMasked)),
                ("pending", .flag(vector.isPending)),
              ]
            })
      ),
    ]
  }

  private static func pair(_ vendor: UInt16, _ device: UInt16) -> String {
    [vendor, device].map { value in
      let text = String(value, radix: 16)
      return String(repeating: "0", count: 4 - text.count) + text
    }.joined(separator: ":")
  }

  private static func type(of bar: BAR) -> String {
    let prefetchable = bar.isPrefetchable ? "-prefetchable" : ""
    return switch bar.kind {
    case .absent: "none"
    case .io: "io"
    case .memory32: "memory32" + prefetchable
    case .memory64: "memory64" + prefetchable
    }
  }

  // MARK: virtio

  private var registers: ReportNode.Fields {
    let isr = device.function.isr
    let deviceBits = virtio.deviceType == 16 ? GPUSnapshot.featureNames : [:]
    return [
      ("type", .count(virtio.deviceType)), ("transport", .text(device.function.transport.rawValue)),
      ("driver", virtio.interface.map { .text($0.rawValue) } ?? .absent),
      ("device_status", .hex(UInt64(virtio.status), digits: 2)),
      ("device_status_bits", .names(virtio.statusNames)), ("resetting", .flag(virtio.isResetting)),
      ("resets", .number(virtio.resets)),
      ("device_feature", .names(virtio.offered.names(deviceBits: deviceBits))),
      ("driver_feature", .names(virtio.accepted.names(deviceBits: deviceBits))),
      ("config_generation", .count(virtio.configurationGeneration)),
      ("config_msix_vector", .count(virtio.configurationVector)), ("isr", .hex(UInt64(isr), digits: 2)),
      ("isr_bits", .names((isr & 1 != 0 ? ["QUEUE"] : []) + (isr & 2 != 0 ? ["CONFIG"] : []))),
      (
        "ring_faults",
        .counts(
          RingFaultKind.allCases.compactMap { kind in
            virtio.ringFaults[kind].map { (Self.snakeCase("\(kind)"), $0) }
          })
      ),
      ("last_ring_fault", virtio.lastRingFault.map { .text(Self.snakeCase("\($0)")) } ?? .absent),
    ]
  }

  private var queueNames: [String] {
    switch virtio.deviceType {
    case 16: ["controlq", "cursorq"]
    case 18: ["eventq", "statusq"]
    case 4: ["requestq"]
    default: []
    }
  }

  private func name(_ index: Int) -> ReportNode {
    queueNames.indices.contains(index) ? .text(queueNames[index]) : .absent
  }

  private var queues: [ReportNode.Fields] {
    virtio.queues.map { queue in
      [
        ("queue", .count(queue.index)), ("name", name(queue.index)), ("size", .count(queue.size)),
        ("max_size", .count(queue.maximumSize)), ("enable", .flag(queue.isEnabled)),
        ("reset", .flag(queue.isResetting)), ("msix_vector", .count(queue.vector)),
        ("desc", .hex(queue.descriptorArea)), ("driver", .hex(queue.driverArea)),
        ("device", .hex(queue.deviceArea)),
      ]
    }
  }

  private var rings: [ReportNode.Fields] {
    virtio.queues.compactMap { queue in
      guard let ring = queue.ring else { return nil }
      return [
        ("queue", .count(queue.index)), ("format", .text(ring.format.rawValue)),
        ("event_idx", .flag(ring.hasEventIndex)), ("avail", .count(ring.availableIndex)),
        ("avail_wrap", .count(ring.availableWrap.map { $0 ? 1 : 0 })), ("used", .count(ring.usedIndex)),
        ("used_wrap", .count(ring.usedWrap.map { $0 ? 1 : 0 })), ("driver_idx", .count(ring.driverIndex)),
        ("waiting", ring.hasBuffers.map { .flag($0) } ?? .absent), ("in_flight", .count(ring.inFlight)),
      ]
    }
  }

  private var traffic: [ReportNode.Fields] {
    virtio.queues.compactMap { queue in
      guard let ring = queue.ring else { return nil }
      return [
        ("queue", .count(queue.index)), ("buffers", .number(ring.buffers)),
        ("notifications", .number(ring.notifications)), ("interrupts", .number(ring.interrupts)),
        ("notify", Self.request(ring.notificationsWanted)),
        ("interrupt", Self.request(ring.interruptsWanted)),
      ]
    }
  }

  private static func request(_ request: RingSnapshot.Request?) -> ReportNode {
    switch request {
    case .always: .text("always")
    case .never: .text("never")
    case .at(let index): .text("at-\(index)")
    case nil: .absent
    }
  }

  // MARK: Kinds of devices

  private static func input(_ input: InputSnapshot) -> ReportNode.Fields {
    let lights: [(String, KeyboardLights)] = [
      ("num", .numLock), ("caps", .capsLock), ("scroll", .scrollLock),
    ]
    return [
      ("waiting_events", .count(input.waitingEvents)), ("dropped", .flag(input.hasDropped)),
      ("select", .hex(UInt64(input.select), digits: 2)), ("subsel", .hex(UInt64(input.subsel), digits: 2)),
      ("lights", .names(lights.filter { input.lights.contains($0.1) }.map(\.0))),
    ]
  }

  /// `noBacking` as `no_backing`.
  static func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { text, letter in
      text += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
    }
  }
}
