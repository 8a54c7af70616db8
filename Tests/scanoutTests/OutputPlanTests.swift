import ControlSocket
import DisplayModel
import Testing

@testable import DeviceControl
@testable import scanout

@Suite struct OutputPlanTests {
  /// Scanout 0 is on, 1 stands below its right, 2 and 3 are off.
  private func plan() throws -> OutputPlan {
    var plan = try OutputPlan([try geometry("1280x800"), try geometry("640x480+1280+320")], count: 4)
    #expect(plan.outputs.map(\.isEnabled) == [true, true, false, false])
    try plan.apply(.set(scanout: 1, width: 640, height: 480, at: nil))
    return plan
  }

  private func geometry(_ text: String) throws -> OutputGeometry {
    try #require(OutputGeometry(argument: text))
  }

  private func wanted(_ text: String) throws -> OutputPreference {
    let geometry = try geometry(text), position = try #require(geometry.position)
    return OutputPreference(mode: geometry.mode, x: UInt32(position.x), y: UInt32(position.y))
  }

  @Test func `outputs that start without a position stand side by side`() throws {
    let plan = try OutputPlan(
      [try geometry("800x600"), try geometry("640x480+2000+9"), try geometry("320x200")], count: 0)
    #expect(
      plan.outputs == [
        try wanted("800x600+0+0"), try wanted("640x480+2000+9"), try wanted("320x200+2640+9"),
      ])
    #expect(plan.added.isEmpty)
  }

  @Test func `another size keeps the place of an output that is on`() throws {
    var plan = try plan()
    try plan.apply(.set(scanout: 1, width: 800, height: 600, at: nil))
    #expect(plan.outputs[1] == (try wanted("800x600+1280+320")))
    #expect(Set(OutputPlan(plan.outputs).changes.keys) == [])
    var next = OutputPlan(plan.outputs)
    try next.apply(.set(scanout: 1, width: 700, height: 600, at: nil))
    #expect(next.changes == [1: try wanted("700x600+1280+320")], "the others are left alone")
    try plan.apply(.set(scanout: 1, width: 800, height: 600, at: OutputPosition(x: 7, y: 0)))
    #expect(plan.outputs[1] == (try wanted("800x600+7+0")))
    #expect(plan.outputs[0] == (try wanted("1280x800+0+0")) && plan.added.isEmpty)
  }

  @Test func `an output that comes stands beside the one that reaches farthest right`() throws {
    var plan = try plan()
    try plan.apply(.set(scanout: 3, width: 100, height: 200, at: nil))
    #expect(plan.outputs[3] == (try wanted("100x200+1920+320")))
    try plan.apply(.add(width: 300, height: 400, at: nil))
    #expect(plan.outputs[2] == (try wanted("300x400+2020+320")))
    #expect(plan.added == [2])
  }

  @Test func `an output that goes keeps its size, and its number is the first to be given again`() throws {
    var plan = try plan()
    try plan.apply(.remove(scanout: 0))
    var gone = try wanted("1280x800+0+0")
    gone.isEnabled = false
    #expect(plan.outputs[0] == gone)
    try plan.apply(.remove(scanout: 1))
    try plan.apply(.add(width: 32, height: 32, at: nil))
    try plan.apply(.add(width: 16384, height: 16384, at: OutputPosition(x: 5, y: 6)))
    #expect(plan.outputs[0] == (try wanted("32x32+0+0")), "alone, so at the origin")
    #expect(plan.outputs[1] == (try wanted("16384x16384+5+6")))
    #expect(plan.added == [0, 1])
    try plan.apply(.remove(scanout: 1))
    #expect(plan.added == [0])
  }

  @Test func `places reach to the end of 32 bits with a sign`() throws {
    var plan = try plan()
    try plan.apply(
      .set(scanout: 0, width: 47, height: 47, at: OutputPosition(x: 2_147_483_600, y: 2_147_483_600)))
    #expect(plan.outputs[0] == (try wanted("47x47+2147483600+2147483600")))
    #expect(refusal(.set(scanout: 0, width: 48, height: 47, at: nil), of: plan) == .badRequest)
    #expect(
      refusal(.add(width: 32, height: 32, at: nil), of: plan) == .badRequest, "right of that is no room")
  }

  @Test(arguments: [
    (OutputAction.set(scanout: 4, width: 640, height: 480, at: nil), ControlFailure.Code.noSuchScanout),
    (.set(scanout: 9_999_999_999, width: 640, height: 480, at: nil), .noSuchScanout),
    (.remove(scanout: 4), .noSuchScanout), (.remove(scanout: -1), .noSuchScanout),
    (.set(scanout: 0, width: 31, height: 480, at: nil), .badRequest),
    (.set(scanout: 0, width: 640, height: 16385, at: nil), .badRequest),
    (.add(width: 0, height: 9_999_999_999, at: nil), .badRequest),
    (.add(width: 640, height: 480, at: OutputPosition(x: 2_147_483_647, y: 0)), .badRequest),
    (.add(width: 640, height: 480, at: OutputPosition(x: 0, y: 9_999_999_999)), .badRequest),
    (.add(width: 640, height: 480, at: OutputPosition(x: -1, y: 0)), .badRequest),
  ])
  func `a change that cannot be is refused`(_ row: (action: OutputAction, code: ControlFailure.Code)) throws {
    #expect(refusal(row.action, of: try plan()) == row.code)
  }

  @Test func `when all outputs are on none can be added`() throws {
    var plan = try plan()
    for _ in 0..<2 { try plan.apply(.add(width: 64, height: 64, at: nil)) }
    #expect(refusal(.add(width: 64, height: 64, at: nil), of: plan) == .allOn)
  }

  private func refusal(_ action: OutputAction, of plan: OutputPlan) -> ControlFailure.Code? {
    var plan = plan
    do {
      try plan.apply(action)
      return nil
    } catch { return error.code }
  }
}
