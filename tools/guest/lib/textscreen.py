"""The guest's text console: what its picture has to be, and its text read back from a picture."""
from picture import Picture


class Font:
    """The guest kernel's own font, as its client tells it (see the client's command `console`)."""

    def __init__(self, pieces):
        self.glyphs, self.glyph_of, self.palette = {}, {}, []
        for key, words in pieces:
            if key == "size":
                self.rows, self.columns = int(words["rows"]), int(words["columns"])
            elif key == "font":
                self.width, self.height = int(words["width"]), int(words["height"])
            elif key == "palette":
                content = bytes.fromhex(words["bytes"])
                self.palette = [content[at:at + 3] for at in range(0, 48, 3)]
            elif key == "glyph":
                self.glyphs[int(words["index"])] = bytes.fromhex(words["rows"])
            elif key == "characters":
                for pair in words["map"].split(","):
                    character, glyph = pair.split(":")
                    self.glyph_of.setdefault(chr(int(character)), int(glyph))
        if not self.glyphs or not self.glyph_of or len(self.palette) != 16:
            raise ValueError("the guest told no whole font")
        # One glyph may stand for several characters: the one that reads best is the least.
        self.character_of = {}
        for character, glyph in sorted(self.glyph_of.items(), reverse=True):
            self.character_of[self.mask(glyph)] = character
        self.character_of[bytes(self.width * self.height)] = " "

    def mask(self, glyph):
        """One byte a pixel, 1 where the character's own colour is."""
        row_bytes = (self.width + 7) // 8
        rows = self.glyphs[glyph]
        return bytes(rows[y * row_bytes + x // 8] >> (7 - x % 8) & 1
                     for y in range(self.height) for x in range(self.width))


class TextScreen:
    """A grid of characters with colours, and the bytes that make the guest's console show it."""

    def __init__(self, font):
        self.font = font
        self.cells = [[(" ", 7, 0)] * font.columns for _ in range(font.rows)]
        self.bytes = b"\x1b[0m\x1b[2J\x1b[H"

    def put(self, row, column, text, colour=7, ground=0):
        """Text at a place, cut at the right edge. Colours are 0 to 7."""
        text = text[:self.font.columns - column]
        for offset, character in enumerate(text):
            self.cells[row][column + offset] = (character, colour, ground)
        self.bytes += b"\x1b[%d;%dH\x1b[3%d;4%dm" % (row + 1, column + 1, colour, ground)
        self.bytes += text.encode() + b"\x1b[0m"

    def text(self):
        return ["".join(cell[0] for cell in row).rstrip() for row in self.cells]

    def picture(self, width, height):
        """The console's picture: cells from the upper left corner, the rest black."""
        font, result, drawn = self.font, Picture(width, height), {}
        for row, cells in enumerate(self.cells):
            for column, cell in enumerate(cells):
                if cell == (" ", 7, 0):
                    continue
                if cell not in drawn:
                    colours = (font.palette[cell[2]], font.palette[cell[1]])
                    mask = font.mask(font.glyph_of[cell[0]])
                    pixels = b"".join(colours[bit] for bit in mask)
                    drawn[cell] = [pixels[y * font.width * 3:(y + 1) * font.width * 3] for y in range(font.height)]
                for y, pixels in enumerate(drawn[cell]):
                    at = ((row * font.height + y) * width + column * font.width) * 3
                    result.data[at:at + len(pixels)] = pixels
        return result


def read_text(picture, font):
    """The text in a picture of the console: each cell's two colours compared with each glyph; "\ufffd" for none."""
    known, lines = {}, []
    for row in range(font.rows):
        line = ""
        for column in range(font.columns):
            cell = b""
            for y in range(font.height):
                at = ((row * font.height + y) * picture.width + column * font.width) * 3
                cell += picture.data[at:at + font.width * 3]
            if cell not in known:
                known[cell] = read_cell(cell, font)
            line += known[cell]
        lines.append(line.rstrip())
    return lines


def read_cell(cell, font):
    pixels = [bytes(cell[at:at + 3]) for at in range(0, len(cell), 3)]
    colours = sorted(set(pixels))
    if len(colours) == 1:
        return " "
    if len(colours) == 2:
        for colour in colours:      # which of the two is the ground is not known
            found = font.character_of.get(bytes(int(pixel == colour) for pixel in pixels))
            if found:
                return found
    return "\ufffd"
