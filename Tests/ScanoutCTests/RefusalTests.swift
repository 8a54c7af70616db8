import Glibc
import ScanoutDevice
import Testing

@testable import ScanoutC

@Suite struct RefusalTests {
  @Test("an error of the system's keeps its number, and one without a number is still an error")
  func systemErrors() {
    #expect(Refusal(HostError(operation: "mmap", errno: ENOMEM)).errno == ENOMEM)
    #expect(Refusal(HostError(operation: "nothing", errno: 0)).errno == EIO)
    #expect(Refusal(HostError(operation: "nothing", errno: -5)).errno == EIO)
  }

  @Test("a refusal is the negative number, success 0")
  func results() {
    #expect(result { () throws(Refusal) in throw Refusal.tooBig } == -E2BIG)
    #expect(result { () throws(Refusal) in } == 0)
  }
}
