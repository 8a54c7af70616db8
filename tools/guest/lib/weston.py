"""A session of weston, with its terminal, on two monitors."""
import re
from desktop import Desk, Desktop, Rectangle
from person import Wrong

VIEW = re.compile(r"View \d+ \(role (\S+), .*?position: \((-?\d+), (-?\d+)\) -> \((-?\d+), (-?\d+)\)\s*"
                  r"\[(?:opaque: \((-?\d+), (-?\d+)\) -> \((-?\d+), (-?\d+)\))?", re.DOTALL)


class WestonDesk(Desk):
    """weston takes a tablet for one of the first monitor; the mouse alone reaches the second."""

    def views(self, role):
        """The parts of the scene with this role, as weston tells them: all of each, and what of it hides others."""
        graph = "\n".join(self.ask("weston-debug scene-graph"))
        found = []
        for view in VIEW.findall(graph):
            if view[0] == role:
                found.append([Rectangle(*map(int, numbers)) if numbers[0] else None
                              for numbers in (view[1:5], view[5:9])])
        return found

    def window(self):
        windows = self.views("xdg_toplevel")
        if len(windows) != 1:
            raise Wrong(f"there are {len(windows)} windows")
        return windows[0][1]

    def tip(self):
        """Where weston has the pointer."""
        views = self.views("wl_pointer-cursor")
        if not views:
            raise Wrong("weston shows no pointer")
        return views[0][0].left + self.arrow.hot_x, views[0][0].top + self.arrow.hot_y

    def point(self, x, y, *options):
        self.person.point(x, y, *options, area=self.sizes[0])

    def desktop(self):
        self.ask("sh /desktop/weston")
        self.shows_desktop()
        # The button of the panel, too.
        self.person.until(lambda: len({self.person.look().pixel(x, 16) for x in range(8, 40)}) > 2)

    def shows_desktop(self):
        for output, (width, height) in enumerate(self.sizes):
            self.person.until(lambda: self.shows_ground(output, (5, 40), (width - 1, 40), (5, height - 1),
                                                        (width - 1, height - 1)))

    def pointer(self):
        self.point(1200, 700)
        without = self.person.until(lambda: self.tip() == (1200, 700) and self.person.look())
        # The first picture has the arrow far off, for all but that it is the ground.
        without.data[:] = self.cleaned(without, 1200, 700)
        for x, y in ((400, 300), (0, 100), (1279, 400), (640, 799), (1279, 799), (640, 400)):
            self.point(x, y)
            self.person.until(lambda: self.arrow.is_at(x, y, self.person.look(0, cursor=True), without))
            if self.tip() != (x, y):
                raise Wrong(f"weston has its pointer at {self.tip()}, not {(x, y)}")

    def cleaned(self, picture, x, y):
        """The picture's bytes with the ground where the arrow is."""
        data = bytearray(picture.data)
        width = self.arrow.width
        for row in range(max(y - 32, 0), min(y + 32, picture.height)):
            start = (row * picture.width + max(x - 32, 0)) * 3
            end = (row * picture.width + min(x + 32, picture.width)) * 3
            data[start:end] = bytes.fromhex("285078") * ((end - start) // 3)
        return data

    def terminal(self):
        """By the panel's only button."""
        self.point(21, 16, "--button", "left")
        self.person.until(self.window)

    def across(self):
        """With the mouse: the window from the first monitor onto the second."""
        before = self.window()
        start = (before.left + 150, before.top + 12)
        self.point(*start)
        self.person.until(lambda: self.tip() == start)
        content = before.inset(6, 32)
        pixels = content.pixels(self.screens())
        self.mouse("--press", 0, 0)
        while self.tip()[0] < 900:
            self.mouse("--button", 20, 2)
        self.person.until(lambda: self.window() != before)
        self.mouse("--release", 0, 0)

        def there():
            found, tip = self.window(), self.tip()
            way = (found.left - before.left, found.top - before.top)
            # A mouse's motion is accelerated, which leaves parts of a pixel.
            if found != before.moved(*way) or any(abs(to - a - b) > 1 for to, a, b in zip(tip, start, way)):
                raise Wrong(f"the guest has its window at {found}, the pointer went from {start} to {tip}")
            if content.moved(*way).pixels(self.screens()) != pixels:
                raise Wrong("the window's content is not what it was where it came from")
            return found
        self.person.say(f"the window went from {before} to {self.person.until(there)}")

    def mouse(self, option, x, y):
        words = {"--button": ("--button", "none")}.get(option, (option,))
        self.person.viewer.command_input("click", *words, "--by", f"{x},{y}")

    def second(self):
        """The mouse's pointer on the second monitor."""
        while self.tip()[0] < 1280 + 900:
            self.mouse("--button", 40, 6)
        x, y = self.tip()
        without = self.person.look(1)
        without.data[:] = self.cleaned(without, x - 1280, y)
        self.person.until(lambda: self.arrow.is_at(x - 1280, y, self.person.look(1, cursor=True), without))

    def unplug(self):
        self.outputs("--remove", "1")
        del self.sizes[1]
        self.person.until(lambda: self.heads() == ["Virtual-1"])
        self.shows_desktop()

    def plug(self, size):
        self.outputs("--set", f"1={size[0]}x{size[1]}")
        self.sizes[1:] = [size]
        self.shows_desktop()
        self.person.until(lambda: self.heads() == ["Virtual-1", "Virtual-2"])

    def heads(self):
        return re.findall(r"^Output \d+ \((\S+)\)", "\n".join(self.ask("weston-debug scene-graph")), re.MULTILINE)


def session(person):
    options = person.options
    options.memory, options.vfio_user = 1024, [options.gpu, options.keyboard, options.tablet, options.mouse]
    machine = Desktop(options)
    person.sit_down(machine)
    desk = WestonDesk(person, machine)
    person.case("desktop", desk.desktop)
    person.case("pointer", desk.pointer)
    person.case("terminal", desk.terminal)
    person.case("typing", desk.typing)
    person.case("drag", desk.drag, 60, 60)
    person.case("across", desk.across)
    person.case("second", desk.second)
    person.case("unplug", desk.unplug)
    person.case("plug", desk.plug, (800, 600))
