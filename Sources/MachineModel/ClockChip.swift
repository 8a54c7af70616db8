import Glibc
import Synchronization

/// The clock that PCs keep beside a few bytes of memory, a MC146818: the host's time, which no guest sets.
///
/// A guest that finds none asks again and again before it gives up: Linux for a second. It raises no interrupt, and
/// of the memory there is nothing.
public final class ClockChip: Sendable {
  /// Takes the register's number; the register itself is at the next port.
  public static let firstPort: UInt16 = 0x70

  private let selected = Mutex<UInt8>(0)
  private let now: @Sendable () -> Int

  /// - Parameter now: seconds since 1970 began in UTC, up to the end of 2099; anything else counts as 1970's beginning.
  public init(now: @escaping @Sendable () -> Int = ClockChip.hostTime) { self.now = now }

  /// The host's.
  @Sendable public static func hostTime() -> Int { time(nil) }

  /// Chooses a register. The highest bit goes elsewhere on a PC: it keeps NMIs off.
  public func select(_ number: UInt8) { selected.withLock { $0 = number & 0x7f } }

  /// Reads the register that was chosen.
  public func read() -> UInt8 {
    switch selected.withLock({ $0 }) {
    case 0x0a: 0x26  // counts at the usual rate, and no update is under way
    case 0x0b: 2  // decimal digits, 24 hours
    case 0x0d: 0x80  // the battery is good
    case let register: Self.decimal(field(register))
    }
  }

  /// A part of the time, by its register.
  private func field(_ register: UInt8) -> Int {
    let told = now(), seconds = Self.range.contains(told) ? told : 0
    return switch register {
    case 0x00: seconds % 60
    case 0x02: seconds / 60 % 60
    case 0x04: seconds / 3600 % 24
    case 0x06: (seconds / Self.day + 4) % 7 + 1  // Sunday is 1, and 1970 began on a Thursday
    case 0x07, 0x08, 0x09: Self.date(day: seconds / Self.day, register)
    default: 0
    }
  }

  private static let day = 86400
  /// Years that a calendar of four years holds for.
  private static let range = 0..<4_102_444_800

  /// Day of the month, month or year of a day since 1970 began.
  private static func date(day: Int, _ register: UInt8) -> Int {
    // Four years each, from 1968 on, of which the first is a leap year.
    let (fours, dayOfFour) = (day + 366 + 365).quotientAndRemainder(dividingBy: 1461)
    let year = dayOfFour < 366 ? 0 : (dayOfFour - 1) / 365
    var left = year == 0 ? dayOfFour : (dayOfFour - 1) % 365
    var month = 0
    let lengths = [31, year == 0 ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    while left >= lengths[month] {
      left -= lengths[month]
      month += 1
    }
    return switch register {
    case 0x07: left + 1
    case 0x08: month + 1
    default: 1968 + 4 * fours + year
    }
  }

  /// The last two decimal digits, four bits each.
  private static func decimal(_ number: Int) -> UInt8 {
    UInt8(number / 10 % 10) << 4 | UInt8(number % 10)
  }
}
