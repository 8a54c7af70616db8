import Synchronization
import Testing

@testable import MachineModel

@Suite struct ClockChipTests {
  private static let fields: [UInt8] = [0x09, 0x08, 0x07, 0x06, 0x04, 0x02, 0x00]

  private func read(_ chip: ClockChip, _ registers: [UInt8]) -> [UInt8] {
    registers.map { register in
      chip.select(register)
      return chip.read()
    }
  }

  @Test(
    "the time reads as decimal digits: year, month, day, weekday, hour, minute, second",
    arguments: [
      (0, [0x70, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00]),
      (951_827_696, [0x00, 0x02, 0x29, 0x03, 0x12, 0x34, 0x56]),
      (1_767_225_599, [0x25, 0x12, 0x31, 0x04, 0x23, 0x59, 0x59]),
      (1_709_251_200, [0x24, 0x03, 0x01, 0x06, 0x00, 0x00, 0x00]),
      (4_102_444_799, [0x99, 0x12, 0x31, 0x05, 0x23, 0x59, 0x59]),
      (4_102_444_800, [0x70, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00]),
      (-1, [0x70, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00]),
      (Int.max, [0x70, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00]),
    ] as [(Int, [UInt8])])
  func time(seconds: Int, digits: [UInt8]) {
    #expect(read(ClockChip { seconds }, Self.fields) == digits)
  }

  @Test("it counts, is never in the middle of an update, has 24 hours and a good battery; the rest is 0")
  func status() {
    #expect(
      read(ClockChip { 0 }, [0x0a, 0x0b, 0x0c, 0x0d, 0x01, 0x0e, 0x7f]) == [0x26, 2, 0, 0x80, 0, 0, 0])
  }

  @Test("the highest bit of a register's number is not the clock's")
  func mask() { #expect(read(ClockChip { 0 }, [0x89]) == [0x70]) }

  @Test("without another it shows the host's time")
  func host() {
    let before = ClockChip.hostTime(), chip = ClockChip()
    let year = read(chip, [0x09])
    let years = [before, ClockChip.hostTime()].map { seconds in read(ClockChip { seconds }, [0x09]) }
    #expect(years.contains(year))
  }
}
