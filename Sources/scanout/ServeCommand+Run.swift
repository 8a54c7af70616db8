import ArgumentParser
import ControlSocket
import DeviceControl
import FrontEndAPI
import FrontEndPNG
import FrontEndVNC
import Glibc
import HostLoop
import HostThreads
import Logging
import ScanoutDevice
import VfioUser

extension ServeCommand {
  func run() throws {
    // Before any thread exists.
    TerminationSignals.block()
    signal(SIGPIPE, SIG_IGN)  // a reader that went away is an error of the write, not the end of the device
    let logger = Self.makeLogger(level: logLevel)

    var responder = ControlResponder()
    let outputs = try outputPreferences()
    var display: DisplayDevice?
    let servers = try places.map { place in
      let device = try ServedDevice.make(
        place.kind, outputs: outputs, gpu: gpu, bus: bus.options, in: &responder, logger: logger)
      display = display ?? device.display
      let server = try device.listen(at: place.path, logger: logger)
      responder.inspected.append(
        InspectedDevice(kind: place.kind.rawValue, device: device.inspect, server: { server.inspect() }))
      return server
    }
    defer { responder.frontEnd?.detach() }
    let controlServer = try control.map { [responder] path in
      try ControlServer(
        path: path, report: { logger.warning("\($0)") }, respond: { responder.answer($0) })
    }
    let loop = try vnc.places.isEmpty && web.address == nil ? nil : HostLoop()
    defer { loop?.stop() }
    var viewers: [VNCServer] = []
    var browsers: WebServer?
    defer {
      for viewer in viewers { viewer.stop() }
      browsers?.stop()
    }
    if let loop, let display {
      let controls = vnc.controls(of: display, responder.viewerControls)
      viewers = try vnc.serve(display, on: loop, controls, logger: logger)
      browsers = try web.serve(display, on: loop, vnc.protection(), controls, logger: logger)
    }
    try TerminationSignals.whenRaised { for server in servers { server.stop() } }
    defer { controlServer?.stop() }
    if let browsers { try Output.print("browsers open \(WebOptions.place(of: browsers.address))") }
    for (place, viewer) in zip(vnc.places, viewers) {
      try Output.print("VNC viewers of \(place.subject) connect at \(viewer.address)")
    }
    for place in places { try Output.print("listening on \(place.path)") }
    try Self.run(servers, once: once)
  }

  /// Serves until each server has ended: a thread for each but the first, which has this one. One that fails ends all.
  static func run(_ servers: [Server], once: Bool) throws {
    let failure = Lock<(any Error)?>(nil)
    let run: @Sendable (Server) -> Void = { server in
      do { try server.run(once: once) } catch {
        failure.withLock { if $0 == nil { $0 = error } }
        for server in servers { server.stop() }
      }
    }
    var threads: [HostThread] = []
    do throws(HostThreadError) {
      for server in servers.dropFirst() { threads.append(try HostThread(name: "server") { run(server) }) }
    } catch {
      for server in servers { server.stop() }
      for thread in threads { thread.join() }
      throw CommandFailure("no thread can be started for a server: errno \(error.errno)")
    }
    if let first = servers.first { run(first) }
    for thread in threads { thread.join() }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  static func makeLogger(level: Logger.Level) -> Logger {
    let limiter = RateLimitedLogHandler.Limiter()
    var logger = Logger(label: "scanout") { label in
      RateLimitedLogHandler(StreamLogHandler.standardError(label: label), limiter: limiter)
    }
    logger.logLevel = level
    return logger
  }
}
