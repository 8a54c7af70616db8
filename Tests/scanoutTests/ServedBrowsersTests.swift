import ArgumentParser
import Foundation
import Testing

@testable import scanout

@Suite(.timeLimit(.minutes(15))) struct ServedBrowsersTests {
  /// A folder with a page in it, gone with this.
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.appending(path: "scanout-web-\(UUID().uuidString)").path

    init() throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try Data("<p>a page".utf8).write(to: URL(filePath: path).appending(path: "vnc.html"))
    }

    // A temporary folder that stays harms nobody.
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  /// What curl, which nobody here wrote, gets; nil for a refusal.
  private static func fetch(_ place: String, _ options: String...) throws -> String? {
    let process = Foundation.Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/curl")
    process.arguments = ["--silent", "--fail", "--max-time", "60"] + options + [place]
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: bytes, as: UTF8.self) : nil
  }

  @Test func `serve says what to open in a browser, and it opens`() throws {
    let folder = try Folder()
    let serve = try Process(
      "serve", "--vfio-user", "@/gpu", "--web", "127.0.0.1:0", "--web-root", folder.path, "--vnc",
      "unix:@/vnc")
    let line = serve.line()
    #expect(line.hasPrefix("browsers open http://127.0.0.1:") && line.hasSuffix("/"))
    #expect(serve.line().hasPrefix("VNC viewers of scanout 0 connect at unix:"))
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    let place = line.replacingOccurrences(of: "browsers open ", with: "")
    #expect(try Self.fetch(place + "vnc.html") == "<p>a page")
    #expect(try Self.fetch(place, "--location") == "<p>a page")
    #expect(try Self.fetch(place, "--header", "Host: stranger.example") == nil)
    serve.signal(SIGTERM)
    #expect(serve.wait() == 0)
    #expect(!serve.exists("gpu") && !serve.exists("vnc"))
  }

  @Test(arguments: [
    (["--web", "0.0.0.0:0"], false), (["--web", "0.0.0.0:0", "--insecure"], true),
    (["--web", "unix:@/web"], true),
    (["--web", "nowhere.invalid:0"], false),
  ])
  func `browsers of other hosts need a password or leave`(_ arguments: [String], _ isServed: Bool) throws {
    let folder = try Folder()
    let serve = try Process(["serve", "--vfio-user", "@/gpu", "--web-root", folder.path] + arguments)
    #expect(serve.line().hasPrefix("browsers open ") == isServed)
    if isServed { serve.signal(SIGTERM) }
    #expect(serve.wait() == (isServed ? 0 : 1))
    #expect(!serve.exists("gpu") && !serve.exists("web"))
  }

  @Test func `without noVNC serve ends and says so`() throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--web", "127.0.0.1:0", "--web-root", "/nowhere")
    #expect(serve.wait() == 1)
    let options = try WebOptions.parse(["--web", "127.0.0.1:0", "--web-root", "/nowhere"])
    #expect(throws: CommandFailure.self) { try options.files() }
  }

  @Test(arguments: [
    ["--web", "6080"], ["--web-root", "/tmp"], ["--web", "unix:/tmp/gpu"],
    ["--device", "entropy", "--web", "127.0.0.1:1"],
    ["--web", "unix:/tmp/a", "--vnc", "unix:/tmp/a"], ["--web", "unix:/tmp/a", "--control", "/tmp/a"],
    ["--view-only"],
    ["--web", "127.0.0.1:1", "--insecure", "--vnc-password-file", "secret"],
  ])
  func `options for browsers that make no sense are refused`(_ arguments: [String]) {
    #expect(throws: (any Error).self) {
      try ServeCommand.parse(["--vfio-user", "/tmp/gpu"] + arguments)
    }
  }

  @Test func `a password and a hold on input may be for browsers alone`() throws {
    let serve = try ServeCommand.parse([
      "--vfio-user", "/tmp/gpu", "--web", "[::1]:6080", "--vnc-password-file", "secret", "--view-only",
    ])
    #expect(serve.web.address == .tcp(host: "::1", port: 6080) && serve.web.root == nil)
    #expect(serve.vnc.passwordFile == "secret" && serve.vnc.viewOnly)
  }
}
