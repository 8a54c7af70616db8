import ArgumentParser
import ControlSocket
import FrontEndPNG
import Glibc
import Logging

extension ServeCommand {
  func run() throws {
    // Before any thread exists.
    TerminationSignals.block()
    signal(SIGPIPE, SIG_IGN)  // a reader that went away is an error of the write, not the end of the device
    let logger = Self.makeLogger(level: logLevel)

    let pictures = PictureFrontEnd()
    defer { pictures.detach() }
    let server = try makeDevice(shownBy: pictures, logger: logger).listen(at: vfioUser, logger: logger)
    let responder = ControlResponder(frontEnd: pictures)
    let controlServer = try control.map { path in
      try ControlServer(
        path: path, report: { logger.warning("\($0)") }, respond: { responder.answer($0) })
    }
    try TerminationSignals.whenRaised { server.stop() }
    defer { controlServer?.stop() }
    try Output.print("listening on \(vfioUser)")
    try server.run(once: once)
  }

  private func makeDevice(shownBy pictures: PictureFrontEnd, logger: Logger) throws -> ServedDevice {
    switch device {
    case .gpu:
      try .gpu(
        outputs: outputs.isEmpty ? [.standard] : outputs, shownBy: pictures, bus: bus.options, logger: logger)
    case .entropy: try .entropy(bus: bus.options)
    }
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
