/// One thing that the host can ask of the client inside the guest.
public enum GuestCommand: Equatable, Sendable {
  /// Describes the kernel, the device, its driver, outputs, modes and EDIDs.
  case info
  /// Opens the display device and becomes its master; closing gives the screen back to the text console.
  case open
  case close
  /// Makes a frame buffer; `id` is the host's name for it.
  case buffer(id: Int, width: Int, height: Int)
  case free(id: Int)
  /// Draws the whole pattern of a seed, without telling the device.
  case fill(id: Int, seed: UInt32)
  /// Draws a part of a pattern where the whole one would have it, and declares exactly that part damaged.
  case update(id: Int, area: Area, seed: UInt32)
  /// Shows a buffer on an output, in a mode of the buffer's size.
  case show(output: Int, id: Int)
  /// Changes to another buffer of the same size and waits until the change is reported done.
  case flip(output: Int, id: Int)
  /// Turns an output off.
  case blank(output: Int)
  case cursor(output: Int, seed: UInt32, hotX: Int, hotY: Int)
  case move(output: Int, x: Int, y: Int)
  case hide(output: Int)
  /// Takes the driver from the device, and gives it back.
  case unbind
  case bind
  /// Takes the driver's module out of the kernel, and puts it in again.
  case remove
  case insert
  /// Writes bytes to the text console.
  case print(bytes: [UInt8])
  /// Tells the text console's size, glyphs, characters and colours.
  case console
  /// Reads back the characters that the kernel believes to be on the text console.
  case text
  /// The last lines of the kernel's log.
  case log(lines: Int)
  /// The errors and warnings that the kernel logged since the last time.
  case trouble
  /// Describes the entropy devices, their driver and their interrupts.
  case rng
  /// Reads random numbers from the kernel's hardware source and tells how often each byte came.
  case random(kibibytes: Int)
  /// Has the kernel's display code log what it does: a sum of DRM's categories of messages, 0 for none.
  case trace(categories: Int)
  /// Hears the input devices from now on, and tells their names.
  case listen
  /// Waits until that many input events have come since the last time, and tells them.
  case events(count: Int)
  /// Does nothing for some seconds.
  case idle(seconds: Int)
  case powerOff

  /// A rectangle of pixels, inside a buffer by the check of whoever draws it.
  public struct Area: Equatable, Sendable {
    /// The left column and the top row.
    public let x, y: Int
    /// Columns and rows.
    public let width, height: Int

    /// The rectangle with this corner and size.
    public init(x: Int, y: Int, width: Int, height: Int) {
      self.x = x
      self.y = y
      self.width = width
      self.height = height
    }
  }
}

/// A command with the number that its answers carry.
public struct Request: Equatable, Sendable {
  /// The host's number for it.
  public let number: UInt32
  /// What to do.
  public let command: GuestCommand

  /// A command and its number.
  public init(number: UInt32, command: GuestCommand) {
    self.number = number
    self.command = command
  }
}

/// Why a line is no request.
public enum RequestFault: Error, Equatable, Sendable {
  /// There is no number in front, so nobody could be answered.
  case noNumber
  case unknownCommand(String, number: UInt32)
  /// Too few or too many words behind the command.
  case wrongCount(expected: Int, found: Int, number: UInt32)
  case badWord(String, number: UInt32)
}
