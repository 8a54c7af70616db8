import ArgumentParser
import ControlSocket
import Glibc
import Logging

extension ServeCommand {
  func run() throws {
    // Before any thread exists.
    TerminationSignals.block()
    signal(SIGPIPE, SIG_IGN)  // a reader that went away is an error of the write, not the end of the device
    let logger = Self.makeLogger(level: logLevel)

    let device = try ServedDevice(
      outputs: outputs.isEmpty ? [.standard] : outputs, socket: vfioUser, logger: logger)
    let responder = ControlResponder(frontEnd: device.pictures)
    let controlServer = try control.map { path in
      try ControlServer(
        path: path, report: { logger.warning("\($0)") }, respond: { responder.answer($0) })
    }
    try TerminationSignals.whenRaised { device.stop() }
    defer { controlServer?.stop() }
    try Output.print("listening on \(vfioUser)")
    try device.run(once: once)
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
