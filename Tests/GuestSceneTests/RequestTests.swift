import GuestScene
import Testing

@Suite("The lines between host and guest")
struct RequestTests {
  @Test(
    "a line is read as its command",
    arguments: [
      ("1 info", GuestCommand.info), ("2 buffer 3 3840 2160", .buffer(id: 3, width: 3840, height: 2160)),
      ("3 fill 1 0x5eed", .fill(id: 1, seed: 0x5eed)),
      (
        "4 update 1 33 7 101 55 4294967295",
        .update(id: 1, area: .init(x: 33, y: 7, width: 101, height: 55), seed: .max)
      ),
      ("5 show 0 1", .show(output: 0, id: 1)), ("6 flip 1 2", .flip(output: 1, id: 2)),
      ("7 cursor 0 0x7 5 9", .cursor(output: 0, seed: 7, hotX: 5, hotY: 9)),
      ("8 move 0 -20 700", .move(output: 0, x: -20, y: 700)), ("9 hide 0", .hide(output: 0)),
      ("10 print 410a", .print(bytes: [0x41, 0x0a])), ("11 idle 10", .idle(seconds: 10)),
      ("12  log   20 ", .log(lines: 20)), ("13 poweroff", .powerOff), ("14 blank 15", .blank(output: 15)),
      ("15 rng", .rng), ("16 random 64", .random(kibibytes: 64)), ("17 trace 1", .trace(categories: 1)),
      ("18 listen", .listen), ("19 events 16", .events(count: 16)),
    ])
  func reads(line: String, expected: GuestCommand) throws {
    #expect(try Request(line: line).command == expected)
  }

  @Test(
    "a line that is no request says why",
    arguments: [
      ("", RequestFault.noNumber), ("info", .noNumber), ("7", .noNumber), ("-1 info", .noNumber),
      ("1 dance", .unknownCommand("dance", number: 1)),
      ("2 show 0", .wrongCount(expected: 2, found: 1, number: 2)),
      ("3 hide 0 1", .wrongCount(expected: 1, found: 2, number: 3)),
      ("4 info now", .wrongCount(expected: 0, found: 1, number: 4)),
      ("5 buffer 1 65536 1", .badWord("65536", number: 5)), ("6 fill 1 0xg", .badWord("0xg", number: 6)),
      ("7 print 4", .badWord("4", number: 7)), ("8 print 4G", .badWord("4G", number: 8)),
      ("9 move 0 40000 0", .badWord("40000", number: 9)), ("10 idle -1", .badWord("-1", number: 10)),
      ("11 random", .wrongCount(expected: 1, found: 0, number: 11)),
      ("12 listen 1", .wrongCount(expected: 0, found: 1, number: 12)),
      ("13 events -1", .badWord("-1", number: 13)),
    ])
  func refuses(line: String, expected: RequestFault) {
    #expect(throws: expected) { try Request(line: line) }
  }

  @Test("an answer is one line, whatever its text holds")
  func oneLine() {
    #expect(Reply.piece(3, "a\nb\u{1b}[c") == "@3 . a b [c\n")
    #expect(Reply.refused(4, "no\r\nway") == "@4 no no  way\n")
    #expect(Reply.done(5) == "@5 ok\n")
    #expect(Reply.hex([0, 0x7f, 0xff]) == "007fff")
  }
}
