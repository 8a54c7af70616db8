public import FrontEndAPI
public import FrontEndVNC
public import ScanoutDevice

extension DisplayDevice {
  /// The display's outputs as they stand beside each other.
  public var placedOutputs: [PlacedOutput] {
    zip(outputDescriptions, outputPreferences).map { shown, wanted in
      PlacedOutput(shown: shown, x: Int(wanted.x), y: Int(wanted.y))
    }
  }

  /// The same for viewers.
  ///
  /// - Parameter isFixed: whether viewers may not change them.
  public func desk(isFixed: Bool) -> VNCDesk {
    var desk = VNCDesk { self.placedOutputs }
    desk.sides = OutputMode.sides
    guard !isFixed else { return desk }
    desk.setOutputs = { wishes in
      let present = self.outputPreferences
      var changes: [Int: OutputPreference] = [:]
      for (index, wish) in wishes {
        var preference = present[index]
        preference.isEnabled = wish != nil
        if let wish {
          // The server keeps to the sides that it was given.
          preference.mode = OutputMode(width: wish.width, height: wish.height) ?? preference.mode
          if let place = wish.place { (preference.x, preference.y) = (place.x, place.y) }
        }
        changes[index] = preference
      }
      self.setOutputs(changes)
    }
    return desk
  }
}
