import CHost
import Glibc
import Testing

@testable import VfioUser

extension VfioUserTests {
  /// What a server tells of its client.
  @Suite(.timeLimit(.minutes(15))) struct InspectionTests {
    @Test("memory is told as the client announced it, and nothing of it once it has left")
    func memory() throws {
      let served = try Served()
      #expect(served.server.inspect() == ServerSnapshot(path: served.server.path))
      do {
        let client = try served.client()
        let file = try Owned.memory(1 << 20)
        #expect(client.errno(2, Client.dmaMap(0x8_0000, 0x4000)) == 0)
        #expect(
          client.errno(2, Client.dmaMap(0x1_0000, 0x2000, offset: 0x3000, flags: 1), [file.number]) == 0)
        #expect(client.errno(2, Client.dmaMap(0x4_0000, 0x1000), [file.number]) == 0)
        #expect(client.errno(2, Client.dmaMap(0x1_0000, 0x1000), [file.number]) == UInt32(EEXIST))
        var snapshot = served.server.inspect()
        #expect(snapshot.isAttached && snapshot.clients == 1 && snapshot.refusedMessages == 1)
        #expect(snapshot.regions.map(\.address) == [0x1_0000, 0x4_0000, 0x8_0000])
        #expect(snapshot.regions.map(\.byteCount) == [0x2000, 0x1000, 0x4000])
        #expect(snapshot.regions.map(\.isMapped) == [true, true, false])
        #expect(snapshot.regions.map(\.isWritable) == [false, true, true])
        #expect(snapshot.regions.map(\.fileOffset) == [0x3000, 0, 0])
        #expect(snapshot.connectedVectors.isEmpty && !snapshot.isPinConnected)
        #expect(client.errno(3, Client.dmaUnmap(0x1_0000, 0x4_0000)) == 0)
        snapshot = served.server.inspect()
        #expect(snapshot.regions.map(\.address) == [0x8_0000])
      }
      while served.server.inspect().isAttached {}
      let snapshot = served.server.inspect()
      #expect(snapshot.regions.isEmpty && snapshot.clients == 1 && snapshot.refusedMessages == 1)
    }
  }
}
