import FrontEndAPI

/// What an output shows: a rectangle of a resource. The device's thread alone knows it.
struct Scanout {
  let resource: Resource
  let source: PixelSource
  /// Lies inside the source and is not empty.
  let rectangle: Rectangle
  let room: SurfaceRoom
  /// nil when the display follows no refreshes.
  let refreshes: RefreshCycle?
}

/// The budget's room for one output's finished surface.
///
/// Taken when a guest turns the output on or changes its size, so that front-ends, which make the surface
/// later and only if they want it, are never refused. It lives as long as the scanout or the surface,
/// whichever is longer.
final class SurfaceRoom: Sendable {
  let width: Int
  let height: Int
  private let charge: MemoryCharge

  init?(width: Int, height: Int, budget: MemoryBudget) {
    let byteCount = width * height * PixelFormat.bytesPerPixel
    guard let charge = budget.charge(UInt64((byteCount + 4095) & ~4095)) else { return nil }
    self.width = width
    self.height = height
    self.charge = charge
  }
}
