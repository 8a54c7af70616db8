"""UEFI's firmware at work: its shell and its setup, on our GPU and keyboard alone."""
import os, re, shutil
from machine import Qemu, cache_folder, needed
from scenarios import Wrong

COLUMNS, ROWS, GLYPH = 100, 31, (8, 19)    # what it makes of 1280x800


class Terminal:
    """The grid of characters that the firmware's serial console describes: what it says it shows."""

    def __init__(self):
        self.cells = [[(" ", "")] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.ink = ""

    def write(self, text):
        """Takes text with ECMA-48's sequences for places and colours; what it does not know changes nothing."""
        for sequence, parameters, final, character in re.findall(r"(\x1b\[([0-9;=?]*)([A-Za-z]))|([^\x1b])", text):
            if not sequence:
                self.put(character)
            elif final == "H":
                row, _, column = (parameters or "1;1").partition(";")
                self.row, self.column = min(int(row), ROWS) - 1, min(int(column or 1), COLUMNS) - 1
            elif final == "J":
                self.cells = [[(" ", self.ink)] * COLUMNS for _ in range(ROWS)]
            elif final == "m":
                self.set_ink(parameters)

    def set_ink(self, parameters):
        """A colour is three parameters: 0 or 1, the ink's and the ground's."""
        for number in parameters.split(";"):
            self.ink = number if number in ("0", "1") else self.ink + ";" + number

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\n":
            if self.row == ROWS - 1:
                self.cells = self.cells[1:] + [[(" ", self.ink)] * COLUMNS]
            self.row = min(self.row + 1, ROWS - 1)
        elif character >= " ":
            self.cells[self.row][self.column] = (character, self.ink)
            self.column += 1
            if self.column == COLUMNS:      # UEFI's consoles go on in the next row at once
                self.put("\r")
                self.put("\n")

    def lines(self):
        return ["".join(character for character, _ in row).rstrip() for row in self.cells]


class Firmware(Qemu):
    def start(self):
        folder = os.path.join(cache_folder(), "firmware", "usr", "share", "OVMF")
        code = needed(os.path.join(folder, "OVMF_CODE_4M.fd"))
        variables = os.path.join(self.folder, "variables")
        shutil.copy(needed(os.path.join(folder, "OVMF_VARS_4M.fd")), variables)
        self.launch(self.hardware("q35,i8042=off") + [
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}"])
        self.terminal, self.unread = Terminal(), b""

    def read(self):
        """Lets the terminal follow what has come so far."""
        while content := self.receive(0, "reading the console"):
            self.unread += content
        # A sequence may have come in parts, of a colour or of a character's bytes.
        whole = re.match(rb"(?:[^\x1b\x80-\xff]|\x1b\[[0-9;=?]*[A-Za-z]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2})*",
                         self.unread).end()
        self.terminal.write(self.unread[:whole].decode())
        self.unread = self.unread[whole:]
        return self.terminal


class Reader:
    """Reads the picture by what the serial console says: a character must always look the same, and like no other."""

    def __init__(self):
        self.looks, self.colours = {}, {}

    def compare(self, picture, terminal):
        left, top = (picture.width - COLUMNS * GLYPH[0]) // 2, (picture.height - ROWS * GLYPH[1]) // 2
        for row, cells in enumerate(terminal.cells):
            # The serial console forgets to go from one side of a frame to the other.
            lost = (1, COLUMNS - 1) if cells[0][0] == "│" else ()
            for column, (character, ink) in enumerate(cells):
                if column not in lost and (row, column) != (terminal.row, terminal.column):   # the text cursor
                    self.cell(picture, left + column * GLYPH[0], top + row * GLYPH[1], character, ink, (row, column))

    def cell(self, picture, x, y, character, ink, place):
        at = [((y + line) * picture.width + x) * 3 for line in range(GLYPH[1])]
        lines = [bytes(picture.data[start:start + GLYPH[0] * 3]) for start in at]
        pixels = [line[i:i + 3] for line in lines for i in range(0, GLYPH[0] * 3, 3)]
        ground = pixels[0]      # no letter reaches into its cell's corner
        look = bytes(pixel != ground for pixel in pixels)
        colours = (ground, *sorted(set(pixels) - {ground}))
        if character == " ":
            colours = colours[:1]
        self.known(self.looks, character, look, f"the character {character!r}", place)
        self.known(self.colours, (ink, character == " "), colours, f"the colour {ink}", place)

    def known(self, seen, name, look, what, place):
        if seen.setdefault(name, look) != look:
            raise Wrong(f"{what} at row {place[0]}, column {place[1]} looks other than before")

    def tell_apart(self):
        characters = {}
        for character, look in self.looks.items():
            other = characters.setdefault(look, character)
            if other != character:
                raise Wrong(f"{character!r} looks like {other!r}")
        return len(characters)


class Sitting:
    """The steps, each with the console's word for what the picture has to be."""

    def __init__(self, person, machine):
        self.person, self.machine, self.reader = person, machine, Reader()

    def shows(self, *texts):
        """Waits until the console says that these texts are there, and the picture is what the console says."""
        def right():
            terminal = self.machine.read()
            lines = terminal.lines()
            for text in texts:
                if not any(text in line for line in lines):
                    raise Wrong(f"nothing on the screen says {text!r}")
            self.reader.compare(self.person.look(), terminal)
            return self.machine.read().lines() == lines
        self.person.until(right)

    def chosen(self, text):
        """Waits until this text is light on dark, as the line of a menu that is chosen."""
        def right():
            terminal = self.machine.read()
            return any(text in line and cells[line.index(text)][1].endswith(";40")
                       for cells, line in zip(terminal.cells, terminal.lines()))
        self.person.until(right)
        self.shows(text)

    def shell(self):
        self.person.until(lambda: any("any other key" in line for line in self.machine.read().lines()))
        self.person.key("esc")
        self.shows("UEFI Interactive Shell", "Shell>")

    def type(self, text):
        """Each key when the one before it has come: the firmware keeps one until it looks at its keyboard again."""
        for column, character in enumerate(text, len("Shell> ")):
            self.person.type(character)
            self.person.until(lambda: self.machine.read().column == column + 1)
        self.person.type("\n")

    def command(self, text, answer):
        self.type(text)
        self.shows("Shell> " + text, answer)

    def setup(self):
        self.type("exit")
        self.shows("Device Manager", "Boot Manager", "<Standard English>")
        self.chosen("<Standard English>")

    def move(self, key, text):
        self.person.key(key)
        self.chosen(text)

    def enter(self, key, *texts):
        self.person.key(key)
        self.shows(*texts)

    def letters(self):
        count = self.reader.tell_apart()
        self.person.say(f"read {count} different characters")
        if count < 60:
            raise Wrong(f"only {count} different characters were shown")


def session(person):
    person.options.memory = 256
    person.options.vfio_user = [person.options.gpu, person.options.keyboard]
    machine = Firmware(person.options)
    person.sit_down(machine)
    at = Sitting(person, machine)
    person.case("shell", at.shell)
    person.case("command", at.command, "ver", "EDK II")
    sentence = "THE QUICK BROWN FOX JUMPS OVER the lazy dog: 0123456789"
    person.case("shift", at.command, f"echo {sentence}", sentence)
    person.case("setup", at.setup)
    person.case("down", at.move, "down", "Device Manager")
    person.case("down-again", at.move, "down", "Boot Manager")
    person.case("submenu", at.enter, "enter", "Boot Manager Menu", "EFI Internal Shell")
    person.case("back", at.enter, "esc", "Device Manager", "Continue")
    person.case("letters", at.letters)
