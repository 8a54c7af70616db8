import GuestDriver
import Testing

/// A request that a device must refuse, or survive, and what it may answer.
struct CommandRow: Sendable, CustomTestStringConvertible {
  var name: String
  /// Sent before, all of them accepted.
  var before: [GPUCommand] = []
  var command: GPUCommand
  var answers: Set<UInt32>
  var testDescription: String { name }

  init(_ name: String, before: [GPUCommand] = [], _ command: GPUCommand, _ answers: Set<UInt32>) {
    self.name = name
    self.before = before
    self.command = command
    self.answers = answers
  }
}

/// What the standing resources of these rows are.
enum Stage {
  /// Where backing lies, in the middle of guest memory.
  static let memory = Bench.ramBase + 0x200_0000
  /// 16x16 with backing, shown on output 0.
  static let shown: UInt32 = 1
  /// 16x16 without backing.
  static let bare: UInt32 = 2
  /// 64x64 with backing and alpha: a cursor.
  static let cursor: UInt32 = 3
  /// Never created.
  static let unknown: UInt32 = 99

  static let commands: [GPUCommand] = [
    .createResource2D(id: shown, format: GPUFormat.bgrx.rawValue, width: 16, height: 16),
    .attachBacking(id: shown, [GPUMemoryEntry(address: memory, length: 1024)]),
    .createResource2D(id: bare, format: GPUFormat.bgrx.rawValue, width: 16, height: 16),
    .createResource2D(id: cursor, format: GPUFormat.bgra.rawValue, width: 64, height: 64),
    .attachBacking(id: cursor, [GPUMemoryEntry(address: memory + 4096, length: 16384)]),
    .setScanout(GPURect(0, 0, 16, 16), scanout: 0, resource: shown),
  ]
}

private let ok: Set<UInt32> = [GPULayout.Response.okNoData]
private let unspecified: Set<UInt32> = [GPULayout.Response.unspecified]
private let noMemory: Set<UInt32> = [GPULayout.Response.outOfMemory]
private let badScanout: Set<UInt32> = [GPULayout.Response.invalidScanoutID]
private let badResource: Set<UInt32> = [GPULayout.Response.invalidResourceID]
private let badParameter: Set<UInt32> = [GPULayout.Response.invalidParameter]
/// The specification names no code for these; both are in use.
private let refused: Set<UInt32> = unspecified.union(badParameter)

/// Ids that name no resource.
private let strangers: [(String, UInt32)] = [("0", 0), ("never created", Stage.unknown), ("2^32-1", .max)]

/// Rectangles that do not lie inside 16x16.
private let badRects: [GPURect] = [
  GPURect(1, 0, 16, 16), GPURect(0, 1, 16, 16), GPURect(0, 0, 17, 16), GPURect(0, 0, 16, 17),
  GPURect(16, 0, 1, 1), GPURect(0, 16, 1, 1), GPURect(.max, 0, 2, 1), GPURect(0, .max, 1, 2),
  GPURect(8, 0, .max - 7, 1), GPURect(0, 8, 1, .max - 7), GPURect(.max, .max, .max, .max),
  GPURect(0x8000_0000, 0, 0x8000_0000, 1), GPURect(0, 0x8000_0000, 1, 0x8000_0000),
]

enum CommandRows {
  static let create: [CommandRow] = {
    func row(
      _ name: String, id: UInt32 = 7, format: UInt32 = 1, size: (width: UInt32, height: UInt32) = (8, 8),
      _ answers: Set<UInt32>
    ) -> CommandRow {
      CommandRow(
        "create: \(name)", .createResource2D(id: id, format: format, width: size.width, height: size.height),
        answers)
    }
    var rows = [
      row("id 0", id: 0, badResource), row("an id in use", id: Stage.shown, badResource),
      row("id 2^32-1 is an id", id: .max, ok), row("one pixel", size: (1, 1), ok),
    ]
    let formats: [UInt32] = [
      0, 5, 66, 69, 120, 122, 133, 135, 255, 256, 257, 300, 0x1_0001, 0x8000_0001, .max,
    ]
    for format in formats { rows.append(row("format \(format)", format: format, badParameter)) }
    let sizes: [(UInt32, UInt32)] = [(0, 8), (8, 0), (0, 0)]
    for size in sizes { rows.append(row("\(size.0)x\(size.1)", size: size, badParameter)) }
    let huge: [(UInt32, UInt32)] = [
      (.max, 1), (1, .max), (.max, .max), (0x8000_0000, 1), (1, 0x8000_0000), (0x4000_0000, 1),
      (0x4000_0001, 1), (65536, 65536), (65536, 65537), (0x8000, 0x8000), (0x10000, 0x4000), (3, 0x5555_5556),
    ]
    for size in huge {
      rows.append(row("\(size.0)x\(size.1)", size: size, badParameter.union(noMemory)))
    }
    return rows
  }()

  static let scanout: [CommandRow] = {
    var rows: [CommandRow] = []
    let scanouts: [UInt32] = [1, 15, 16, 17, 255, 0x8000_0000, .max]
    for scanout in scanouts {
      rows.append(
        CommandRow(
          "scanout: output \(scanout) of one",
          .setScanout(GPURect(0, 0, 16, 16), scanout: scanout, resource: Stage.shown), badScanout))
      rows.append(
        CommandRow(
          "scanout: output \(scanout) turned off",
          .setScanout(GPURect(0, 0, 0, 0), scanout: scanout, resource: 0),
          badScanout))
    }
    for (name, id) in strangers where id != 0 {
      rows.append(
        CommandRow(
          "scanout: resource \(name)", .setScanout(GPURect(0, 0, 16, 16), scanout: 0, resource: id),
          badResource))
    }
    for rect in badRects + [GPURect(0, 0, 0, 16), GPURect(0, 0, 16, 0), GPURect(16, 16, 0, 0)] {
      rows.append(
        CommandRow(
          "scanout: \(rect)", .setScanout(rect, scanout: 0, resource: Stage.shown), badParameter))
    }
    for rect in [GPURect(.max, .max, .max, .max), GPURect(0, 0, 0, 0)] {
      rows.append(
        CommandRow(
          "scanout: resource 0 with \(rect) turns off", .setScanout(rect, scanout: 0, resource: 0), ok))
    }
    return rows
  }()

  static let flush: [CommandRow] = {
    var rows = strangers.map { name, id in
      CommandRow("flush: resource \(name)", .flush(GPURect(0, 0, 16, 16), resource: id), badResource)
    }
    rows += badRects.map { CommandRow("flush: \($0)", .flush($0, resource: Stage.shown), badParameter) }
    rows += [
      CommandRow(
        "flush: a resource that nobody shows", .flush(GPURect(0, 0, 16, 16), resource: Stage.bare), ok),
      CommandRow(
        "flush: no pixel", .flush(GPURect(0, 0, 0, 0), resource: Stage.shown), ok.union(badParameter)),
    ]
    return rows
  }()

  static let transfer: [CommandRow] = {
    let all = GPURect(0, 0, 16, 16)
    var rows = strangers.map { name, id in
      CommandRow(
        "transfer: resource \(name)", .transferToHost2D(all, offset: 0, resource: id), badResource)
    }
    rows += badRects.map {
      CommandRow("transfer: \($0)", .transferToHost2D($0, offset: 0, resource: Stage.shown), badParameter)
    }
    let offsets: [UInt64] = [
      1, 4, 1023, 1024, 1025, 0xffff_ffff, 0x1_0000_0000, 0x8000_0000_0000_0000, UInt64.max - 1023,
      UInt64.max - 3, .max,
    ]
    rows += offsets.map {
      CommandRow(
        "transfer: everything from offset \($0)", .transferToHost2D(all, offset: $0, resource: Stage.shown),
        badParameter)
    }
    // One line of 16 pixels is 64 bytes: the last place where it fits is 960.
    let line = GPURect(0, 0, 16, 1)
    rows += [
      CommandRow(
        "transfer: one line from an odd offset", .transferToHost2D(line, offset: 957, resource: Stage.shown),
        ok),
      CommandRow(
        "transfer: one line that ends with the backing",
        .transferToHost2D(line, offset: 960, resource: Stage.shown), ok),
      CommandRow(
        "transfer: one line that ends a byte later",
        .transferToHost2D(line, offset: 961, resource: Stage.shown), badParameter),
      CommandRow(
        "transfer: two lines that end a byte later",
        .transferToHost2D(GPURect(0, 0, 8, 2), offset: 929, resource: Stage.shown), badParameter),
      CommandRow(
        "transfer: no width", .transferToHost2D(GPURect(3, 3, 0, 4), offset: 0, resource: Stage.shown),
        ok.union(badParameter)),
      CommandRow(
        "transfer: no height", .transferToHost2D(GPURect(3, 3, 4, 0), offset: .max, resource: Stage.shown),
        ok.union(badParameter)),
      CommandRow(
        "transfer: without backing", .transferToHost2D(all, offset: 0, resource: Stage.bare), refused),
      CommandRow(
        "transfer: after the backing went", before: [.detachBacking(id: Stage.shown)],
        .transferToHost2D(all, offset: 0, resource: Stage.shown), refused),
      CommandRow(
        "transfer: after the resource went", before: [.unref(id: Stage.shown)],
        .transferToHost2D(all, offset: 0, resource: Stage.shown), badResource),
    ]
    return rows
  }()

  static let attach: [CommandRow] = {
    func row(
      _ name: String, before: [GPUCommand] = [], id: UInt32 = Stage.bare, _ entries: [(UInt64, UInt32)],
      _ answers: Set<UInt32>
    ) -> CommandRow {
      CommandRow(
        "attach: \(name)", before: before,
        .attachBacking(id: id, entries.map { GPUMemoryEntry(address: $0.0, length: $0.1) }), answers)
    }
    func claim(_ name: String, _ count: UInt32, present: Int, _ answers: Set<UInt32>) -> CommandRow {
      let entries = Array(repeating: GPUMemoryEntry(address: Stage.memory, length: 1024), count: present)
      return CommandRow(
        "attach: \(name)", .attachBackingClaiming(id: Stage.bare, count: count, entries), answers)
    }
    let good: [(UInt64, UInt32)] = [(Stage.memory, 1024)]
    let endOfRAM = Bench.ramBase + UInt64(Bench.ramSize) + 1 << 20
    var rows = strangers.map { name, id in row("resource \(name)", id: id, good, badResource) }
    rows += [
      row("a second time", id: Stage.shown, good, refused),
      row(
        "again after detaching", before: [.detachBacking(id: Stage.shown)], id: Stage.shown, good, ok),
      row("no entry", [], ok.union(refused)),
      row("an empty entry", [(Stage.memory, 0)], refused),
      row(
        "an empty entry among others", [(Stage.memory, 512), (Stage.memory, 0), (Stage.memory, 512)], refused),
      row("4 GiB less one byte", [(Stage.memory, .max)], refused),
      row("address 0", [(0, 1024)], refused),
      row("below memory by a byte", [(Bench.ramBase - 1, 1024)], refused),
      row("past the end of memory by a byte", [(endOfRAM - 1023, 1024)], refused),
      row("behind memory", [(endOfRAM, 1024)], refused),
      row("an address that wraps", [(.max - 511, 1024)], refused),
      row("address 2^64-1", [(.max, 1)], refused),
      row("address 2^63", [(1 << 63, 1024)], refused),
      row("registers instead of memory", [(0xe000_0000, 1024)], refused),
      row("the last of many entries is bad", Array(repeating: good[0], count: 100) + [(0, 1)], refused),
      row("one page many times over", Array(repeating: (Stage.memory, 4096), count: 16384), ok),
      row("more entries than any driver sends", Array(repeating: (Stage.memory, 16), count: 16385), refused),
      row(
        "a thousand single bytes and the rest", Array(repeating: (Stage.memory, 1), count: 1023) + good, ok),
      claim("one entry more than present", 2, present: 1, refused),
      claim("65536 entries, one present", 65536, present: 1, refused),
      claim("2^28 entries, one present", 1 << 28, present: 1, refused),
      claim("2^32-1 entries, none present", .max, present: 0, refused),
      claim("16385 entries, one present", 16385, present: 1, refused),
      claim("fewer entries than present", 1, present: 3, ok),
    ]
    return rows
  }()

  static let lifecycle: [CommandRow] =
    strangers.map { name, id in CommandRow("unref: resource \(name)", .unref(id: id), badResource) }
    + strangers.map { name, id in CommandRow("detach: resource \(name)", .detachBacking(id: id), badResource)
    }
    + [
      CommandRow("unref: twice", before: [.unref(id: Stage.bare)], .unref(id: Stage.bare), badResource),
      CommandRow("unref: while shown", .unref(id: Stage.shown), ok),
      CommandRow(
        "unref: while it is the cursor",
        before: [.updateCursor(scanout: 0, x: 0, y: 0, resource: Stage.cursor, hotX: 0, hotY: 0)],
        .unref(id: Stage.cursor), ok),
      CommandRow("detach: nothing attached", .detachBacking(id: Stage.bare), ok.union(refused)),
      CommandRow(
        "detach: twice", before: [.detachBacking(id: Stage.shown)], .detachBacking(id: Stage.shown),
        ok.union(refused)),
      CommandRow(
        "create: an id just freed", before: [.unref(id: Stage.shown)],
        .createResource2D(id: Stage.shown, format: 1, width: 5, height: 5), ok),
      CommandRow(
        "scanout: an id just freed", before: [.unref(id: Stage.shown)],
        .setScanout(GPURect(0, 0, 16, 16), scanout: 0, resource: Stage.shown), badResource),
      CommandRow(
        "scanout: re-created smaller while shown",
        before: [
          .unref(id: Stage.shown), .createResource2D(id: Stage.shown, format: 1, width: 4, height: 4),
        ], .setScanout(GPURect(0, 0, 16, 16), scanout: 0, resource: Stage.shown), badParameter),
      CommandRow(
        "flush: re-created smaller while shown",
        before: [
          .unref(id: Stage.shown), .createResource2D(id: Stage.shown, format: 1, width: 4, height: 4),
        ], .flush(GPURect(0, 0, 16, 16), resource: Stage.shown), badParameter),
      CommandRow(
        "flush: after the backing went", before: [.detachBacking(id: Stage.shown)],
        .flush(GPURect(0, 0, 16, 16), resource: Stage.shown), ok),
    ]

  static let cursor: [CommandRow] = {
    func update(
      _ name: String, scanout: UInt32 = 0, resource: UInt32 = Stage.cursor, hot: (UInt32, UInt32) = (0, 0),
      before: [GPUCommand] = [], _ answers: Set<UInt32>
    ) -> CommandRow {
      CommandRow(
        "cursor: \(name)", before: before,
        .updateCursor(scanout: scanout, x: 5, y: 5, resource: resource, hotX: hot.0, hotY: hot.1), answers)
    }
    func cursor(_ width: UInt32, _ height: UInt32) -> GPUCommand {
      .createResource2D(id: 50, format: GPUFormat.bgra.rawValue, width: width, height: height)
    }
    var rows = [
      update("a resource never created", resource: Stage.unknown, badResource),
      update("resource 2^32-1", resource: .max, badResource),
      update("a resource just freed", before: [.unref(id: Stage.cursor)], badResource),
      update("16x16 instead of 64x64, an extension", resource: Stage.shown, hot: (15, 15), ok),
      update("a hot spot outside an image of 16x16", resource: Stage.shown, hot: (16, 0), badParameter),
      update("513 pixels across", resource: 50, before: [cursor(513, 1)], badParameter),
      update("513 pixels down", resource: 50, before: [cursor(1, 513)], badParameter),
      update("16384 pixels across", resource: 50, before: [cursor(16384, 1)], badParameter),
      update("512 pixels across, one down", resource: 50, hot: (511, 0), before: [cursor(512, 1)], ok),
      update("a hot spot in the last pixel", hot: (63, 63), ok),
      update("a hot spot right of the image", hot: (64, 0), badParameter),
      update("a hot spot below the image", hot: (0, 64), badParameter),
      update("a hot spot at 2^32-1", hot: (.max, .max), badParameter),
      update("a resource without backing", before: [.detachBacking(id: Stage.cursor)], ok),
      update(
        "hidden twice", resource: 0,
        before: [
          .updateCursor(scanout: 0, x: 0, y: 0, resource: 0, hotX: 0, hotY: 0)
        ], ok),
    ]
    for scanout: UInt32 in [1, 15, 16, 0x8000_0000, .max] {
      rows.append(update("update on output \(scanout)", scanout: scanout, badScanout))
      rows.append(
        CommandRow("cursor: move on output \(scanout)", .moveCursor(scanout: scanout, x: 0, y: 0), badScanout)
      )
    }
    rows.append(
      CommandRow(
        "cursor: move ignores the resource", .moveCursor(scanout: 0, x: 1, y: 1, resource: Stage.unknown), ok)
    )
    return rows
  }()

  static let unsupported: [CommandRow] = {
    let types: [UInt32] = [
      0, 1, 0xff, 0x010e, 0x01ff, 0x020a, 0x02ff, 0x0302, 0x0400, 0x1100, 0x1200, 0x0001_0100, 0x8000_0101,
      .max,
    ]
    var rows = types.map {
      CommandRow("type \($0)", .raw(type: $0, [UInt8](repeating: 0xff, count: 64)), unspecified)
    }
    rows += (GPULayout.Request.contextCreate...GPULayout.Request.resourceUnmapBlob).map {
      CommandRow("3D request \($0)", .raw(type: $0, [UInt8](repeating: 0, count: 96)), refused)
    }
    rows += [
      CommandRow("capset information", .getCapsetInfo(index: 0), refused),
      CommandRow("capset information 2^32-1", .getCapsetInfo(index: .max), refused),
      CommandRow("capset", .getCapset(id: 1, version: 1), refused),
      CommandRow("UUID without its feature", .assignUUID(id: Stage.shown), refused),
      CommandRow(
        "blob without its feature",
        .createBlob(
          id: 50, memory: 1, flags: 1, blobID: 0, size: 4096,
          [GPUMemoryEntry(address: Stage.memory, length: 4096)]), refused),
      CommandRow(
        "blob scanout without its feature",
        .setScanoutBlob(
          GPURect(0, 0, 1, 1), scanout: 0, resource: Stage.shown, width: 1, height: 1, format: 1, stride: 4,
          offset: 0), refused),
    ]
    return rows
  }()

  static let all = create + scanout + flush + transfer + attach + lifecycle + cursor + unsupported

  /// Each command with valid fields: what framing tests cut and send elsewhere.
  static let valid: [GPUCommand] = [
    .getDisplayInfo, .getEDID(scanout: 0), .createResource2D(id: 40, format: 1, width: 8, height: 8),
    .unref(id: Stage.bare), .setScanout(GPURect(0, 0, 16, 16), scanout: 0, resource: Stage.shown),
    .flush(GPURect(0, 0, 16, 16), resource: Stage.shown),
    .transferToHost2D(GPURect(0, 0, 16, 16), offset: 0, resource: Stage.shown),
    .attachBacking(id: Stage.bare, [GPUMemoryEntry(address: Stage.memory, length: 1024)]),
    .detachBacking(id: Stage.shown),
    .updateCursor(scanout: 0, x: 1, y: 1, resource: Stage.cursor, hotX: 0, hotY: 0),
    .moveCursor(scanout: 0, x: 1, y: 1),
  ]
}
