import DisplayModel

/// Why a request was refused: numbers instead of text, since a guest can cause it at any rate.
enum RequestFault: Error, Equatable {
  /// Fewer than the 24 bytes of a header.
  case noHeader
  /// No request of that type, or one whose feature is not offered.
  case unknownType(UInt32)
  /// A cursor request on the control queue, or another on the cursor queue.
  case wrongQueue(UInt32)
  /// The structure of its type is not complete.
  case truncated
  /// VIRTIO_GPU_FLAG_INFO_RING_IDX without the feature that gives it a meaning.
  case ringIndexNotOffered
  /// No pixel format of that value.
  case unknownFormat(UInt32)
  /// Resource id 0 where it does not mean none.
  case resourceZero
  /// More backing entries than are accepted, or none.
  case badEntryCount(UInt32)
  /// Fewer backing entries were sent than announced.
  case entriesMissing(UInt32)
  /// A backing entry without length, or one that wraps around the end of the address space.
  case badEntry(UInt64)
  /// A blob of host memory or of no kind, without size, of flags or of an object that mean nothing here: what the
  /// field has.
  case badBlob(UInt64)
  /// The driver left less room than the answer needs.
  case noRoom(Int)
  /// The display could not do it.
  case display(DisplayFault)

  /// The answer to it. No table in the specification says which error is whose; this is the natural reading,
  /// and where that leaves a choice, what other devices answer.
  var responseType: ResponseType {
    switch self {
    case .noHeader, .unknownType, .wrongQueue: .unspecified
    case .truncated, .ringIndexNotOffered, .unknownFormat, .badBlob, .noRoom: .invalidParameter
    case .resourceZero: .invalidResourceID
    case .badEntryCount, .entriesMissing, .badEntry: .unspecified
    case .display(let fault):
      switch fault {
      case .noSuchOutput: .invalidScanoutID
      case .noSuchResource, .resourceExists: .invalidResourceID
      // Of the codes that there are the one for a parameter: the scanout exists, and nothing that the driver could free
      // would make the picture fit.
      case .beyondLimit: .invalidParameter
      case .notHostMemory: .invalidParameter
      case .badDimension, .badRectangle, .backingTooShort, .wrongKind, .badLayout, .badCursorSize,
        .badHotSpot:
        .invalidParameter
      case .outOfMemory: .outOfMemory
      case .noBacking, .backingExists, .backingNotMapped: .unspecified
      }
    }
  }

  /// What it is counted as.
  var kind: RefusalKind {
    switch self {
    case .noHeader: .noHeader
    case .unknownType: .unknownType
    case .wrongQueue: .wrongQueue
    case .truncated: .truncated
    case .ringIndexNotOffered: .ringIndexNotOffered
    case .unknownFormat: .unknownFormat
    case .resourceZero: .noSuchResource
    case .badEntryCount, .entriesMissing, .badEntry: .badBackingList
    case .badBlob: .badBlob
    case .noRoom: .noRoom
    case .display(let fault):
      switch fault {
      case .noSuchOutput: .noSuchScanout
      case .noSuchResource: .noSuchResource
      case .resourceExists: .resourceExists
      case .badDimension: .badDimension
      case .outOfMemory: .outOfMemory
      case .badRectangle: .badRectangle
      case .beyondLimit: .beyondLimit
      case .notHostMemory: .notHostMemory
      case .noBacking: .noBacking
      case .backingExists: .backingExists
      case .backingNotMapped: .backingNotMapped
      case .backingTooShort: .backingTooShort
      case .wrongKind: .wrongKind
      case .badLayout: .badLayout
      case .badCursorSize: .badCursorSize
      case .badHotSpot: .badHotSpot
      }
    }
  }
}
