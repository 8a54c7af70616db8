import GuestRAM
import HostThreads
import Synchronization

/// What others want to know of what only the device's thread may touch.
///
/// The thread looks at one flag between two buffers. While nobody asks that is all it costs.
final class QuestionDesk: Sendable {
  private let isAsked = Atomic(false)
  private let questions = Lock<[Question]>([])

  /// One question; told apart by identity.
  final class Question: Sendable {
    let answer: @Sendable (borrowing RingWorker) -> Void
    init(_ answer: @escaping @Sendable (borrowing RingWorker) -> Void) { self.answer = answer }
  }

  /// Whether a question waits; for tests.
  var isAnyWaiting: Bool { isAsked.load(ordering: .relaxed) }

  func ask(_ question: Question) {
    questions.withLock { questions in
      questions.append(question)
      isAsked.store(true, ordering: .relaxed)
    }
  }

  /// The question is of no interest any more.
  func withdraw(_ question: Question) { questions.withLock { $0.removeAll { $0 === question } } }

  /// Takes what was asked. A question that is seen late is answered one buffer later.
  func take() -> [Question] {
    guard isAsked.load(ordering: .relaxed) else { return [] }
    return questions.withLock { questions in
      defer { questions = [] }
      isAsked.store(false, ordering: .relaxed)
      return questions
    }
  }
}

extension DeviceState {
  /// The device as it is now, and what `detail` returns, which sees everything of the device's thread's.
  ///
  /// Nothing changes by it: no register counts as read, no doorbell is rung, no interrupt raised. Any thread may call.
  /// While the device's thread sleeps the caller takes its place for the time of copying; else that thread copies
  /// between two buffers. When it is at one buffer for longer than `milliseconds`, there is no detail and the snapshot
  /// is marked as busy. (Inline, the caller may find that a doorbell was rung meanwhile, and works the rings for it.)
  ///
  /// - Parameter detail: copies and returns; it does not touch guest memory or wait.
  package func inspect<Detail: Sendable>(
    withinMilliseconds milliseconds: Int, _ detail: @escaping @Sendable () -> Detail
  ) -> (VirtioSnapshot, Detail?) {
    let answer = Reply<(VirtioSnapshot, Detail)>()
    let question = QuestionDesk.Question { worker in
      answer.give((self.snapshot(self.rings(worker)), detail()))
    }
    if !answerHere(question.answer) {
      questions.ask(question)
      let deadline = ContinuousClock.now.advanced(by: .milliseconds(milliseconds))
      // The thread may have gone to sleep without seeing the question: then its lock is free. So look again and again.
      while answer.value(withinMilliseconds: 2) == nil, !answerHere(answerQuestions),
        ContinuousClock.now < deadline
      {}
      questions.withdraw(question)
    }
    return answer.value() ?? (snapshot(nil), nil)
  }

  /// Answers in the place of the device's thread; false when that, or another in its place, is at work.
  private func answerHere(_ answer: (borrowing RingWorker) -> Void) -> Bool {
    guard worker.withLockIfAvailable({ answer($0) }) != nil else { return false }
    // Who rang meanwhile found the lock taken and left the bits to its holder.
    if scheduling == .inline { workInline() }
    return true
  }

  /// Answers what was asked; called between two buffers.
  func answerQuestions(_ worker: borrowing RingWorker) {
    for question in questions.take() { question.answer(worker) }
  }

  private func rings(_ worker: borrowing RingWorker) -> [RingSnapshot?] {
    memory.withAccess { access in worker.queues.map { $0?.snapshot(in: access) } }
  }

  /// What the registers say, beside how far the rings are; nil: the device's thread is busy.
  private func snapshot(_ rings: [RingSnapshot?]?) -> VirtioSnapshot {
    let registers = registers.withLock { $0 }
    let isResetting = registers.isResetting
    let counts = zip(RingFaultKind.allCases, registers.faultCounts).filter { $0.1 > 0 }
    func vector(_ vector: UInt16) -> UInt16? { vector == QueueSetup.noVector ? nil : vector }
    return VirtioSnapshot(
      deviceType: device.deviceID,
      interface: registers.interface.map { $0 == .legacy ? .legacy : .modern },
      status: (isResetting && registers.status.isEmpty ? registers.statusBeforeReset : registers.status)
        .rawValue,
      isResetting: isResetting, resets: registers.resetsDone,
      offered: registers.interface == .legacy ? legacyOffered : offered, accepted: registers.accepted,
      configurationGeneration: registers.configurationGeneration,
      configurationVector: vector(registers.configurationVector), isBusMaster: registers.isBusMaster,
      ringFaults: Dictionary(uniqueKeysWithValues: counts), lastRingFault: registers.lastFault?.kind,
      queues: registers.queues.enumerated().map { index, setup in
        QueueSnapshot(
          index: index, maximumSize: setup.maximumSize, size: setup.size, isEnabled: setup.isEnabled,
          isResetting: setup.isResetting, descriptorArea: setup.descriptorArea, driverArea: setup.driverArea,
          deviceArea: setup.deviceArea, vector: vector(setup.vector), ring: rings?[index])
      },
      isBusy: rings == nil)
  }
}
