/// A video timing at 60 Hz with short blanking, as a flat panel takes it (after VESA CVT 1.2, reduced
/// blanking).
///
/// CVT steps the pixel clock by 250 kHz; here the step is the 10 kHz that EDID can say, so that small modes
/// have 60 Hz too.
struct DisplayTiming: Equatable {
  let width: Int
  let height: Int
  /// Pixels: front porch, sync and back porch of a line.
  let horizontalBlank = 160
  let horizontalFront = 48
  let horizontalSync = 32
  /// Lines, likewise.
  let verticalBlank: Int
  let verticalFront = 3
  let verticalSync: Int
  /// Pixel clock in units of 10 kHz.
  let clock: Int

  /// The timing for a picture; both sides are 1 to 16384.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    // CVT tells the aspect by the width of the vertical sync.
    verticalSync =
      switch (width, height) {
      case _ where width * 3 == height * 4: 4
      case _ where width * 9 == height * 16: 5
      case _ where width * 10 == height * 16: 6
      case _ where width * 4 == height * 5, _ where width * 9 == height * 15: 7
      default: 10
      }
    // The blank lasts 460 microseconds of the 16,667 of a frame, at least porches of 3 and 6 lines around the
    // sync.
    let blank = max(27_600 * height / 972_400 + 1, 3 + verticalSync + 6)
    // EDID readers take a clock below 10 MHz for rubbish, so small pictures have a longer blank.
    let fewest = 10_000_000 / 60 / (width + horizontalBlank) + 1
    verticalBlank = max(blank, fewest - height)
    let pixelsPerSecond = (width + horizontalBlank) * (height + verticalBlank) * 60
    clock = (pixelsPerSecond + 5_000) / 10_000
  }

  /// Lines in a second, in kHz, rounded down.
  var horizontalRate: Int { clock * 10 / (width + horizontalBlank) }

  /// From one refresh to the next: close to 16,666,667.
  var periodInNanoseconds: Int {
    // At most some 2.8e8 pixels, so the product is below 3e17.
    (width + horizontalBlank) * (height + verticalBlank) * 1_000_000_000 / (clock * 10_000)
  }

  /// Whether the 18 bytes of an EDID detailed timing can say it: 12 bits a side, 16 bits of clock.
  var fitsDetailedDescriptor: Bool { width <= 4095 && height <= 4095 && clock <= 0xffff }
}
