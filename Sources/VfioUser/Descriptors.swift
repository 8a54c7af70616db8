import CHost
import Glibc

/// The one owner of a file descriptor: closed exactly once, when the value is destroyed.
struct Descriptor: ~Copyable, Sendable {
  let number: CInt

  init(owning number: CInt) { self.number = number }

  deinit { _ = close(number) }
}

/// The descriptors that came with one message, in order; those that nobody takes are closed with it.
struct DescriptorBatch: ~Copyable {
  /// The most that one message may bring; what `max_msg_fds` promises.
  static let capacity = 16

  private var numbers = InlineArray<16, CInt>(repeating: -1)
  /// Descriptors that are still here.
  private(set) var count = 0
  /// Whether more came than can be kept, or some were lost on the way.
  private(set) var isIncomplete = false

  init() {}

  deinit {
    for index in 0..<count { _ = close(numbers[index]) }
  }

  /// Takes over a descriptor; closes it if there are too many.
  mutating func append(owning number: CInt) {
    guard count < Self.capacity else {
      _ = close(number)
      isIncomplete = true
      return
    }
    numbers[count] = number
    count += 1
  }

  /// Remembers that descriptors are missing.
  mutating func markIncomplete() { isIncomplete = true }

  /// Hands over the first descriptor that is still here.
  mutating func takeFirst() -> Descriptor? {
    guard count > 0 else { return nil }
    let first = numbers[0]
    for index in 1..<count { numbers[index - 1] = numbers[index] }
    count -= 1
    return Descriptor(owning: first)
  }

  /// Takes over everything that `other` has.
  mutating func append(_ other: consuming DescriptorBatch) {
    if other.isIncomplete { isIncomplete = true }
    for index in 0..<other.count { append(owning: other.numbers[index]) }
    other.count = 0  // all handed over
  }
}

/// An eventfd of the client's that we signal: non-blocking, owned by the one place that refers to it.
final class EventDescriptor: Sendable {
  private let descriptor: Descriptor

  /// Takes over a received descriptor.
  ///
  /// - Throws: EINVAL for what is not an eventfd: a pipe or a socket could hold up whoever signals it.
  init(_ descriptor: consuming Descriptor) throws(Refusal) {
    guard chost_is_event(descriptor.number) == 1 else { throw Refusal(errno: EINVAL) }
    let result = chost_set_nonblocking(descriptor.number)
    guard result == 0 else { throw Refusal(errno: -result) }
    self.descriptor = descriptor
  }

  var number: CInt { descriptor.number }

  /// Writes the 8 bytes. A full counter is as good: the client has a signal to take.
  func signal() { _ = chost_event_signal(descriptor.number) }

  /// Takes what the client signalled; false if it was nothing.
  func take() -> Bool { chost_event_take(descriptor.number) == 1 }
}
