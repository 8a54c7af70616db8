/// Stands for the guest: its firmware places BAR 4, its driver brings the device up and draws. Linux does the same.
struct Guest {
  let slot: Slot
  let interrupts: Interrupts
  let ram: UnsafeMutableRawBufferPointer
  let ramBase: UInt64
  let width: UInt32 = 640
  let height: UInt32 = 480
  private let registers: UInt64 = 0xe000_0000
  private let descriptors = 0x0000, available = 0x1000, used = 0x2000, requests = 0x3000, pixels = 0x10_0000

  func draw() {
    slot.function.write(.configuration, at: 0x20, width: 8, registers)  // BAR 4
    slot.function.write(.configuration, at: 0x04, width: 2, 6)  // memory, and bus master

    set(0x14, 1, 3)  // device_status: ACKNOWLEDGE, DRIVER
    set(0x08, 4, 1)  // driver_feature_select
    set(0x0c, 4, 1)  // driver_feature: VERSION_1
    set(0x14, 1, 11)  // FEATURES_OK
    set(0x20, 8, ramBase + UInt64(descriptors))  // queue_desc of queue 0, 256 entries
    set(0x28, 8, ramBase + UInt64(available))  // queue_driver
    set(0x30, 8, ramBase + UInt64(used))  // queue_device
    set(0x1c, 2, 1)  // queue_enable
    set(0x14, 1, 15)  // DRIVER_OK

    for y in 0..<height {
      for x in 0..<width {
        put((x * 255 / width) << 16 | (y * 255 / height) << 8 | 0x80, at: pixels + Int(y * width + x) * 4)
      }
    }
    let backing = ramBase + UInt64(pixels), byteCount = width * height * 4
    send(0, 0x0101, 1, 2, width, height)  // RESOURCE_CREATE_2D: resource 1, B8G8R8X8
    send(1, 0x0106, 1, 1, UInt32(backing), 0, byteCount, 0)  // RESOURCE_ATTACH_BACKING
    send(2, 0x0103, 0, 0, width, height, 0, 1)  // SET_SCANOUT 0 to resource 1
    send(3, 0x0105, 0, 0, width, height, 0, 0, 1, 0)  // TRANSFER_TO_HOST_2D
    send(4, 0x0104, 0, 0, width, height, 1, 0)  // RESOURCE_FLUSH
    put(UInt16(5), at: available + 2)
    set(0x4000, 2, 0)  // the doorbell

    while ram.load(fromByteOffset: used + 2, as: UInt16.self) < 5 {
      interrupts.pin.wait()
      _ = slot.read(registers + 0x1000, width: 1)  // ISR status: lets go of the pin
    }
  }

  /// Lays out a request with room for its answer, and makes it the next that is available.
  private func send(_ index: Int, _ type: UInt32, _ body: UInt32...) {
    let request = requests + 128 * index, words = [type, 0, 0, 0, 0, 0] + body
    for (place, word) in words.enumerated() { put(word, at: request + 4 * place) }
    describe(2 * index, request, words.count * 4, flags: 1, next: 2 * index + 1)  // NEXT
    describe(2 * index + 1, request + 96, 24, flags: 2, next: 0)  // WRITE
    put(UInt16(2 * index), at: available + 4 + 2 * index)
  }

  private func describe(_ index: Int, _ start: Int, _ count: Int, flags: UInt16, next: Int) {
    let place = descriptors + 16 * index
    put(ramBase + UInt64(start), at: place)
    put(UInt32(count), at: place + 8)
    put(flags, at: place + 12)
    put(UInt16(next), at: place + 14)
  }

  private func set(_ offset: UInt64, _ width: Int, _ value: UInt64) {
    guard slot.write(registers + offset, width: width, value) else { fatalError("nobody answers") }
  }

  private func put<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
    ram.storeBytes(of: value, toByteOffset: offset, as: Value.self)
  }
}
