import FrontEndAPI

/// Where pixels changed: a bounded set of rectangles that covers everything ever added to it.
///
/// Rectangles may overlap. When there is no room left, the new one is merged with the one that grows least by
/// it, so the set may cover more than was added, never less. Nothing here allocates.
package struct Damage: Sendable {
  /// The most rectangles that are kept apart.
  package static let capacity = 16

  private var rectangles = InlineArray<16, Rectangle>(repeating: Rectangle(x: 0, y: 0, width: 0, height: 0))
  /// How many rectangles there are, 0 to `capacity`.
  package private(set) var count = 0

  package init() {}

  /// Whether nothing changed.
  package var isEmpty: Bool { count == 0 }

  /// The rectangle at `index`, which is below `count`.
  package subscript(index: Int) -> Rectangle {
    precondition(index < count)
    return rectangles[index]
  }

  /// The rectangles as an array, for whoever may allocate.
  package var all: [Rectangle] { (0..<count).map { rectangles[$0] } }

  package mutating func removeAll() { count = 0 }

  /// Adds a rectangle, which ends below 2^32 on both axes; an empty one changes nothing.
  package mutating func add(_ added: Rectangle) {
    guard !added.isEmpty else { return }
    var rectangle = added
    // What came of a merge may swallow others in turn; each round takes one out, so this ends.
    while let index = partner(of: rectangle) {
      rectangle = rectangle.union(rectangles[index])
      remove(at: index)
    }
    rectangles[count] = rectangle
    count += 1
  }

  /// The rectangle to merge `added` with: one where that covers nothing in vain, else none while there is
  /// room, else the one where it covers least in vain.
  private func partner(of added: Rectangle) -> Int? {
    var cheapest: Int?
    var leastWaste = UInt64.max
    for index in 0..<count {
      let apart = added.area.addingReportingOverflow(rectangles[index].area)
      let together = added.union(rectangles[index]).area
      if apart.overflow || together <= apart.partialValue { return index }
      if together - apart.partialValue <= leastWaste {
        leastWaste = together - apart.partialValue
        cheapest = index
      }
    }
    return count == Self.capacity ? cheapest : nil
  }

  private mutating func remove(at index: Int) {
    count -= 1
    rectangles[index] = rectangles[count]
  }
}
