import CKVM
import Glibc
import MachineModel
import ScanoutDevice
import Synchronization

/// Doorbells that KVM takes by itself (ioeventfd): the processor goes on at once, and a loop rings the device.
///
/// They follow their registers as the guest places them. Where KVM does not take one, such as of two functions that lie
/// over each other, the write comes as an exit and reaches the function like any other.
final class Doorbells: Sendable {
  /// One doorbell of a function, and the event that stands for it.
  private struct Bell: Sendable {
    let device: Int
    let doorbell: PCIDoorbell
    let event: CInt
    let watch: any CoreWatch
  }

  /// Where KVM listens for a bell.
  private struct Place: Hashable {
    let address: UInt64
    let isPort: Bool
  }

  private let machine: VirtualMachine
  private let bells: [Bell]
  /// By the bell's index.
  private let places = Mutex<[Int: Place]>([:])

  /// - Parameters:
  ///   - functions: by device number.
  ///   - core: the loop that rings; it is to be stopped before this goes.
  init(of functions: [Int: any PCIFunction], _ machine: VirtualMachine, core: any CoreServices) throws {
    self.machine = machine
    bells = try functions.sorted { $0.key < $1.key }.flatMap { device, function in
      try function.doorbells.map { doorbell in
        let event = try KVMError.check(ckvm_event_create(), "eventfd")
        let watch = core.addWatch(of: event, for: .readable) { [weak function] _ in
          if ckvm_event_take(event) == 0 { function?.ring(doorbell) }
        }
        return Bell(device: device, doorbell: doorbell, event: event, watch: watch)
      }
    }
  }

  deinit {
    for bell in bells {
      bell.watch.remove()
      close(bell.event)
    }
  }

  /// The guest has placed registers anew; one call at a time.
  func follow(_ windows: [PCIHost.Window]) {
    let wanted = bells.map { bell in
      windows.first { $0.device == bell.device && $0.bar == bell.doorbell.bar }.map {
        Place(address: $0.range.lowerBound + bell.doorbell.offset, isPort: $0.isPorts)
      }
    }
    places.withLock { places in
      // What goes makes room for what comes.
      for (index, place) in places where wanted[index] != place {
        _ = set(bells[index], at: place, isOn: false)
        places[index] = nil
      }
      for (index, place) in wanted.enumerated() where places[index] == nil {
        if let place, set(bells[index], at: place, isOn: true) { places[index] = place }
      }
    }
  }

  private func set(_ bell: Bell, at place: Place, isOn: Bool) -> Bool {
    let match = bell.doorbell.match
    return ckvm_set_doorbell(
      machine.descriptor, bell.event, place.isPort, place.address, match == nil ? 0 : 2, UInt64(match ?? 0),
      isOn) >= 0
  }
}
