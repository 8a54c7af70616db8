import FrontEndAPI
import GuestRAM

/// The name that a guest gave a resource; never 0.
package struct ResourceID: Sendable, Hashable {
  package let value: UInt32

  /// nil for 0, which stands for no resource.
  package init?(_ value: UInt32) {
    guard value != 0 else { return nil }
    self.value = value
  }
}

/// What a guest asks of a display, in terms that belong to no guest interface.
///
/// A command is well-formed: names are not 0, formats are known, ranges do not wrap. Whether what it names
/// exists, and whether its rectangle lies inside, is for `Display` to find out.
package enum DisplayCommand: Sendable, Equatable {
  /// Which outputs there are and what the host wants of them.
  case displayInfo
  /// The EDID of an output.
  case edid(output: UInt32)
  /// A new resource, black.
  case createResource(ResourceID, PixelFormat, width: UInt32, height: UInt32)
  /// A new resource that is so many bytes of the guest's pages; it has no pages yet if there are no ranges.
  case createBlob(ResourceID, size: UInt64, [GuestRange])
  /// The end of a resource, wherever it is shown.
  case releaseResource(ResourceID)
  /// Shows a rectangle of a resource on an output, or nothing.
  case setScanout(output: UInt32, ScanoutSource?)
  /// Brings a rectangle of a resource to every output that shows it.
  case flush(ResourceID, Rectangle)
  /// Copies a rectangle from the backing, where its first pixel lies at `offset`, into the resource.
  case transfer(ResourceID, Rectangle, offset: UInt64)
  /// Gives a resource its pages, in order.
  case attachBacking(ResourceID, [GuestRange])
  /// Takes a resource's pages away.
  case detachBacking(ResourceID)
  /// Maps a blob of the host's memory where the guest can see it.
  case mapBlob(ResourceID)
  /// Takes such a mapping back.
  case unmapBlob(ResourceID)
  /// A name for a resource that other devices can know it by; the same each time.
  case assignUUID(ResourceID)
  /// Takes the image from a resource, or hides the cursor, and moves it.
  case updateCursor(CursorPosition, CursorSource?)
  /// Moves the cursor and leaves its image alone.
  case moveCursor(CursorPosition)
}

/// What an output is to show.
package struct ScanoutSource: Sendable, Equatable {
  package var resource: ResourceID
  package var rectangle: Rectangle
  /// How the picture lies in a blob; nil for a resource that is a picture.
  package var layout: BlobLayout?

  package init(resource: ResourceID, rectangle: Rectangle, layout: BlobLayout? = nil) {
    self.resource = resource
    self.rectangle = rectangle
    self.layout = layout
  }
}

/// Where a cursor goes: its top left corner on an output.
package struct CursorPosition: Sendable, Equatable {
  package var output: UInt32
  package var x: Int32
  package var y: Int32

  package init(output: UInt32, x: Int32, y: Int32) {
    self.output = output
    self.x = x
    self.y = y
  }
}

/// Where a cursor's image comes from.
package struct CursorSource: Sendable, Equatable {
  package var resource: ResourceID
  package var hotX: UInt32
  package var hotY: UInt32

  package init(resource: ResourceID, hotX: UInt32, hotY: UInt32) {
    self.resource = resource
    self.hotX = hotX
    self.hotY = hotY
  }
}

/// What a display answers to a command that it has carried out.
package enum DisplayReply: Sendable {
  case done
  /// Outputs show it at an instant that lies ahead.
  case shown(at: ContinuousClock.Instant)
  /// What the host wants of each output, in order.
  case displayInfo([OutputPreference])
  case edid(EDID)
  case uuid(ResourceUUID)
}

/// Why a display did not carry out a command; nothing has changed then.
package enum DisplayFault: Error, Equatable, CaseIterable {
  /// There is no output of that number.
  case noSuchOutput
  /// There is no resource of that name.
  case noSuchResource
  /// There already is a resource of that name.
  case resourceExists
  /// A side is 0 or beyond the limit.
  case badDimension
  /// The budget, the number of resources or the host's memory does not allow it.
  case outOfMemory
  /// A rectangle is empty where it must not be, or does not lie inside the resource.
  case badRectangle
  /// The picture is larger than the device or a front-end can show on the output.
  case beyondLimit
  /// The resource has no backing.
  case noBacking
  /// The resource has a backing already; it keeps that.
  case backingExists
  /// Some of the backing is not (or no longer) guest memory that can be read.
  case backingNotMapped
  /// The rectangle's rows reach past the end of the backing, or a blob is larger than its pages.
  case backingTooShort
  /// The resource is a blob where a picture is wanted, or the reverse.
  case wrongKind
  /// The resource is no blob of the host's memory, which alone can be mapped; so neither is it mapped.
  case notHostMemory
  /// The picture's rows overlap, or reach past the end of the blob.
  case badLayout
  /// The resource is larger than a cursor may be, or a blob smaller than one is.
  case badCursorSize
  /// The hot spot lies outside the image.
  case badHotSpot
}
