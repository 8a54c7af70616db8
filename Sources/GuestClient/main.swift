// The first and only process of the test guest: makes the kernel's file trees appear, inserts the modules, and
// then does what the host asks for over the serial port.
import Glibc

/// Tells the host, through the kernel's console, why there is no client to talk to.
func giveUp(_ failure: SystemFailure) -> Never {
  if let port = try? Descriptor(opening: "/dev/console", O_WRONLY) {  // nothing is left to report to
    try? port.write(Array("@0 no \(failure.reason)\n".utf8))
  }
  Kernel.powerOff()
  exit(1)
}

// It mounts, takes the serial port and powers off: never on a machine that is somebody's.
guard getpid() == 1 else {
  print("GuestClient is the first process of the test guest and runs as nothing else: see tools/guest/run")
  exit(2)
}

do throws(SystemFailure) {
  try Kernel.mount("devtmpfs", at: "/dev")
  try Kernel.mount("proc", at: "/proc")
  try Kernel.mount("sysfs", at: "/sys")
  let line = try SerialLine(path: "/dev/ttyS0")
  try Driver.insertAllModules()
  if !Driver.devices().isEmpty { try Driver.waitForDisplay() }
  let client = try Client(line: line)
  try line.write("@0 ok\n")
  try client.serve()
  throw SystemFailure(action: "read the serial port", code: EIO)
} catch {
  giveUp(error)
}
