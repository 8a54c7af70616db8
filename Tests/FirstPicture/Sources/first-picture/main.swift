import FrontEndPNG
import Foundation
import ScanoutDevice

// The guest's memory, as your VMM has it mapped already.
let ramBase: UInt64 = 0x4000_0000
let ram = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 << 20, alignment: 4096)
ram.initializeMemory(as: UInt8.self, repeating: 0)
let memory = GuestMemory()
try memory.add(
  unsafe MappedRegion(borrowing: ram.baseAddress!, count: ram.count, writable: true),
  at: GuestAddress(ramBase))

// The device with one output, and what shows it.
let device = try DisplayDevice(outputs: [OutputMode(width: 640, height: 480)!], memory: memory)
let pictures = PictureFrontEnd()
_ = try device.attach(pictures)

// Its place in the machine.
let interrupts = Interrupts()
device.function.connect(interrupts)
let slot = Slot(function: device.function)

Guest(slot: slot, interrupts: interrupts, ram: ram, ramBase: ramBase).draw()

let picture = try pictures.picture(ofOutput: 0, withCursor: true)
try Data(picture.pngBytes()).write(to: URL(filePath: "picture.png"))
print("picture.png: \(picture.width)x\(picture.height)")

// Nothing may touch the memory any more when this has returned; then it can be given back.
memory.removeAll()
ram.deallocate()
