import Glibc
import Testing

/// The command as a process of its own, in a directory of its own.
private final class Process {
  let directory: String
  private var pid: pid_t = 0
  private var output: CInt = -1

  /// Starts `scanout`, which is beside the tests' own program; `@` in an argument stands for the directory.
  init(_ arguments: String...) throws {
    var template = Array("/tmp/scanout-serve-XXXXXX".utf8CString)
    // The template ends with a zero byte and is rewritten in place.
    try #require(unsafe mkdtemp(&template) != nil)
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let program = Self.program()
    let arguments = arguments.map { argument in
      argument.split(separator: "@", omittingEmptySubsequences: false).joined(separator: directory)
    }
    var ends: [CInt] = [-1, -1]
    // The system writes two descriptors.
    try #require(unsafe pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    output = ends[0]

    var actions = unsafe posix_spawn_file_actions_t()
    // The actions and the strings outlive the call that uses them.
    unsafe posix_spawn_file_actions_init(&actions)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    let strings = unsafe ([program] + arguments).map { unsafe strdup($0) }
    let result = unsafe posix_spawn(&pid, program, &actions, nil, strings + [nil], environ)
    unsafe strings.forEach { unsafe free($0) }
    unsafe posix_spawn_file_actions_destroy(&actions)
    close(ends[1])
    try #require(result == 0)
  }

  deinit {
    if pid > 0 {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    close(output)
    for name in ["gpu", "control"] { unsafe unlink(directory + "/" + name) }
    unsafe rmdir(directory)
  }

  private static func program() -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    // The system writes at most the array's size.
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe readlink("/proc/self/exe", $0.baseAddress!, 4096)
    }
    let path = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      + "/scanout"
  }

  /// The next line of standard output; what there is when it ends.
  func line() -> String {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while unsafe read(output, &byte, 1) == 1, byte != 10 { bytes.append(byte) }
    return String(decoding: bytes, as: UTF8.self)
  }

  func signal(_ number: CInt) { kill(pid, number) }

  /// Waits for the end; the exit status, or nil when a signal ended it.
  func wait() -> CInt? {
    var status: CInt = 0
    unsafe waitpid(pid, &status, 0)
    pid = 0
    return status & 0x7f == 0 ? status >> 8 & 0xff : nil
  }

  func exists(_ name: String) -> Bool { unsafe access(directory + "/" + name, F_OK) == 0 }
  func path(_ name: String) -> String { directory + "/" + name }
}

@Suite(.timeLimit(.minutes(2))) struct ServeTests {
  @Test(arguments: [SIGTERM, SIGINT])
  func `serve says where it listens and ends in order with its sockets gone`(_ signal: CInt) throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--control", "@/control")
    #expect(serve.line() == "listening on \(serve.path("gpu"))")
    #expect(serve.exists("gpu") && serve.exists("control"))
    serve.signal(signal)
    #expect(serve.wait() == 0)
    #expect(!serve.exists("gpu") && !serve.exists("control"))
  }

  @Test func `a socket that cannot be made ends serve with a failure and leaves nothing`() throws {
    let serve = try Process("serve", "--vfio-user", "@/gpu", "--control", "/nowhere/at/all/control")
    #expect(serve.line() == "")
    #expect(serve.wait() == 1)
    #expect(!serve.exists("gpu"))
  }
}
