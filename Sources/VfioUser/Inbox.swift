import CHost
import Glibc

/// What a client has sent and nobody has worked on yet: bytes, and the descriptors that belong to its messages.
///
/// One `receive` takes whatever is there, often several messages; `front` then hands them out one by one. Linux never
/// joins bytes behind a piece with descriptors to that piece: descriptors arrive with the read that takes the first
/// byte of their piece, and that piece is the last of the read. A client sends a message and its descriptors in one
/// piece, so they belong to the message that holds the last byte read.
struct Inbox: ~Copyable {
  /// What `receive` found.
  enum Arrival: Equatable {
    case bytes
    case nothing
    /// The client has ended the stream.
    case end
    case failure(errno: CInt)
  }

  /// What stands at the front.
  enum Front {
    /// A whole message: its header, and where its payload lies in `bytes`.
    case message(Header, payload: Range<Int>)
    /// Nothing, or a part of a message.
    case incomplete
    /// A header that gives an impossible size; the stream makes no sense any more.
    case malformed(Header)
  }

  private let socket: CInt
  private let largestMessage: Int
  private var storage: [UInt8]
  private var start = 0
  private var end = 0
  /// The descriptors of the message at `start`.
  private var held = DescriptorBatch()
  /// The descriptors of the message at `laterOwner`, which is not the one at `start`.
  private var later = DescriptorBatch()
  private var laterOwner = -1

  /// An empty inbox for a socket that stays the caller's.
  init(socket: CInt, largestMessage: Int) {
    self.socket = socket
    self.largestMessage = largestMessage
    // A message that begins anywhere still fits after it is moved to the front, with room for what follows it.
    storage = [UInt8](repeating: 0, count: largestMessage * 2)
  }

  /// All bytes; only ranges from `front` mean anything.
  var bytes: RawSpan {
    @_lifetime(borrow self) get {
      // Bytes have no padding, and all of them were set by init.
      unsafe storage.span.bytes
    }
  }

  /// Reads what is there, without waiting. Every complete message must have been taken before.
  mutating func receive() -> Arrival {
    if start > 0 {
      // Both ranges lie inside the storage: start <= end <= count.
      _ = unsafe storage.withUnsafeMutableBytes { all in
        unsafe memmove(all.baseAddress!, all.baseAddress! + start, end - start)
      }
      end -= start
      start = 0
    }
    var numbers = InlineArray<253, CInt>(repeating: -1)
    var span = numbers.mutableSpan
    let from = end
    let (socket, room) = (socket, storage.count - end)
    let received = unsafe storage.withUnsafeMutableBytes { all in
      // The call writes at most `room` bytes behind `from`, and at most 253 numbers.
      unsafe span.withUnsafeMutableBufferPointer { numbers in
        unsafe chost_receive(socket, all.baseAddress! + from, room, numbers.baseAddress!, CInt(numbers.count))
      }
    }
    guard received.count >= 0 else {
      let errno = CInt(truncatingIfNeeded: -received.count)
      return errno == EAGAIN ? .nothing : .failure(errno: errno)
    }
    end += received.count
    if received.descriptor_count > 0 || received.lost_descriptors > 0 {
      var batch = DescriptorBatch()
      for index in 0..<Int(received.descriptor_count) { batch.append(owning: numbers[index]) }
      if received.lost_descriptors > 0 { batch.markIncomplete() }
      keep(batch)
    }
    return received.count == 0 ? .end : .bytes
  }

  /// Gives descriptors that came with the last read to the message that holds the last byte.
  private mutating func keep(_ batch: consuming DescriptorBatch) {
    var owner = start
    while let size = messageSize(at: owner), size < end - owner { owner += size }
    if owner == start {
      held.append(batch)
    } else {
      laterOwner = owner
      later.append(batch)
    }
  }

  /// The size that the message at an offset claims, nil if its header is not here or claims nonsense.
  private func messageSize(at offset: Int) -> Int? {
    guard let header = Header(bytes.extracting(offset..<end)) else { return nil }
    guard let size = Int(exactly: header.messageSize), size >= Header.size, size <= largestMessage else {
      return nil
    }
    return size
  }

  /// What stands at the front. A message counts as taken when `dropFront` is called.
  func front() -> Front {
    guard let header = Header(bytes.extracting(start..<end)) else { return .incomplete }
    guard let size = messageSize(at: start) else { return .malformed(header) }
    guard size <= end - start else { return .incomplete }
    return .message(header, payload: start + Header.size..<start + size)
  }

  /// Hands over the descriptors of the message at the front.
  mutating func takeDescriptors() -> DescriptorBatch {
    var taken = DescriptorBatch()
    swap(&taken, &held)
    return taken
  }

  /// Goes on to the next message; descriptors of the first that nobody took are closed.
  mutating func dropFront() {
    guard let size = messageSize(at: start), size <= end - start else { return }
    start += size
    held = DescriptorBatch()
    if laterOwner == start {
      swap(&held, &later)
      laterOwner = -1
    }
    if start == end {
      start = 0
      end = 0
    }
  }
}
