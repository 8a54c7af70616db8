import ScanoutDevice
import Testing

@Suite struct EmbeddingTests {
  @Test("the example shows what its guest drew")
  func example() throws {
    let vmm = try ExampleVMM()
    #expect(vmm.viewer.pixel(0, 0, of: vmm.channel) == nil)
    try vmm.run(blue: 10, green: 20, red: 30)
    #expect(vmm.viewer.pixel(0, 0, of: vmm.channel) == 0x1e140a)
    #expect(vmm.viewer.pixel(639, 479, of: vmm.channel) == 0x1e140a)
    vmm.device.function.reset()
    #expect(vmm.viewer.pixel(0, 0, of: vmm.channel) == nil)
  }

  @Test("two devices in one process know nothing of each other")
  func two() throws {
    let one = try ExampleVMM()
    let other = try ExampleVMM()
    try one.run(blue: 1, green: 2, red: 3)
    try other.run(blue: 4, green: 5, red: 6)
    one.device.function.reset()
    #expect(one.viewer.pixel(5, 5, of: one.channel) == nil)
    #expect(other.viewer.pixel(5, 5, of: other.channel) == 0x060504)
  }

  @Test("a front-end that was built for another major version is refused and told why")
  func mismatch() throws {
    final class Old: DisplayFrontEnd {
      let interface = InterfaceVersion(type: "display", label: "old viewer", major: 2, minor: 0)
      func attached(to channel: any DisplayChannel) {}
      func outputChanged(_ index: Int) {}
    }
    let vmm = try ExampleVMM()
    let error = #expect(throws: InterfaceMismatch.self) { _ = try vmm.device.attach(Old()) }
    #expect(error?.description.contains("old viewer") == true)
    #expect(error?.description.contains("major version 1") == true)
  }
}
