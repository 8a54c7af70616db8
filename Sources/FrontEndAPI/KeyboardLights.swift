/// The lights of a keyboard; a light's bit is the number that Linux's input layer has for it (`LED_*`).
public struct KeyboardLights: OptionSet, Sendable, Hashable {
  /// One bit for each light.
  public let rawValue: UInt8

  /// Lights by their bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Num Lock (`LED_NUML`).
  public static let numLock = KeyboardLights(rawValue: 1 << 0)
  /// Caps Lock (`LED_CAPSL`).
  public static let capsLock = KeyboardLights(rawValue: 1 << 1)
  /// Scroll Lock (`LED_SCROLLL`).
  public static let scrollLock = KeyboardLights(rawValue: 1 << 2)
}
