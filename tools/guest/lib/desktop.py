"""Graphical sessions of Debian at work on two monitors: what weston and Xorg have in common."""
import os, struct
from machine import Machine, cache_folder, needed
from person import Wrong

GROUND = 0x285078       # of both desktops


class Desktop(Machine):
    """Debian with its graphical sessions; it runs shell commands."""

    def command(self):
        cache = cache_folder()
        return self.hardware() + [
            "-kernel", needed(os.path.join(cache, "kernel-trixie", "boot", "vmlinuz-*")),
            "-initrd", needed(os.path.join(cache, "desktop", "initramfs")),
            "-drive", f"if=virtio,format=raw,snapshot=on,file={needed(os.path.join(cache, 'desktop', 'disk'))}",
            "-append", "console=ttyS0 quiet loglevel=1 panic=-1 consoleblank=0 vt.global_cursor_default=0"]


class Arrow:
    """The pointer's image as the guest's cursor theme has it."""

    def __init__(self, size=24):
        path = os.path.join(cache_folder(), "desktop", "root", "usr", "share", "icons", "DMZ-White", "cursors",
                            "left_ptr")
        with open(needed(path), "rb") as file:
            content = file.read()
        for index in range(struct.unpack_from("<I", content, 12)[0]):
            kind, nominal, at = struct.unpack_from("<III", content, 16 + index * 12)
            if (kind, nominal) == (0xFFFD0002, size):
                self.width, self.height, self.hot_x, self.hot_y = struct.unpack_from("<IIII", content, at + 16)
                count = self.width * self.height
                self.pixels = struct.unpack_from(f"<{count}I", content, at + 36)
                return
        raise Wrong(f"{path} has no image of size {size}")

    def is_at(self, x, y, shown, without):
        """The picture is the other one with this arrow's tip at a pixel; half transparent pixels may be anything."""
        seen = 0
        wanted = without.copy()
        for index, pixel in enumerate(self.pixels):
            at_x, at_y = x - self.hot_x + index % self.width, y - self.hot_y + index // self.width
            if pixel >> 24 and 0 <= at_x < wanted.width and 0 <= at_y < wanted.height:
                start = (at_y * wanted.width + at_x) * 3
                opaque = pixel >> 24 == 0xFF
                wanted.data[start:start + 3] = (
                    (pixel & 0xFFFFFF).to_bytes(3, "big") if opaque else shown.data[start:start + 3])
                seen += opaque
        difference = shown.difference(wanted)
        if difference:
            raise Wrong(f"with the arrow's tip at {x}, {y}: {difference}")
        return seen > 0


class Rectangle:
    """Of the guest's whole desktop."""

    def __init__(self, left, top, right, bottom):
        self.left, self.top, self.right, self.bottom = left, top, right, bottom

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __str__(self):
        return f"{self.right - self.left}x{self.bottom - self.top}+{self.left}+{self.top}"

    def moved(self, x, y):
        return Rectangle(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def inset(self, side, top):
        return Rectangle(self.left + side, self.top + top, self.right - side, self.bottom - side)

    def pixels(self, screens):
        """Its rows as bytes, from the pictures of monitors that stand side by side."""
        rows, left = [b""] * (self.bottom - self.top), 0
        for picture in screens:
            first, last = max(self.left - left, 0), min(self.right - left, picture.width)
            for index in range(len(rows)) if first < last else ():
                start = (self.top + index) * picture.width
                rows[index] += bytes(picture.data[(start + first) * 3:(start + last) * 3])
            left += picture.width
        return rows


class Desk:
    """What is done at both desktops. A subclass knows the guest's own word for where things are."""

    def __init__(self, person, machine):
        self.person, self.machine, self.ask = person, machine, machine.ask
        self.sizes = [(1280, 800), (1024, 768)]
        self.arrow = Arrow()

    def screens(self, cursor=False):
        return [self.person.look(output, cursor) for output in range(len(self.sizes))]

    def shows_ground(self, output, *places):
        """The desktop's colour is at these pixels of a monitor that has the right size."""
        picture = self.person.look(output)
        if (picture.width, picture.height) != self.sizes[output]:
            raise Wrong(f"monitor {output} is {picture.width}x{picture.height}, not {self.sizes[output]}")
        for x, y in places:
            if picture.pixel(x, y) != GROUND:
                raise Wrong(f"the pixel {x}, {y} of monitor {output} is {picture.pixel(x, y):06x}")
        return True

    def outputs(self, *words):
        """Has the host change the monitors."""
        self.person.viewer.command_input("outputs", *words)

    def typing(self):
        """Types a command into the terminal; its answer lands in a file, and in the picture."""
        before = self.screens()
        self.person.type("echo \"Hello, World: <$((6*7))>\" | tr a-z A-Z | tee /tmp/typed\n")
        self.person.until(lambda: self.ask("cat /tmp/typed || true") == ["HELLO, WORLD: <42>"])
        self.person.until(lambda: any(a.difference(b) for a, b in zip(self.screens(), before)))

    def drag(self, x, y):
        """Takes the window by its title and brings its upper left corner to a place of the desktop."""
        before = self.window()
        grip = (before.left + 150, before.top + 12)
        self.point(*grip)
        self.person.until(lambda: self.tip() == grip)
        content = before.inset(6, 32)
        pixels = content.pixels(self.screens())
        way = (x - before.left, y - before.top)

        def follows(x, y):
            self.person.until(lambda: self.window() == before.moved(x, y))
        self.person.drag(grip, (grip[0] + way[0], grip[1] + way[1]), self.point, follows)

        def there():
            found = self.window()
            if found != before.moved(*way):
                raise Wrong(f"the guest has its window at {found}, not {before.moved(*way)}")
            if content.moved(*way).pixels(self.screens()) != pixels:
                raise Wrong("the window's content is not what it was where it came from")
            return True
        self.person.until(there)
        self.person.say(f"the window went from {before} to {self.window()}")
