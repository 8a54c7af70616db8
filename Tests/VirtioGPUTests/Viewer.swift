import FrontEndAPI
import HostThreads

/// A front-end that counts what it is told and does nothing by itself.
final class Viewer: DisplayFrontEnd {
  let interface: InterfaceVersion
  private let calls = Lock<[Int]>([])

  init(major: UInt32 = DisplayInterface.major, type: String = DisplayInterface.type) {
    interface = InterfaceVersion(type: type, label: "test", major: major, minor: 7)
  }

  /// The outputs it was told of, in order.
  var told: [Int] { calls.withLock { $0 } }

  func attached(to channel: any DisplayChannel) {}
  func outputChanged(_ index: Int) { calls.withLock { $0.append(index) } }
}

extension DisplayChannel {
  /// The finished pixels, row by row; nil while there are none.
  func pixels(ofOutput index: Int) -> [UInt8]? {
    withSurface(ofOutput: index) { surface in
      // The span checks every offset, and every bit pattern is a byte.
      (0..<(surface.height * surface.width * 4)).map { place in
        let row = place / (surface.width * 4), column = place % (surface.width * 4)
        return unsafe surface.bytes.unsafeLoad(fromByteOffset: row * surface.stride + column, as: UInt8.self)
      }
    }
  }
}
