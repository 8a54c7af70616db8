import FrontEndAPI
import HostThreads

/// What the host wants of each output, and the EDID that says so: asked by the device's thread, changed by any.
package final class OutputDirectory: Sendable {
  /// How many outputs there are; never changes.
  package let count: Int
  private let outputs: Lock<Outputs>

  private struct Outputs {
    var preferences: [OutputPreference]
    var edids: [EDID]
  }

  /// Outputs of these sizes, all there.
  ///
  /// - Parameter largest: what can be shown at most; nil: anything.
  package init(_ modes: [OutputMode], largest: PictureSize? = nil) {
    count = modes.count
    let modes = modes.map { $0.lowered(to: largest) }
    outputs = Lock(
      Outputs(
        preferences: modes.map { OutputPreference(mode: $0) },
        edids: modes.enumerated().map { EDID(mode: $1, index: $0, largest: largest) }))
  }

  /// All of them, in order.
  package var preferences: [OutputPreference] { outputs.withLock { $0.preferences } }

  /// The EDID of one, which exists.
  package func edid(_ index: Int) -> EDID { outputs.withLock { $0.edids[index] } }

  /// Changes one, which exists; `edid` is that of the preference's mode.
  package func set(_ index: Int, to preference: OutputPreference, _ edid: EDID) {
    outputs.withLock { outputs in
      outputs.preferences[index] = preference
      outputs.edids[index] = edid
    }
  }
}
