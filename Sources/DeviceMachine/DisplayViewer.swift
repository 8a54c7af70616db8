import Conformance
import FrontEndAPI

/// A front-end that looks only when it is asked: what a device's outputs show.
package final class DisplayViewer {
  private let channel: any DisplayChannel
  /// The device tells it of changes, which nobody here waits for.
  private let frontEnd = Attachment()

  /// Attaches to a device; `attach` hands the front-end to it.
  package init(_ attach: (any DisplayFrontEnd) throws -> any DisplayChannel) rethrows {
    channel = try attach(frontEnd)
  }

  deinit { channel.detach() }

  /// What an output shows now; nil when it is off.
  package func picture(scanout: Int) -> ScreenPicture? {
    // Brings the finished surface up to date; where it changed does not matter here.
    _ = channel.takeChanges(ofOutput: scanout)
    return channel.withSurface(ofOutput: scanout) { surface in
      // The view lives as long as this call, and the copy is as long as the view.
      let lines = unsafe surface.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(surface.width * surface.height * 4)
      for y in 0..<surface.height {
        bytes += lines[y * surface.stride..<y * surface.stride + surface.width * 4]
      }
      return ScreenPicture(width: surface.width, height: surface.height, bytes: bytes)
    }
  }

  /// The pointer of an output; nil when there is no such output.
  package func cursor(scanout: Int) -> ScreenCursor? {
    channel.cursor(ofOutput: scanout).map { state in
      ScreenCursor(
        x: state.x, y: state.y,
        image: state.image.map {
          ScreenCursor.Image(
            hotX: $0.hotX, hotY: $0.hotY, width: $0.width, height: $0.height, bytes: $0.pixels)
        })
    }
  }
}

/// The front-end's half of the handshake.
private final class Attachment: DisplayFrontEnd {
  let interface = InterfaceVersion(
    type: DisplayInterface.type, label: "viewer", major: DisplayInterface.major, minor: DisplayInterface.minor
  )

  func attached(to channel: any DisplayChannel) {}
  func outputChanged(_ index: Int) {}
}
