public import FrontEndAPI

/// A display at one moment, for people and programs that look from outside.
public struct DisplaySnapshot: Sendable, Equatable {
  /// Every resource that the guest has made.
  public package(set) var resources: [ResourceSnapshot] = []
  /// Every output, in order.
  public package(set) var outputs: [OutputSnapshot] = []
  /// The front-ends that are attached, as each calls itself, with the version that it was built for.
  public package(set) var frontEnds: [InterfaceVersion] = []
  /// What the guest may ask for; `limits.memory` is the most bytes that it can make the device hold.
  public let limits: DisplayLimits
  /// Bytes that it makes the device hold.
  public let memoryInUse: UInt64

  init(limits: DisplayLimits, memoryInUse: UInt64) {
    self.limits = limits
    self.memoryInUse = memoryInUse
  }
}

/// One resource.
public struct ResourceSnapshot: Sendable, Equatable {
  /// What a resource may be.
  public enum Kind: Sendable, Equatable {
    /// Pixels of the device's own (`VIRTIO_GPU_CMD_RESOURCE_CREATE_2D`): `format` names the channels in memory order,
    /// such as `B8G8R8X8`.
    case picture(format: String, width: Int, height: Int)
    /// The guest's pages themselves (`VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB`).
    case blob
  }

  /// The guest's name for it, never 0.
  public let id: UInt32
  /// What it is.
  public let kind: Kind
  /// Bytes of the picture, or those that the guest asked for.
  public let byteCount: UInt64
  /// Bytes of guest memory behind it; nil while it has no backing.
  public let backingByteCount: UInt64?
  /// Ranges of guest memory that these are, those that continue each other counted as one; 0 without backing.
  public let backingRangeCount: Int
  /// Its name for other devices, as RFC 9562 writes one; nil while the guest has not asked.
  public var uuid: String? { assignedUUID?.text }  // made here, not on the device's thread
  private let assignedUUID: ResourceUUID?

  init(_ resource: Resource) {
    id = resource.id.value
    switch resource.content {
    case .picture(let picture):
      let pixels = picture.pixels
      kind = .picture(format: pixels.format.channels, width: pixels.width, height: pixels.height)
      byteCount = UInt64(pixels.stride) * UInt64(pixels.height)
    case .blob(let blob):
      kind = .blob
      byteCount = blob.size
    }
    let backing = resource.backingExtent
    backingByteCount = backing?.byteCount
    backingRangeCount = backing?.rangeCount ?? 0
    assignedUUID = resource.assignedUUID
  }
}

/// One output: what the host wants of it, and what the guest makes of it.
public struct OutputSnapshot: Sendable, Equatable {
  /// What the host wants.
  public let preference: OutputPreference
  /// What the guest shows; nil while the output is off.
  public let scanout: ScanoutSnapshot?
  /// The guest's pointer.
  public let cursor: CursorSnapshot

  init(_ preference: OutputPreference, _ scanout: Scanout?, _ cursor: OutputState.Cursor) {
    self.preference = preference
    self.scanout = scanout.map(ScanoutSnapshot.init)
    self.cursor = CursorSnapshot(cursor)
  }
}

/// What an output shows.
public struct ScanoutSnapshot: Sendable, Equatable {
  /// The resource.
  public let resource: UInt32
  /// The part of its picture.
  public let rectangle: Rectangle
  /// How the picture lies in a blob; nil for a resource that is a picture.
  public let layout: Layout?

  /// How a picture lies in a blob (`VIRTIO_GPU_CMD_SET_SCANOUT_BLOB`).
  public struct Layout: Sendable, Equatable {
    /// The channels in memory order, such as `B8G8R8X8`.
    public let format: String
    /// Pixels of either side.
    public let width, height: UInt32
    /// Bytes from row to row, and to the first row.
    public let stride, offset: UInt32
  }

  init(_ scanout: Scanout) {
    resource = scanout.resource.id.value
    rectangle = scanout.rectangle
    switch scanout.source {
    case .pixels: layout = nil
    case .blob(_, let blob):
      layout = Layout(
        format: blob.format.channels, width: blob.width, height: blob.height, stride: blob.stride,
        offset: blob.offset)
    }
  }
}

/// A pointer.
public struct CursorSnapshot: Sendable, Equatable {
  /// Its place as the driver sent it.
  public let x, y: Int32
  /// Its image; nil while it is hidden.
  public let image: Image?

  /// A pointer's image.
  public struct Image: Sendable, Equatable {
    /// The resource that it was copied from, which may be gone.
    public let resource: UInt32
    /// Pixels of either side.
    public let width, height: Int
    /// The pixel that points.
    public let hotX, hotY: Int
  }

  init(_ cursor: OutputState.Cursor) {
    x = cursor.x
    y = cursor.y
    image = cursor.picture.map { picture in
      Image(
        resource: picture.resource.value, width: picture.image.width, height: picture.image.height,
        hotX: picture.image.hotX, hotY: picture.image.hotY)
    }
  }
}

extension PixelFormat {
  /// The channels in memory order as virtio names them, without `VIRTIO_GPU_FORMAT_` and `_UNORM`.
  package var channels: String {
    switch self {
    case .b8g8r8a8: "B8G8R8A8"
    case .b8g8r8x8: "B8G8R8X8"
    case .a8r8g8b8: "A8R8G8B8"
    case .x8r8g8b8: "X8R8G8B8"
    case .r8g8b8a8: "R8G8B8A8"
    case .r8g8b8x8: "R8G8B8X8"
    case .a8b8g8r8: "A8B8G8R8"
    case .x8b8g8r8: "X8B8G8R8"
    }
  }
}

extension ResourceUUID {
  /// As RFC 9562 writes it.
  package var text: String {
    let digits = [high, low].map { word in
      let text = String(word, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    var text = ""
    for (index, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(index) { text.append("-") }
      text.append(digit)
    }
    return text
  }
}
