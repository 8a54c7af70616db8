import ArgumentParser
import ControlSocket
import DisplayModel
import ScanoutDevice
import Testing

@testable import scanout

/// What the command says to arguments that it does not take.
private func complaint(_ arguments: [String]) -> (code: Int32, text: String)? {
  do {
    _ = try ScanoutCommand.parseAsRoot(arguments)
    return nil
  } catch { return (ScanoutCommand.exitCode(for: error).rawValue, ScanoutCommand.fullMessage(for: error)) }
}

private func parse<Command: ParsableCommand>(_ type: Command.Type, _ arguments: String...) throws -> Command {
  try parse(type, arguments)
}

private func parse<Command: ParsableCommand>(_ type: Command.Type, _ arguments: [String]) throws -> Command {
  try #require(try ScanoutCommand.parseAsRoot(arguments) as? Command)
}

@Suite struct ArgumentTests {
  @Test func `serve takes its documented form`() throws {
    let serve = try parse(
      ServeCommand.self, "serve", "--vfio-user", "/run/gpu", "--output", "1920x1080", "--output", "640x480",
      "--control", "/run/control", "--once")
    #expect(serve.places.map(\.path) == ["/run/gpu"] && serve.control == "/run/control" && serve.once)
    #expect(serve.outputs.map(\.description) == ["1920x1080", "640x480"])
    let outputs = try serve.outputPreferences()
    #expect(outputs.map(\.x) == [0, 1920] && outputs.allSatisfy { $0.y == 0 && $0.isEnabled })
  }

  @Test func `serve takes where viewers connect`() throws {
    let serve = try parse(
      ServeCommand.self, "serve", "--vfio-user", "gpu", "--output", "640x480", "--output", "640x480", "--vnc",
      "127.0.0.1:5900", "--vnc", "1=unix:/run/a=b", "--vnc", "all=localhost:1", "--vnc-password-file",
      "secret", "--view-only")
    #expect(serve.vnc.places.map(\.scanout) == [0, 1, nil])
    #expect(
      serve.vnc.places.map(\.address.description) == ["127.0.0.1:5900", "unix:/run/a=b", "localhost:1"])
    #expect(serve.vnc.passwordFile == "secret" && !serve.vnc.insecure && serve.vnc.viewOnly)
  }

  @Test(arguments: [
    ["--vnc", "5900"], ["--view-only"], ["--vnc", "all="], ["--vnc", "ALL=127.0.0.1:0x"],
    ["--vnc", "all=127.0.0.1:1", "--vnc", "all=127.0.0.1:2"], ["--vnc", "16=127.0.0.1:0"],
    ["--vnc", "1=127.0.0.1:0"], ["--vnc", "unix:gpu"],
    ["--vnc", "127.0.0.1:1", "--vnc", "0=127.0.0.1:2"], ["--vnc-password-file", "secret"],
    ["--vnc", "127.0.0.1:1", "--insecure", "--vnc-password-file", "secret"],
    ["--vnc", "127.0.0.1:1", "--device", "entropy"],
  ])
  func `serve refuses viewers that make no sense`(_ arguments: [String]) throws {
    let answer = try #require(complaint(["serve", "--vfio-user", "gpu"] + arguments))
    #expect(answer.code == 64 && answer.text.contains("--"))
  }

  @Test func `serve needs only its socket`() throws {
    let serve = try parse(ServeCommand.self, "serve", "--vfio-user", "gpu")
    #expect(serve.outputs.isEmpty && serve.control == nil && !serve.once)
    #expect(serve.places.map(\.kind) == [.gpu])
    #expect(OutputGeometry.standard.description == "1280x800")
    #expect(try serve.outputPreferences() == [OutputPreference(mode: OutputGeometry.standard.mode)])
  }

  @Test func `serve takes the largest picture that a guest may show`() throws {
    let serve = try parse(
      ServeCommand.self, "serve", "--vfio-user", "gpu", "--max-mode", "1920x1080", "--output", "1920x1080",
      "--output", "640x1080")
    #expect(serve.gpu.limits.largestMode == OutputMode(width: 1920, height: 1080))
    let plain = try parse(ServeCommand.self, "serve", "--vfio-user", "gpu")
    #expect(plain.gpu.limits == DisplayLimits())
    for size in ["1921x1080", "640x1081"] {
      let refused = try #require(
        complaint(["serve", "--vfio-user", "gpu", "--max-mode", "1920x1080", "--output", size]))
      #expect(refused.text.contains("--output \(size) is larger than --max-mode 1920x1080"))
    }
    let keyboard = try #require(
      complaint(["serve", "--vfio-user", "k", "--device", "keyboard", "--max-mode", "640x480"]))
    #expect(keyboard.text.contains("--max-mode goes with a GPU"))
    #expect(complaint(["serve", "--vfio-user", "gpu", "--max-mode", "31x480"]) != nil)
  }

  @Test func `serve takes when fences of flushes are signalled`() throws {
    #expect(try parse(ServeCommand.self, "serve", "--vfio-user", "gpu").gpu.fences == nil)
    for fences in FlushFences.allCases {
      let words = ["--fences", fences.rawValue]
      #expect(try parse(ServeCommand.self, ["serve", "--vfio-user", "gpu"] + words).gpu.fences == fences)
      let keyboard = try #require(complaint(["serve", "--vfio-user", "k", "--device", "keyboard"] + words))
      #expect(keyboard.text.contains("--fences goes with a GPU"))
    }
    #expect(complaint(["serve", "--vfio-user", "gpu", "--fences", "later"]) != nil)
  }

  @Test(arguments: [("4096", 4096), ("4K", 4096), ("256M", 1 << 28), ("8G", 8 << 30), ("1T", 1 << 40)])
  func `serve takes a region for blobs of host memory`(_ row: (text: String, byteCount: UInt64)) throws {
    let serve = try parse(ServeCommand.self, "serve", "--vfio-user", "gpu", "--host-visible-memory", row.text)
    #expect(serve.gpu.hostVisibleMemory?.byteCount == row.byteCount)
  }

  @Test(
    arguments: [
      "0", "4095", "2K", "3M", "2T", "1025G", "1P", "M", "", "-4K", "+4K", "4k", "99999999999999", "1.0M",
    ])
  func `a region that is no power of two from 4 KiB to 1 TiB is refused`(_ text: String) {
    #expect(complaint(["serve", "--vfio-user", "gpu", "--host-visible-memory", text]) != nil)
  }

  @Test func `a region goes with a GPU that modern drivers find`() throws {
    let plain = try parse(ServeCommand.self, "serve", "--vfio-user", "gpu")
    #expect(plain.gpu.hostVisibleMemory == nil)
    let region = ["--host-visible-memory", "4K"]
    let legacy = try #require(complaint(["serve", "--vfio-user", "gpu", "--transport", "legacy"] + region))
    #expect(legacy.text.contains("--host-visible-memory is for the modern interface"))
    let entropy = try #require(complaint(["serve", "--vfio-user", "r", "--device", "entropy"] + region))
    #expect(entropy.text.contains("--host-visible-memory goes with a GPU"))
  }

  @Test(arguments: DeviceKind.allCases)
  func `serve takes each kind of device by name, beside its socket or before it`(_ kind: DeviceKind) throws {
    let apart = try parse(ServeCommand.self, "serve", "--vfio-user", "a/b=c", "--device", kind.rawValue)
    #expect(apart.places.map(\.kind) == [kind] && apart.places.map(\.path) == ["a/b=c"])
    let together = try parse(ServeCommand.self, "serve", "--vfio-user", "\(kind.rawValue)=a=b")
    #expect(together.places.map(\.kind) == [kind] && together.places.map(\.path) == ["a=b"])
  }

  @Test func `serve takes several devices, each with its socket`() throws {
    let serve = try parse(
      ServeCommand.self, "serve", "--vfio-user", "keyboard=k", "--vfio-user", "gpu=g", "--vfio-user",
      "tablet=t", "--output", "640x480", "--control", "c")
    #expect(serve.places.map(\.kind) == [.keyboard, .gpu, .tablet])
    #expect(serve.places.map(\.path) == ["k", "g", "t"])
    _ = try parse(ServeCommand.self, "serve", "--vfio-user", "keyboard=k", "--control", "c")
  }

  @Test func `a device is modern, conventional and complete unless told otherwise`() throws {
    let options = try parse(ServeCommand.self, "serve", "--vfio-user", "gpu").bus.options
    #expect(options.transport == .modern && options.placement == .conventional)
    #expect(!options.hasDoorbellPages && options.withheld == [])
  }

  @Test func `serve takes how the device appears`() throws {
    let options = try parse(
      ServeCommand.self, "serve", "--vfio-user", "gpu", "--transport", "transitional", "--pcie",
      "--doorbell-pages", "--without", "packed,ring-reset", "--without", "edid"
    ).bus.options
    #expect(options.transport == .transitional && options.placement == .express && options.hasDoorbellPages)
    #expect(options.withheld.rawValue == 1 << 34 | 1 << 40 | 1 << 1)
  }

  @Test(
    arguments: [
      ("packed", 34), ("in-order", 35), ("indirect", 28), ("event-index", 29), ("access-platform", 33),
      ("order-platform", 36), ("notification-data", 38), ("notification-config-data", 39), ("ring-reset", 40),
      ("suspend", 43), ("edid", 1), ("uuid", 2), ("blob", 3), ("blob-alignment", 5),
    ] as [(String, UInt64)])
  func `a feature that is held back is the one of that name`(_ row: (name: String, bit: UInt64)) throws {
    let arguments = ["serve", "--vfio-user", "gpu", "--without", row.name]
    #expect(try parse(ServeCommand.self, arguments).bus.options.withheld.rawValue == 1 << row.bit)
  }

  @Test(arguments: ["", ",", "packed,", "Packed", "packed suspend", "packed, suspend", "version-1", "34"])
  func `a feature that cannot be held back is refused and those that can are named`(_ list: String) throws {
    let said = try #require(complaint(["serve", "--vfio-user", "gpu", "--without=\(list)"]))
    #expect(said.code == 64)
    #expect(said.text.contains("ring-reset, suspend, edid, uuid, blob, blob-alignment"))
  }

  @Test(arguments: [
    "", "x", "1920", "1920x", "x1080", "1920x1080x1", "1920X1080", "1920 x 1080", "-1920x1080", "+1920x1080",
    "0x0", "31x600", "800x31", "16385x600", "800x16385", "99999999999999999999x1", "1920×1080", "1e3x800",
    "0x780x438", "640x480+", "640x480+1", "640x480+1+", "640x480++1", "640x480+1+1+1", "640x480-1+1",
    "640x480+1+-1", "640x480+0x1+1", "+1+1", "640x480+99999999999+0", "640x480 +1+1",
    "१९२०x१०८०",
  ])
  func `a bad size is refused with an example of a good one`(_ size: String) throws {
    // With an equals sign, since a value may begin with a hyphen.
    let said = try #require(complaint(["serve", "--vfio-user", "gpu", "--output=\(size)"]))
    #expect(said.code == 64)
    #expect(said.text.contains("--output"))
    #expect(said.text.contains("1920x1080+1280+0, each side 32 to 16384"))
  }

  @Test(arguments: ["32x32", "16384x16384", "00640x0480"])
  func `sizes at the limits are taken`(_ size: String) throws {
    #expect(OutputGeometry(argument: size)?.position == nil)
    #expect(OutputGeometry(argument: size)?.mode == OutputGeometry(argument: size + "+9999999999+0")?.mode)
  }

  @Test func `outputs beyond those given are off at the start`() throws {
    let serve = try parse(
      ServeCommand.self, "serve", "--vfio-user", "gpu", "--control", "c", "--max-outputs", "16", "--output",
      "640x480+5+6", "--output", "800x600")
    let outputs = try serve.outputPreferences()
    #expect(
      outputs.count == 16 && outputs.map(\.isEnabled) == [true, true] + Array(repeating: false, count: 14))
    #expect(outputs[..<2].map { [$0.x, $0.y] } == [[5, 6], [645, 6]])
    let alone = try parse(
      ServeCommand.self, "serve", "--vfio-user", "gpu", "--control", "c", "--max-outputs", "2")
    #expect(try alone.outputPreferences().map(\.isEnabled) == [true, false])
  }

  @Test func `changes to outputs are sent as sets, removals and additions`() throws {
    let command = try parse(
      OutputsCommand.self, "outputs", "--control", "c", "--add", "640x480", "--set", "15=800x600+1+2",
      "--json",
      "--remove", "3", "--add", "32x32+3+4", "--set", "0=1280x800")
    #expect(
      command.actions == [
        .set(scanout: 15, width: 800, height: 600, at: OutputPosition(x: 1, y: 2)),
        .set(scanout: 0, width: 1280, height: 800, at: nil), .remove(scanout: 3),
        .add(width: 640, height: 480, at: nil), .add(width: 32, height: 32, at: OutputPosition(x: 3, y: 4)),
      ])
    #expect(command.json && command.socket.control == "c")
    #expect(try parse(OutputsCommand.self, "outputs", "--control", "c").actions == [])
  }

  @Test func `a device has sixteen outputs at most`() throws {
    let sixteen = Array(repeatElement(["--output", "640x480"], count: 16).joined())
    #expect(complaint(["serve", "--vfio-user", "gpu"] + sixteen) == nil)
    let said = try #require(complaint(["serve", "--vfio-user", "gpu", "--output", "640x480"] + sixteen))
    #expect(said.text.contains("17 times") && said.text.contains("16 scanouts at most"))
  }

  @Test(arguments: [
    (["serve"], "--vfio-user"), (["serve", "--vfio-user", "a", "--control", "a"], "same socket"),
    (
      ["serve", "--vfio-user", "a", "--device", "entropy", "--output", "640x480"],
      "--output goes with a GPU"
    ),
    (["serve", "--vfio-user", "a", "--device", "rng"], "gpu"),
    (
      ["serve", "--vfio-user", "a", "--device", "entropy", "--without", "suspend,edid"],
      "--without edid goes with a GPU"
    ),
    (
      ["serve", "--vfio-user", "a", "--device", "entropy", "--without", "blob-alignment"],
      "--without blob-alignment goes with a GPU"
    ),
    (["serve", "--vfio-user", "keyboard=a", "--output", "640x480"], "--output goes with a GPU"),
    (["serve", "--vfio-user", "keyboard=a", "--vfio-user", "b"], "each needs its kind before the path"),
    (["serve", "--vfio-user", "a", "--vfio-user", "b"], "each needs its kind before the path"),
    (["serve", "--vfio-user", "mouse=a", "--vfio-user", "mouse=b"], "mouse= is given twice"),
    (["serve", "--vfio-user", "mouse=a", "--vfio-user", "tablet=a"], "two devices have the same socket a"),
    (["serve", "--vfio-user", "mouse=a", "--device", "mouse"], "--device goes with a plain --vfio-user"),
    (["serve", "--vfio-user", "mouse=a", "--control", "a"], "same socket"),
    (["serve", "--vfio-user", "mice=a"], "mice=a"), (["serve", "--vfio-user", "mouse="], "mouse="),
    (
      ["serve", "--vfio-user", "gpu=a", "--vfio-user", "touch=b", "--transport", "transitional"],
      "--transport transitional is not for the device touch"
    ), (["serve", "--vfio-user", "a", "--transport", "old"], "'modern', 'transitional' or 'legacy'"),
    (["serve", "--vfio-user", "a", "--transport", "legacy", "--doorbell-pages"], "--doorbell-pages is for"),
    (["conformance", "vfio-user:a", "--pcie"], "go with in-process alone"),
    (["conformance", "vfio-user:a", "--without", "packed"], "go with in-process alone"),
    (["conformance", "qtest: "], "qtest: "),
    (["screenshot", "a.png"], "--control"), (["screenshot", "--control", "c"], "<file>"),
    (["screenshot", "--control", "c", "a.gif"], "let it end in .png or .ppm"),
    (["screenshot", "--control", "c", "png"], "let it end in .png or .ppm"),
    (["screenshot", "--control", "c", "--scanout", "16", "a.png"], "from 0 to 15"),
    (["screenshot", "--control", "c", "--scanout=-1", "a.png"], "from 0 to 15"),
    (["cursor", "--control", "c", "--scanout", "one", "--json"], "--scanout"),
    (["type", "--control", "c"], "<text>"), (["type", "--control", "c", "caf\u{e9}"], "US layout"),
    (["type", "--control", "c", "--delay=-1", "a"], "0 to 10000"),
    (["key", "--control", "c"], "<keys>"), (["key", "--control", "c", "ctrl+"], "no key ``"),
    (["key", "--control", "c", "ctrl+nothing"], "no key `nothing`"),
    (["key", "--control", "c", "a+a+a+a+a+a+a+a+a"], "more than 8 keys"),
    (["key", "--control", "c", "--times", "0", "a"], "1 to 1000"),
    (["click", "--control", "c"], "say where"),
    (["click", "--control", "c", "5"], "say where"),
    (["click", "--control", "c", "--place", "1"], "--place"),
    (["serve", "--vfio-user", "a", "--max-outputs", "2"], "--max-outputs needs --control"),
    (["serve", "--vfio-user", "a", "--control", "c", "--max-outputs", "17"], "a number up to 16"),
    (["serve", "--vfio-user", "a", "--control", "c", "--max-outputs", "0"], "a number up to 16"),
    (
      [
        "serve", "--vfio-user", "a", "--control", "c", "--max-outputs", "1", "--output", "64x64", "--output",
        "64x64",
      ], "not less than there are --output"
    ),
    (["serve", "--vfio-user", "keyboard=a", "--control", "c", "--max-outputs", "2"], "goes with a GPU"),
    (["serve", "--vfio-user", "a", "--output", "64x64+2147483600+0"], "too far off"),
    (["outputs"], "--control"), (["outputs", "--control", "c", "--set", "0"], "--set"),
    (["outputs", "--control", "c", "--set", "16=640x480"], "--set"),
    (["outputs", "--control", "c", "--set=-1=640x480"], "--set"),
    (["outputs", "--control", "c", "--set", "0=1=640x480"], "--set"),
    (["outputs", "--control", "c", "--set", "0=31x480"], "--set"),
    (["outputs", "--control", "c", "--add", "0=640x480"], "--add"),
    (["outputs", "--control", "c", "--remove", "16"], "no output 16"),
    (
      ["outputs", "--control", "c"] + Array(repeatElement(["--remove", "15"], count: 120).joined()),
      "too many changes"
    ),
    (["click", "--control", "c", "--place", "1,32768"], "within 0 to 32767"),
    (["click", "--control", "c", "--place", "1,2", "3", "4"], "say where"),
    (["click", "--control", "c", "--button", "thumb", "3", "4"], "--button"),
    (["leds"], "--control"), (["serve", "--vfio-user", "a", "--log-level", "loud"], "--log-level"),
    (["picture"], "picture"),
  ])
  func `a wrong command line is told what is wrong`(_ row: (arguments: [String], hint: String)) throws {
    let said = try #require(complaint(row.arguments))
    #expect(said.code == 64)
    #expect(said.text.contains(row.hint), "\(said.text)")
  }

  @Test func `the file's name says how a picture is encoded`() throws {
    #expect(try parse(ScreenshotCommand.self, "screenshot", "--control", "c", "a.png").encoding == .png)
    #expect(try parse(ScreenshotCommand.self, "screenshot", "--control", "c", "a.ppm").encoding == .ppm)
    #expect(try parse(ScreenshotCommand.self, "screenshot", "--control", "c", "-").encoding == .png)
    let all = try parse(
      ScreenshotCommand.self, "screenshot", "--control", "c", "--scanout", "3", "--no-cursor", "a.png")
    #expect(all.options.scanout == 3 && all.leavesCursorOut)
  }

  @Test func `cursor and demo take their documented forms`() throws {
    let cursor = try parse(CursorCommand.self, "cursor", "--control", "c", "--scanout", "1", "--json")
    #expect(cursor.json && cursor.options.scanout == 1 && cursor.options.socket.control == "c")
    #expect(try parse(DemoCommand.self, "demo", "--png", "a.png").png == "a.png")
    _ = try parse(DemoCommand.self, "demo")
  }

  @Test(
    arguments: [
      (
        nil, ["serve", "screenshot", "cursor", "outputs", "demo", "type", "key", "click", "leds", "share=on"]
      ),
      (
        "serve",
        [
          "--vfio-user <socket>", "--device <kind>", "--output <size>", "--max-outputs <n>",
          "--control <socket>", "--once",
          "1280x800", "keyboard=SOCKET", "touch", "--transport <kind>", "--pcie", "--doorbell-pages",
          "--without <features>", "0x1010",
        ]
      ),
      ("screenshot", ["--control <socket>", "--scanout <n>", "--no-cursor", "<file>", ".ppm"]),
      ("type", ["--control <socket>", "--delay <ms>", "<text>"]),
      ("key", ["--control <socket>", "--delay <ms>", "--times <n>", "<keys>", "ctrl+alt+f2"]),
      ("click", ["--control <socket>", "--scanout <n>", "--button <button>", "--place <x,y>", "--by <x,y>"]),
      ("leds", ["--control <socket>", "--json", "caps"]),
      (
        "outputs",
        ["--control <socket>", "--set <n=WxH[+X+Y]>", "--add <WxH[+X+Y]>", "--remove <n>", "--json", "shown"]
      ),
      ("cursor", ["--control <socket>", "--scanout <n>", "--json", "crc"]), ("demo", ["--png <file>"]),
      (
        "conformance",
        ["--group <group>", "--case <name>", "--json <file>", "--list", "in-process", "vfio-user:"]
      ),
    ] as [(String?, [String])])
  func `help names every option and fits a terminal`(_ row: (command: String?, words: [String])) throws {
    let commands = ScanoutCommand.configuration.subcommands + [ScanoutCommand.self]
    let command = try #require(commands.first { $0.configuration.commandName == row.command ?? "scanout" })
    let help = ScanoutCommand.helpMessage(for: command, columns: 80)
    for word in row.words { #expect(help.contains(word)) }
    // The summary of a command's form is one line however long.
    for line in help.split(separator: "\n") where !line.hasPrefix("USAGE") { #expect(line.count <= 80) }
  }
}
