import CSystemHeaders
import FrontEndAPI
import Testing

@testable import VirtioInput

/// What a driver learns of the device (virtio 1.4 §5.8.4), held against Linux's own headers.
@Suite struct ConfigurationTests {
  /// The `u` of an answer, as long as `size` says; nil when the rest of the structure is not as it has to be.
  private func answer(_ guest: InputGuest, _ select: UInt32, _ subsel: Int32 = 0) -> [UInt8]? {
    let bytes = guest.configuration(UInt8(select), UInt8(subsel))
    guard bytes[0] == UInt8(select), bytes[1] == UInt8(subsel), bytes[2] <= 128 else { return nil }
    let rest = bytes[3..<8] + bytes[(8 + Int(bytes[2]))...]
    return rest.allSatisfy { $0 == 0 } ? Array(bytes[8..<8 + Int(bytes[2])]) : nil
  }

  /// The numbers of the bits that are set.
  private func numbers(_ bits: [UInt8]?) -> [Int32]? {
    guard let bits else { return nil }
    return (0..<Int32(bits.count * 8)).filter { bit in
      let byte = bits[Int(bit) / 8]
      return byte & 1 << UInt8(bit % 8) != 0
    }
  }

  @Test(arguments: InputKind.allCases)
  func `whatever is selected, only what is documented has an answer`(_ kind: InputKind) throws {
    let guest = try InputGuest(kind)
    var found: Set<Int> = []
    for select in 0..<256 {
      for subsel in 0..<256 {
        let bytes = answer(guest, UInt32(select), Int32(subsel))
        if try !#require(bytes).isEmpty { found.insert(select << 8 | subsel) }
      }
    }
    let expected: [Int] =
      switch kind {
      case .keyboard: [0x1101, 0x1111, 0x1114]
      case .tablet: [0x1101, 0x1102, 0x1103, 0x1200, 0x1201]
      case .mouse: [0x1101, 0x1102]
      case .touch: [0x1000, 0x1101, 0x1103, 0x122f, 0x1235, 0x1236, 0x1239]
      }
    #expect(found == Set([0x100, 0x200, 0x300] + expected))
  }

  @Test func `a device has a name, a serial and virtual ids`() throws {
    let guest = try InputGuest(.tablet)
    #expect(
      answer(guest, VIRTIO_INPUT_CFG_ID_NAME.rawValue).map { String(decoding: $0, as: UTF8.self) }
        == "Scanout virtio tablet")
    #expect(
      answer(guest, VIRTIO_INPUT_CFG_ID_SERIAL.rawValue).map { String(decoding: $0, as: UTF8.self) }
        == "serial")
    #expect(
      answer(guest, VIRTIO_INPUT_CFG_ID_DEVIDS.rawValue) == [UInt8(BUS_VIRTUAL), 0, 0xf4, 0x1a, 2, 0, 1, 0])
    #expect(guest.state.device.configurationSize == MemoryLayout<virtio_input_config>.size)
  }

  @Test func `a keyboard has the usual keys, repeats, and has three lights`() throws {
    let guest = try InputGuest(.keyboard)
    let keys = try #require(numbers(answer(guest, VIRTIO_INPUT_CFG_EV_BITS.rawValue, EV_KEY)))
    #expect(keys.count > 200)
    for key in [KEY_ESC, KEY_A, KEY_Z, KEY_ENTER, KEY_SPACE, KEY_F12, KEY_RIGHTALT, KEY_102ND, KEY_MICMUTE] {
      #expect(keys.contains(key))
    }
    #expect(keys.allSatisfy { $0 > 0 && $0 < 0x100 })  // no button: it would be taken for a pointer
    #expect(
      numbers(answer(guest, VIRTIO_INPUT_CFG_EV_BITS.rawValue, EV_LED)) == [LED_NUML, LED_CAPSL, LED_SCROLLL])
    #expect(answer(guest, VIRTIO_INPUT_CFG_EV_BITS.rawValue, EV_REP)?.isEmpty == false)
  }

  @Test func `a tablet has two axes, a mouse two ways, both buttons and wheels`() throws {
    let buttons = [BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA]
    let wheels = [REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES]
    let bits = VIRTIO_INPUT_CFG_EV_BITS.rawValue
    let tablet = try InputGuest(.tablet), mouse = try InputGuest(.mouse)
    for guest in [tablet, mouse] { #expect(numbers(answer(guest, bits, EV_KEY)) == buttons) }
    #expect(numbers(answer(tablet, bits, EV_ABS)) == [ABS_X, ABS_Y])
    #expect(numbers(answer(tablet, bits, EV_REL)) == wheels)
    #expect(numbers(answer(mouse, bits, EV_REL)) == [REL_X, REL_Y] + wheels)
    #expect(answer(mouse, bits, EV_ABS) == [])
    for axis in [ABS_X, ABS_Y] {
      // min 0, max 32767, no fuzz, no flat, no resolution
      let info = [0, 0, 0, 0, 0xff, 0x7f] + [UInt8](repeating: 0, count: 14)
      #expect(answer(tablet, VIRTIO_INPUT_CFG_ABS_INFO.rawValue, axis) == info)
    }
  }

  @Test func `a touchscreen is direct and has ten slots`() throws {
    let guest = try InputGuest(.touch)
    #expect(numbers(answer(guest, VIRTIO_INPUT_CFG_PROP_BITS.rawValue)) == [INPUT_PROP_DIRECT])
    #expect(numbers(answer(guest, VIRTIO_INPUT_CFG_EV_BITS.rawValue, EV_KEY)) == [BTN_TOUCH])
    #expect(
      numbers(answer(guest, VIRTIO_INPUT_CFG_EV_BITS.rawValue, EV_ABS))
        == [ABS_MT_SLOT, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_TRACKING_ID])
    let largest =
      [(ABS_MT_SLOT, 9), (ABS_MT_TRACKING_ID, 65535), (ABS_MT_POSITION_X, 32767)] as [(Int32, Int)]
    for (axis, value) in largest {
      let info = try #require(answer(guest, VIRTIO_INPUT_CFG_ABS_INFO.rawValue, axis))
      #expect(info.count == 20 && Int(info[4]) | Int(info[5]) << 8 == value)
    }
  }

  @Test func `only the two selectors can be written, by any width, in any order`() throws {
    let guest = try InputGuest(.keyboard)
    let before = guest.configuration(1, 0)
    for offset in 2..<136 { guest.write(offset, [0xff]) }
    guest.write(8, [UInt8](repeating: 0xff, count: 8))
    #expect(guest.read(0, 136) == before)
    guest.write(0, [3, 0, 0xff, 0xff])
    #expect(guest.read(0, 3) == [3, 0, 8])
    guest.write(1, [1])
    #expect(guest.read(0, 3) == [3, 1, 0])
    guest.write(0, [0x11])
    #expect(guest.read(0, 3) == [0x11, 1, 32])
    // Any part reads as it does in the whole.
    let whole = guest.read(0, 136)
    for offset in 0..<136 {
      for count in [1, 2, 4, 8] where offset + count <= 136 {
        #expect(guest.read(offset, count) == Array(whole[offset..<offset + count]))
      }
    }
    #expect(guest.read(134, 8) == Array(whole[134...]) + [0, 0, 0, 0, 0, 0])
    try guest.restart()
    #expect(guest.read(0, 136).allSatisfy { $0 == 0 })
  }

  @Test func `a serial of any length is cut to what there is room for`() {
    for count in [0, 1, 127, 128, 129, 1000] {
      let configuration = InputConfiguration(.mouse, serial: String(repeating: "x", count: count))
      var bytes = [UInt8](repeating: 0xff, count: 136)
      var span = bytes.mutableSpan
      var raw = unsafe span.mutableBytes  // any byte is a UInt8
      configuration.read(select: 2, subsel: 0, at: 0, into: &raw)
      #expect(Int(bytes[2]) == min(count, 128) && bytes.count(where: { $0 == 0x78 }) == min(count, 128))
    }
  }
}
