import FrontEndAPI
import GuestDriver

/// What an output shows, as a front-end sees it: bytes B, G, R, 0 of each pixel, row by row.
struct Picture: Equatable {
  var width: Int
  var height: Int
  var bytes: [UInt8]

  init(width: Int, height: Int, bytes: [UInt8]) {
    self.width = width
    self.height = height
    self.bytes = bytes
  }

  /// What a front-end that draws everything has on its screen now; nil for an output that is off.
  init?(of channel: any DisplayChannel, output: Int) {
    _ = channel.takeChanges(ofOutput: output)
    let copy = channel.withSurface(ofOutput: output) { surface in
      // The view lives as long as this call, and the copy is as long as the view.
      let lines = unsafe surface.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(surface.width * surface.height * 4)
      for y in 0..<surface.height {
        bytes += lines[y * surface.stride..<y * surface.stride + surface.width * 4]
      }
      return Picture(width: surface.width, height: surface.height, bytes: bytes)
    }
    guard let copy else { return nil }
    self = copy
  }

  /// A picture painted here, without the device.
  init(width: Int, height: Int, _ pixel: (_ x: Int, _ y: Int) -> GPUPixel) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(width * height * 4)
    for y in 0..<height {
      for x in 0..<width {
        let pixel = pixel(x, y)
        bytes += [pixel.blue, pixel.green, pixel.red, 0]
      }
    }
    self.init(width: width, height: height, bytes: bytes)
  }

  /// Where the first differing pixel is, for a message that helps; nil if there is none.
  func firstDifference(from other: Picture) -> String? {
    guard width == other.width, height == other.height else {
      return "\(width)x\(height) instead of \(other.width)x\(other.height)"
    }
    guard bytes != other.bytes, let at = bytes.indices.first(where: { bytes[$0] != other.bytes[$0] }) else {
      return nil
    }
    let pixel = at / 4 * 4, x = at / 4 % width, y = at / 4 / width
    return
      "\(x),\(y): \(Array(bytes[pixel..<pixel + 4])) instead of \(Array(other.bytes[pixel..<pixel + 4]))"
  }
}

/// A colour that no two neighbours share, another one for each seed.
func pattern(_ seed: Int) -> (_ x: Int, _ y: Int) -> GPUPixel {
  { x, y in
    var state = UInt32(truncatingIfNeeded: x &* 0x9e37 &+ y &* 0x85eb_ca6b &+ seed &* 0xc2b2_ae35)
    state ^= state >> 15
    state = state &* 0x2c1b_3c6d
    state ^= state >> 12
    return GPUPixel(
      red: UInt8(truncatingIfNeeded: state), green: UInt8(truncatingIfNeeded: state >> 8),
      blue: UInt8(truncatingIfNeeded: state >> 16), alpha: UInt8(truncatingIfNeeded: state >> 24))
  }
}
