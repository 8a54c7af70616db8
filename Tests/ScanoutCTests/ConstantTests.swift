import CScanout
import ScanoutDevice
import Testing

@testable import ScanoutC

/// The numbers of `scanout.h` are those of the Swift interfaces behind it.
@Suite struct ConstantTests {
  @Test("the display interface that the header states is the device's")
  func displayInterface() {
    #expect(SCANOUT_DISPLAY_TYPE == DisplayInterface.type)
    #expect(UInt32(SCANOUT_DISPLAY_MAJOR) == DisplayInterface.major)
    #expect(UInt32(SCANOUT_DISPLAY_MINOR) == DisplayInterface.minor)
  }

  @Test(
    "lights have Linux's bits",
    arguments: [
      (SCANOUT_LIGHT_NUM_LOCK, KeyboardLights.numLock), (SCANOUT_LIGHT_CAPS_LOCK, .capsLock),
      (SCANOUT_LIGHT_SCROLL_LOCK, .scrollLock),
    ])
  func lights(bit: Int, light: KeyboardLights) {
    #expect(bit == Int(light.rawValue))
  }

  @Test("the most pieces of damage that a display tells of fit into C's struct")
  func damage() {
    let room = MemoryLayout.size(ofValue: scanout_changes().damage) / MemoryLayout<scanout_rectangle>.size
    #expect(room == Damage.capacity)
  }

  @Test("the header's places, notches and fingers are the devices'")
  func measures() {
    // As its comments say: 32767, 120, 0 to 9.
    #expect(PointerDevice.largestPlace == 32767)
    #expect(PointerDevice.notch == 120)
    #expect(TouchDevice.slotCount == 10)
    #expect(MouseButton.allCases.map(\.rawValue) == [0x110, 0x111, 0x112, 0x113, 0x114])
  }
}
