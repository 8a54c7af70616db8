import Glibc
import Testing

@testable import scanout

@Suite(.timeLimit(.minutes(15))) struct DemoTests {
  @Test func `the demo draws, compares and saves a picture of its output's size`() throws {
    let path = "/tmp/scanout-demo-test-\(getpid()).png"
    defer { unsafe unlink(path) }
    var demo = try ScanoutCommand.parseAsRoot(["demo", "--png", path])
    try demo.run()

    let file = unsafe open(path, O_RDONLY)
    #expect(file >= 0)
    defer { close(file) }
    var head = [UInt8](repeating: 0, count: 24)
    // The system writes at most the array's size.
    #expect(unsafe read(file, &head, 24) == 24)
    // Signature, then IHDR with width and height (PNG specification §5.2, §11.2.2).
    #expect(head[..<8] == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    #expect(head[12...] == [0x49, 0x48, 0x44, 0x52, 0, 0, 5, 0, 0, 0, 3, 32])
  }

  @Test func `neighbouring parts of the test card differ`() {
    let card = TestCard(width: 1280, height: 800)
    let places = [(0, 0), (300, 10), (640, 10), (640, 420), (640, 500), (640, 560), (640, 620), (640, 700)]
    #expect(Set(places.map { card.pixel($0.0, $0.1) }).count == places.count)
    #expect(TestCard.arrow(0, 0).alpha == 255 && TestCard.arrow(63, 0).alpha == 0)
  }
}
