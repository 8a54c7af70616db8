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
    var news = News.none

    mutating func wasAsked() {
      if news == .unheard { news = .asked }
    }
  }

  /// How far the guest is behind.
  private enum News {
    /// It has acknowledged the last change.
    case none
    /// Something changed.
    case unheard
    /// It has asked since.
    case asked
    /// Something changed since it asked: what it is about to acknowledge is not all.
    case changedSinceAsked
  }

  /// As many outputs as there are preferences.
  ///
  /// - Parameter largest: what can be shown at most; nil: anything.
  package init(_ preferences: [OutputPreference], largest: PictureSize? = nil) {
    count = preferences.count
    let preferences = preferences.map { $0.lowered(to: largest) }
    outputs = Lock(
      Outputs(
        preferences: preferences,
        edids: preferences.enumerated().map { EDID(mode: $1.mode, index: $0, largest: largest) }))
  }

  /// All of them, in order; for the host.
  package var preferences: [OutputPreference] { outputs.withLock { $0.preferences } }

  /// The EDID of one, which exists; for the host.
  package func edid(_ index: Int) -> EDID { outputs.withLock { $0.edids[index] } }

  /// Changes some, which exist, at once; each EDID is that of the preference's mode.
  package func set(_ changes: [(index: Int, preference: OutputPreference, edid: EDID)]) {
    outputs.withLock { outputs in
      for change in changes {
        outputs.preferences[change.index] = change.preference
        outputs.edids[change.index] = change.edid
      }
      switch outputs.news {
      case .none, .unheard: outputs.news = .unheard
      case .asked, .changedSinceAsked: outputs.news = .changedSinceAsked
      }
    }
  }

  // MARK: The guest's side

  /// All of them, in order, as an answer to the guest.
  func answerPreferences() -> [OutputPreference] {
    outputs.withLock { outputs in
      outputs.wasAsked()
      return outputs.preferences
    }
  }

  /// The EDID of one, which exists, as an answer to the guest.
  func answerEDID(_ index: Int) -> EDID {
    outputs.withLock { outputs in
      outputs.wasAsked()
      return outputs.edids[index]
    }
  }

  /// Whether the guest has a change to hear of.
  package var hasNews: Bool { outputs.withLock { $0.news != .none } }

  /// The guest has taken note of changes; there is news still if something changed after it asked.
  ///
  /// Linux asks first and acknowledges then, and would never ask for a change in between.
  package func acknowledge() {
    outputs.withLock { $0.news = $0.news == .changedSinceAsked ? .unheard : .none }
  }

  /// Another driver begins, which asks before it hears of anything.
  package func forgetNews() { outputs.withLock { $0.news = .none } }
}
