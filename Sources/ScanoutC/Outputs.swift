public import CScanout
import ScanoutDevice

/// `scanout_display_get_output`; see `scanout.h`, as for every function here.
@c @implementation
public func scanout_display_get_output(
  _ device: OpaquePointer?, _ index: UInt32, _ output: UnsafeMutablePointer<scanout_output>?
) -> CInt {
  result { () throws(Refusal) in
    let outputs = try unsafe object(device, DeviceHandle.self).display.outputPreferences
    let target = try unsafe StructTarget(output)
    guard outputs.indices.contains(Int(index)) else { throw .invalid }
    let found = outputs[Int(index)]
    var output = scanout_output()
    output.flags = found.isEnabled ? 0 : UInt32(SCANOUT_OUTPUT_OFF)
    output.width = UInt32(clamping: found.mode.width)
    output.height = UInt32(clamping: found.mode.height)
    output.x = found.x
    output.y = found.y
    target.fill(output)
  }
}

/// `scanout_display_set_outputs`
@c @implementation
public func scanout_display_set_outputs(
  _ device: OpaquePointer?, _ first: UInt32, _ outputs: UnsafePointer<scanout_output>?, _ count: UInt32
) -> CInt {
  result { () throws(Refusal) in
    let display = try unsafe object(device, DeviceHandle.self).display
    let preferences = try unsafe preferences(outputs, count: count)
    guard Int(first) + preferences.count <= display.outputPreferences.count else { throw .invalid }
    var wanted: [Int: OutputPreference] = [:]
    for (index, preference) in preferences.enumerated() { wanted[Int(first) + index] = preference }
    display.setOutputs(wanted)
  }
}
