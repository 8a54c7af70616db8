// A Swift program with a Swift runtime of its own beside the library's. Usage: two-runtimes
@_silgen_name("scanout_memory_create")
func makeMemory(_ memory: UnsafeMutablePointer<OpaquePointer?>) -> Int32
@_silgen_name("scanout_entropy_create")
func makeEntropy(
  _ memory: OpaquePointer?, _ bus: OpaquePointer?, _ device: UnsafeMutablePointer<OpaquePointer?>
) -> Int32
@_silgen_name("scanout_device_read")
func read(
  _ device: OpaquePointer?, _ region: UInt32, _ offset: UInt64, _ bytes: UnsafeMutableRawPointer, _ count: Int
) -> Int32
@_silgen_name("scanout_device_destroy")
func end(device: OpaquePointer?)
@_silgen_name("scanout_memory_destroy")
func end(memory: OpaquePointer?)

/// What both runtimes do: generic types, casts, text.
protocol Named { var name: String { get } }
struct Found<Value: Hashable>: Named {
  let values: [Value: Int]
  var name: String { "\(Self.self) of \(values.count)" }
}

var memory: OpaquePointer?, device: OpaquePointer?
var word: UInt32 = 0
for round in 0..<100 {
  guard makeMemory(&memory) == 0, makeEntropy(memory, nil, &device) == 0,
    read(device, 6, 0, &word, 4) == 0, word == 0x1044_1af4
  else { fatalError("round \(round): the device reads 0x\(String(word, radix: 16))") }
  let found: Any = Found(values: ["device": round])
  precondition((found as? any Named)?.name == "Found<String> of 1")
  end(device: device)
  end(memory: memory)
}
print("100 devices")
