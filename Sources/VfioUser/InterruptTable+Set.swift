import Glibc

/// What VFIO_USER_DEVICE_SET_IRQS asks for: one kind of data and one action.
struct InterruptChange: Equatable {
  enum Data { case none, bool, event }
  enum Action { case mask, unmask, trigger }
  let data: Data
  let action: Action

  /// Nil unless exactly one bit of each sort is set, and no other.
  init?(flags: UInt32) {
    typealias Bits = InterruptSetRecord
    let dataBits = Bits.dataNone | Bits.dataBool | Bits.dataEvent
    switch flags & dataBits {
    case Bits.dataNone: data = .none
    case Bits.dataBool: data = .bool
    case Bits.dataEvent: data = .event
    default: return nil
    }
    switch flags & ~dataBits {
    case Bits.actionMask: action = .mask
    case Bits.actionUnmask: action = .unmask
    case Bits.actionTrigger: action = .trigger
    default: return nil
    }
  }
}

extension InterruptTable {
  /// VFIO_USER_DEVICE_SET_IRQS: does what `record` asks, or nothing.
  ///
  /// - Parameters:
  ///   - data: what follows the record.
  ///   - descriptors: what came along; those that are not needed are left.
  func set(_ record: InterruptSetRecord, data: RawSpan, descriptors: inout DescriptorBatch) throws(Refusal) {
    guard let kind = InterruptKind(rawValue: record.index),
      let change = InterruptChange(flags: record.flags)
    else { throw Refusal(errno: EINVAL) }
    if record.count == 0 {
      // Nothing is asked of no interrupt, but this turns a whole kind off.
      guard record.start == 0, change == InterruptChange(flags: Self.turnOff) else {
        throw Refusal(errno: EINVAL)
      }
      return turnOff(kind)
    }
    let (end, wraps) = record.start.addingReportingOverflow(record.count)
    guard !wraps, end <= UInt32(count(kind)) else { throw Refusal(errno: EINVAL) }
    let numbers = Int(record.start)..<Int(end)
    // Errors and requests are signals without a state that could be masked.
    guard change.action == .trigger || kind == .pin || kind == .msix else { throw Refusal(errno: EINVAL) }
    switch (change.data, change.action) {
    case (.none, let action):
      act(action, kind, numbers) { _ in true }
    case (.bool, let action):
      guard data.byteCount >= numbers.count else { throw Refusal(errno: EINVAL) }
      act(action, kind, numbers) { data.load8(at: $0) != 0 }
    case (.event, .trigger):
      try assign(kind, numbers, &descriptors)
    case (.event, .unmask):
      try assignUnmask(kind, &descriptors)
    case (.event, .mask):
      // VFIO itself knows no eventfd that masks.
      throw Refusal(errno: ENOTTY)
    }
  }

  private static var turnOff: UInt32 { InterruptSetRecord.dataNone | InterruptSetRecord.actionTrigger }

  private func turnOff(_ kind: InterruptKind) {
    // What is closed is let go of outside the lock.
    let old = state.withLock { state in
      let old = state
      for number in 0..<count(kind) { state[kind, number] = Line() }
      if kind == .pin { state.unmask = nil }
      return old
    }
    _ = old
  }

  /// Acts on those interrupts of a range that `isChosen` picks by their place in the range.
  private func act(
    _ action: InterruptChange.Action, _ kind: InterruptKind, _ numbers: Range<Int>,
    _ isChosen: (Int) -> Bool
  ) {
    for number in numbers where isChosen(number - numbers.lowerBound) {
      state.withLock { state in
        switch action {
        case .trigger: state[kind, number].event?.signal()  // a test of the way back, whatever the mask
        case .mask: state[kind, number].isMasked = true
        case .unmask:
          state[kind, number].isMasked = false
          state.settle(kind, number)
        }
      }
    }
  }

  /// Gives a range of interrupts the descriptors that came along, one each, or takes theirs away if none came.
  private func assign(
    _ kind: InterruptKind, _ numbers: Range<Int>, _ descriptors: inout DescriptorBatch
  ) throws(Refusal) {
    guard !descriptors.isIncomplete else { throw Refusal(errno: EMFILE) }
    if descriptors.count == 0 {
      for number in numbers {
        let old = state.withLock { state in
          let old = state[kind, number].event
          // What comes meanwhile waits for the next eventfd, but a mask has had its time.
          state[kind, number].event = nil
          state[kind, number].isMasked = false
          return old
        }
        _ = old
      }
      return
    }
    guard descriptors.count == numbers.count else { throw Refusal(errno: EINVAL) }
    // All are looked at before the first is used.
    var events: [EventDescriptor] = []
    while let descriptor = descriptors.takeFirst() { events.append(try EventDescriptor(descriptor)) }
    for (event, number) in zip(events, numbers) {
      let old = state.withLock { state in
        let old = state[kind, number].event
        state[kind, number].event = event
        state.settle(kind, number)
        return old
      }
      _ = old
    }
  }

  /// Sets or clears the eventfd with which the client unmasks the pin.
  private func assignUnmask(_ kind: InterruptKind, _ descriptors: inout DescriptorBatch) throws(Refusal) {
    guard kind == .pin else { throw Refusal(errno: ENOTTY) }
    guard !descriptors.isIncomplete else { throw Refusal(errno: EMFILE) }
    guard descriptors.count <= 1 else { throw Refusal(errno: EINVAL) }
    var event: EventDescriptor?
    if let descriptor = descriptors.takeFirst() { event = try EventDescriptor(descriptor) }
    let old = state.withLock { state in
      let old = state.unmask
      state.unmask = event
      return old
    }
    _ = old
  }
}
