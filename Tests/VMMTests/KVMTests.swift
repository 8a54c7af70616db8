import MachineModel
import Testing

@testable import scanout_vmm

@Suite struct KVMTests {
  @Test(
    "a machine without a usable KVM says what is wrong with it",
    arguments: [("/dev/no-kvm", "No such file"), ("/dev/null", "is no KVM of version 12")])
  func missing(path: String, words: String) throws {
    let error = try #require(throws: NoKVM.self) { try KVM(path: path) }
    #expect(error.description.contains(path) && error.description.contains(words))
  }

  @Test("the words for one that must not be opened name the group")
  func advice() {
    #expect(KVM.advice(13).contains("group kvm"))
    #expect(Set([2, 13, 16].map(KVM.advice)).count == 3)
  }
}

@Suite struct VMMArgumentTests {
  @Test("a line for Linux and one for a multiboot kernel are understood")
  func good() throws {
    let linux = try VMMCommand.parse([
      "--kernel", "vmlinuz", "--initrd", "initrd", "--append", "quiet", "--memory", "256", "--cpus", "2",
      "--serial", "log", "--output", "800x600", "--output", "1024x768", "--screenshot-at-end", "end.png",
      "--control", "socket", "--vnc", "127.0.0.1:5900", "--transport", "transitional", "--doorbells", "exit",
    ])
    #expect(linux.output.map(\.mode.width) == [800, 1024])
    #expect(linux.doorbells == .exit && linux.transport == .transitional)
    #expect(try VMMCommand.parse(["--multiboot", "guest"]).doorbells == .ioeventfd)
  }

  @Test(
    "what contradicts itself or cannot be is refused",
    arguments: [
      [], ["--kernel", "a", "--multiboot", "b"], ["--multiboot", "a", "--initrd", "b"],
      ["--kernel", "a", "--memory", "15"], ["--kernel", "a", "--cpus", "0"],
      ["--kernel", "a", "--cpus", "17"],
      ["--kernel", "a", "--output", "800"], ["--kernel", "a", "--output", "0x0"],
      ["--kernel", "a", "--output", "800x600x2"], ["--kernel", "a", "--vnc", "nowhere"],
      ["--kernel", "a", "--screenshot-at-end", "end.bmp"], ["--kernel", "a", "--doorbells", "knocker"],
      ["--kernel", "a"] + Array(repeating: ["--output", "640x480"], count: 17).flatMap { $0 },
    ])
  func refused(words: [String]) {
    #expect(throws: (any Error).self) { try VMMCommand.parse(words) }
  }
}
