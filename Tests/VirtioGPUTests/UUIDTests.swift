import CVirtioGPUABI
import Testing

@testable import VirtioGPU

private let ok = VIRTIO_GPU_RESP_OK_NODATA.rawValue
private let badResource = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID.rawValue

@Suite struct UUIDTests {
  /// A guest with the pictures 1 and 2 and the blob 3.
  private func makeGuest() throws -> TestGuest {
    let guest = try TestGuest(features: [VIRTIO_GPU_F_RESOURCE_UUID, VIRTIO_GPU_F_RESOURCE_BLOB])
    for request in [Request.create(1, 8, 8), Request.create(2, 8, 8), Request.createBlob(3, size: 64, [])] {
      #expect(guest.type(request) == ok)
    }
    return guest
  }

  private func uuid(_ guest: TestGuest, _ id: UInt32) throws -> [UInt8] {
    let response = try #require(guest.send(Request.assignUUID(id)))
    #expect(word(response, 0) == VIRTIO_GPU_RESP_OK_RESOURCE_UUID.rawValue)
    #expect(response.count == abi_size_uuid())
    return Array(response[abi_uuid_uuid()...])
  }

  @Test func `each resource has a random name of its own and keeps it until it is released`() throws {
    let guest = try makeGuest()
    let names = try (1...3 as ClosedRange<UInt32>).map { try uuid(guest, $0) }
    #expect(Set(names).count == 3)
    for name in names {
      #expect(name[6] >> 4 == 4 && name[8] >> 6 == 2, "version 4, the usual variant")
    }
    for (index, name) in names.enumerated() { #expect(try uuid(guest, UInt32(index + 1)) == name) }
    #expect(guest.type(Request.unref(1)) == ok)
    #expect(guest.type(Request.assignUUID(1)) == badResource)
    #expect(guest.type(Request.create(1, 8, 8)) == ok)
    #expect(try uuid(guest, 1) != names[0])
    #expect(try uuid(guest, 2) == names[1])
  }

  @Test(arguments: [0, 4, .max] as [UInt32]) func `what is no resource has no name`(_ id: UInt32) throws {
    #expect(try makeGuest().type(Request.assignUUID(id)) == badResource)
  }

  @Test func `an answer that does not fit is an error`() throws {
    let guest = try makeGuest()
    for room in 24..<40 {
      #expect(
        guest.type(Request.assignUUID(1), room: room) == VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER.rawValue)
    }
    #expect(guest.type(Request.assignUUID(1), room: 40) == VIRTIO_GPU_RESP_OK_RESOURCE_UUID.rawValue)
    for count in 24..<32 {
      #expect(
        guest.type(Array(Request.assignUUID(1)[..<count]))
          == VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER.rawValue)
    }
  }

  @Test func `without the feature the request is unknown`() throws {
    let guest = try TestGuest()
    #expect(guest.type(Request.create(1, 8, 8)) == ok)
    #expect(guest.type(Request.assignUUID(1)) == VIRTIO_GPU_RESP_ERR_UNSPEC.rawValue)
  }
}
