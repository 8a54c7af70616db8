import Glibc
import Testing

@testable import GuestRAM

/// The guard is a signal handler of the whole process, so each case has a process of its own.
@Suite struct BusFaultGuardTests {
  /// Reads a byte that a file has lost, through a mapping that the guard knows nothing of.
  static func touchLostPage() {
    let file = TestFile(pages: 2, isSealed: false)
    guard let mapped = unsafe mmap(nil, file.size, PROT_READ, MAP_SHARED, file.descriptor, 0),
      unsafe mapped != MAP_FAILED, ftruncate(file.descriptor, 4096) == 0
    else { exit(1) }
    // Inside the mapping; the page behind it is gone.
    unsafe withExtendedLifetime(mapped.load(fromByteOffset: 4096, as: UInt8.self)) {}
  }

  @Test("a fault that is not its own goes to the handler that was there before")
  func chains() async {
    await #expect(processExitsWith: .exitCode(42)) {
      unsafe signal(SIGBUS) { _ in _exit(42) }
      try BusFaultGuard.install()
      Self.touchLostPage()
    }
  }

  @Test("without a handler before it, a fault that is not its own ends the process as it would have")
  func defaultAction() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      unsafe signal(SIGBUS, SIG_DFL)
      try BusFaultGuard.install()
      Self.touchLostPage()
    }
  }

  @Test("a lost page of a region reads as zeros, whoever else handles the signal")
  func ownFault() async {
    await #expect(processExitsWith: .success) {
      unsafe signal(SIGBUS) { _ in _exit(42) }
      try BusFaultGuard.install()
      let file = TestFile(pages: 2, isSealed: false)
      file.fill { _ in 0xff }
      let memory = try GuestMemory(file)
      guard ftruncate(file.descriptor, 4096) == 0 else { exit(1) }
      let lost = memory.withAccess { access in
        guard let range = GuestRange(start: GuestAddress(4096), count: 4096),
          let page = try? access.window(range, writable: false)  // nil fails the case
        else { return UInt8(1) }
        return page.load(UInt8.self, at: 0, in: access)
      }
      exit(lost == 0 ? 0 : 1)
    }
  }

  @Test("a file that may shrink is not mapped when the guard has no room for it, and one that is sealed is")
  func noRoom() async {
    await #expect(processExitsWith: .success) {
      try BusFaultGuard.install()
      let file = TestFile(pages: 1, isSealed: false)
      var mapped: [GuestAccess.Owner] = []
      do throws(HostError) {
        while mapped.count < 1 << 15 { mapped.append(GuestAccess.Owner(try file.region())) }
        exit(1)
      } catch {
        guard error == HostError(operation: "guard a file that may shrink", errno: ENOSPC) else { exit(2) }
      }
      _ = GuestAccess.Owner(try TestFile(pages: 1).region())
      // What is unmapped makes room.
      mapped.removeLast()
      mapped.append(GuestAccess.Owner(try file.region()))
      exit(0)
    }
  }
}
