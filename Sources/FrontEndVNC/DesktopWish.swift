import FrontEndAPI
import HostThreads

/// What a viewer wants the screens to be (`SetDesktopSize`).
struct DesktopWish: Equatable {
  let width: Int
  let height: Int
  /// In the message's order.
  let screens: [Screen]

  /// A part of the picture that a monitor shows.
  struct Screen: Equatable {
    let id: UInt32
    let area: Rectangle
  }

  /// The protocol's answers.
  enum Answer: UInt8 {
    /// It is as wanted already.
    case done = 0
    /// Viewers may not.
    case prohibited = 1
    /// Larger, or more screens, than there can be.
    case outOfResources = 2
    /// No layout that outputs can have.
    case invalid = 3
    /// The guest was told; what it makes of it, viewers hear when it has.
    case forwarded = 4
  }

  /// What each output is to be; those that are missing are to be off.
  ///
  /// A screen with an output's number is that output, another is the first that is free.
  ///
  /// - Parameters:
  ///   - output: the one that is shown, which keeps its place among the others; nil for all.
  ///   - count: how many outputs there are.
  ///   - sides: what either side of one may be.
  func outputs(
    showing output: Int?, count: Int, sides: ClosedRange<Int>
  ) -> Result<[Int: Rectangle], Refusal> {
    guard !screens.isEmpty else { return .failure(.invalid) }
    for (index, screen) in screens.enumerated() {
      let area = screen.area
      guard Int(area.x) + Int(area.width) <= width, Int(area.y) + Int(area.height) <= height,
        !screens[..<index].contains(where: { $0.id == screen.id || $0.area.overlaps(area) }),
        sides.lowerBound <= Int(min(area.width, area.height))
      else { return .failure(.invalid) }
      guard Int(max(area.width, area.height)) <= sides.upperBound else { return .failure(.outOfResources) }
    }
    if let output {
      // Its screen is all of the picture.
      guard screens.count == 1, let area = screens.first?.area,
        area == Rectangle(x: 0, y: 0, width: UInt32(clamping: width), height: UInt32(clamping: height))
      else { return .failure(.invalid) }
      return .success([output: area])
    }
    var outputs: [Int: Rectangle] = [:]
    for screen in screens {
      if let index = Int(exactly: screen.id), index < count { outputs[index] = screen.area }
    }
    for screen in screens where (Int(exactly: screen.id) ?? count) >= count {
      guard let free = (0..<count).first(where: { outputs[$0] == nil }) else {
        return .failure(.outOfResources)
      }
      outputs[free] = screen.area
    }
    return .success(outputs)
  }

  /// Why a wish cannot be passed on.
  enum Refusal: Error {
    case invalid, outOfResources

    var answer: Answer { self == .invalid ? .invalid : .outOfResources }
  }
}

/// What the viewers of a server have wished of the screens: one at a time, and who it was.
final class DesktopWishes: Sendable {
  /// The least time between two changes that viewers make.
  static let intervalInMilliseconds: Int64 = 100
  /// How long a change of size counts as what a viewer wished for.
  private static let memoryInMilliseconds: Int64 = 10_000

  private struct State {
    /// From when on the next change may be made.
    var nextFree: Int64 = 0
    var last: (size: (Int, Int), viewer: ObjectIdentifier, until: Int64)?
  }

  private let state = Lock(State())

  /// When a change may be made that is wanted now.
  func reserve() -> Int64 {
    state.withLock { state in
      let due = max(Clock.now(), state.nextFree)
      state.nextFree = due + Self.intervalInMilliseconds
      return due
    }
  }

  /// A viewer's wish is passed on to the guest.
  func pass(_ wish: DesktopWish, of viewer: ObjectIdentifier) {
    let until = Clock.now() + Self.memoryInMilliseconds
    state.withLock { $0.last = ((wish.width, wish.height), viewer, until) }
  }

  /// Why the picture has a size now, as `ExtendedDesktopSize` tells it to a viewer: 1 for its own wish, 2 for another
  /// viewer's, 0 for whatever else.
  func reason(ofSize size: (Int, Int), for viewer: ObjectIdentifier) -> Int {
    guard let last = state.withLock({ $0.last }), last.size == size, Clock.now() < last.until else {
      return 0
    }
    return last.viewer == viewer ? 1 : 2
  }
}
