import ControlSocket
import FrontEndAPI
import FrontEndPNG

/// Answers what the control socket is asked, from a picture front-end.
struct ControlResponder: Sendable {
  let frontEnd: PictureFrontEnd

  /// The answer to a request; called on the control thread.
  func answer(_ request: ControlRequest) -> ControlReply {
    do {
      switch request {
      case .screenshot(let scanout, let withCursor, let encoding):
        let picture = try frontEnd.picture(ofOutput: scanout, withCursor: withCursor)
        return .content(encoding == .png ? try picture.pngBytes() : picture.ppmBytes())
      case .cursor(let scanout):
        return .content(CursorReport(try frontEnd.cursor(ofOutput: scanout)).bytes)
      }
    } catch let error as PictureError {
      let code: ControlFailure.Code =
        switch error {
        case .noSuchOutput: .noSuchScanout
        case .outputIsOff: .off
        case .notAttached: .failed
        }
      return .failure(ControlFailure(code, error.description))
    } catch {
      return .failure(ControlFailure(.failed, "\(error)"))
    }
  }
}

extension CursorReport {
  /// Reports a cursor.
  init(_ cursor: CursorState) {
    guard let image = cursor.image else {
      self.init(isVisible: false, x: cursor.x, y: cursor.y)
      return
    }
    self.init(
      isVisible: true, x: cursor.x, y: cursor.y, hotX: UInt32(clamping: image.hotX),
      hotY: UInt32(clamping: image.hotY), width: UInt32(clamping: image.width),
      height: UInt32(clamping: image.height), crc: CRC32.checksum(image.pixels))
  }
}
