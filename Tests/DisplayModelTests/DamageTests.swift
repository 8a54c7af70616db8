import FrontEndAPI
import Testing

@testable import DisplayModel

@Suite struct DamageTests {
  @Test func `a new set is empty`() {
    #expect(Damage().isEmpty)
    #expect(Damage().all == [])
  }

  @Test func `rectangles far apart are kept as they are`() {
    var damage = Damage()
    let added = (0..<UInt32(Damage.capacity)).map { Rectangle(x: $0 * 100, y: $0 * 50, width: 10, height: 5) }
    for rectangle in added { damage.add(rectangle) }
    #expect(damage.all == added)
  }

  @Test func `a rectangle inside another adds nothing`() {
    var damage = Damage()
    let large = Rectangle(x: 10, y: 10, width: 100, height: 100)
    damage.add(large)
    damage.add(Rectangle(x: 20, y: 30, width: 5, height: 5))
    damage.add(large)
    #expect(damage.all == [large])
  }

  @Test func `neighbours that make one rectangle become one`() {
    var damage = Damage()
    for line in 0..<480 as Range<UInt32> { damage.add(Rectangle(x: 7, y: line, width: 33, height: 1)) }
    #expect(damage.all == [Rectangle(x: 7, y: 0, width: 33, height: 480)])
  }

  @Test func `a rectangle over several takes their place`() {
    var damage = Damage()
    for index in 0..<8 as Range<UInt32> {
      damage.add(Rectangle(x: index * 20, y: index * 20, width: 3, height: 3))
    }
    let all = Rectangle(x: 0, y: 0, width: 200, height: 200)
    damage.add(all)
    #expect(damage.all == [all])
  }

  @Test(arguments: [Rectangle(x: 5, y: 5, width: 0, height: 9), Rectangle(x: 5, y: 5, width: 9, height: 0)])
  func `an empty rectangle adds nothing`(_ empty: Rectangle) {
    var damage = Damage()
    damage.add(empty)
    #expect(damage.isEmpty)
  }

  @Test func `removing all leaves nothing of the old`() {
    var damage = Damage()
    damage.add(Rectangle(x: 0, y: 0, width: 9, height: 9))
    damage.removeAll()
    damage.add(Rectangle(x: 50, y: 50, width: 1, height: 1))
    #expect(damage.all == [Rectangle(x: 50, y: 50, width: 1, height: 1)])
  }

  /// Judged by a bitmap that knows nothing of rectangles: every pixel ever added is covered, nothing outside
  /// the picture is, and there are never more rectangles than the capacity.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func `every pixel added stays covered`(_ seed: UInt64) {
    let side = 48
    var random = SplitMix(state: seed)
    var bitmap = [Bool](repeating: false, count: side * side)
    var damage = Damage()
    let largest = [2, 8, 40][Int(seed % 3)]
    for step in 1...120 {
      let x = Int(random.next() % UInt64(side)), y = Int(random.next() % UInt64(side))
      let width = min(1 + Int(random.next() % UInt64(largest)), side - x)
      let height = min(1 + Int(random.next() % UInt64(largest)), side - y)
      damage.add(Rectangle(x: UInt32(x), y: UInt32(y), width: UInt32(width), height: UInt32(height)))
      for row in y..<(y + height) { for column in x..<(x + width) { bitmap[row * side + column] = true } }
      guard step % 10 == 0 else { continue }
      #expect(damage.count <= Damage.capacity)
      var covered = [Bool](repeating: false, count: side * side)
      for rectangle in damage.all {
        guard rectangle.fits(width: side, height: side) else {
          Issue.record("\(rectangle) reaches outside")
          return
        }
        for row in Int(rectangle.y)..<Int(rectangle.endY) {
          for column in Int(rectangle.x)..<Int(rectangle.endX) { covered[row * side + column] = true }
        }
      }
      let isCovering = zip(bitmap, covered).allSatisfy { !$0 || $1 }
      #expect(isCovering, "a pixel was lost")
    }
  }
}

/// A small generator with a seed, so that a failing case can be run again.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
