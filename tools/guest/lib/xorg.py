"""A session of Xorg, with a small window manager and xterm, on two monitors."""
import re
from desktop import GROUND, Desk, Desktop, Rectangle
from person import Wrong

PANEL = 28      # jwm's, at the bottom of the first monitor


class XorgDesk(Desk):
    """Xorg spreads the tablet over all monitors and leaves the pointer to the device."""

    def area(self):
        return sum(width for width, _ in self.sizes), max(height for _, height in self.sizes)

    def point(self, x, y, *options):
        self.person.point(x, y, *options, area=self.area())

    def tip(self):
        """Where the device has the cursor, by the first monitor that shows one."""
        left = 0
        for output, (width, _) in enumerate(self.sizes):
            cursor = self.person.viewer.cursor(output)
            if cursor["visible"]:
                return left + cursor["x"] + cursor["hot_x"], cursor["y"] + cursor["hot_y"]
            left += width
        return None

    def window(self):
        """The terminal with its frame."""
        text = "\n".join(self.ask("xwininfo -name xterm; xprop -name xterm _NET_FRAME_EXTENTS"))
        found = [re.search(name + r":\s+(-?\d+)", text) for name in
                 ("Absolute upper-left X", "Absolute upper-left Y", "Width", "Height")]
        frame = re.search(r"= (\d+), (\d+), (\d+), (\d+)", text)
        if not all(found) or not frame:
            raise Wrong(f"the terminal is described by {text!r}")
        x, y, width, height = (int(number[1]) for number in found)
        left, right, top, bottom = map(int, frame.groups())
        return Rectangle(x - left, y - top, x + width + right, y + height + bottom)

    def layout(self):
        """The monitors as xrandr tells them."""
        return [Rectangle(x, y, x + width, y + height) for width, height, x, y in (
            map(int, re.search(r"(\d+)x(\d+)\+(\d+)\+(\d+)", line).groups())
            for line in self.ask("xrandr --listactivemonitors | sed 's|/[0-9]*||g'") if "+" in line and "x" in line)]

    def desktop(self):
        self.ask("sh /desktop/xorg")
        self.stand_side_by_side()

    def stand_side_by_side(self):
        """Every monitor shows its part of the desktop, the first one with the panel."""
        def right():
            left, wanted = 0, []
            for width, height in self.sizes:
                wanted.append(Rectangle(left, 0, left + width, height))
                left += width
            found = self.layout()
            if found != wanted:
                raise Wrong(f"xrandr tells {' '.join(map(str, found))}, not {' '.join(map(str, wanted))}")
            for output, (width, height) in enumerate(self.sizes):
                bottom = height - 1 - (0 if output else PANEL)
                self.shows_ground(output, (3, 3), (width - 3, 3), (3, bottom - 2), (width - 3, bottom - 2))
            width, height = self.sizes[0]
            panel = {self.person.look().pixel(x, height - PANEL // 2) for x in (width // 2, width - 3)}
            if GROUND in panel:
                raise Wrong("the panel does not reach over the bottom")
            return True
        self.person.until(right)

    def pointer(self, *places):
        """The device's own cursor: its hot spot is where the pointer is, and the arrow's tip in the picture."""
        for output, x, y in places:
            self.point(x + output * self.sizes[0][0], y)
            self.person.until(lambda: self.arrow_is_at(output, x, y))

    def arrow_is_at(self, output, x, y):
        # An arrow at the border may reach onto the other monitor.
        for monitor, must in ((output, True), (1 - output, False)):     # of two
            at = (x + (output - monitor) * self.sizes[0][0], y)
            cursor = self.person.viewer.cursor(monitor)
            found = tuple((cursor[axis] + cursor.get("hot_" + axis, 0) + 2**31) % 2**32 - 2**31 for axis in "xy")
            if cursor["visible"] != must and not (cursor["visible"] and -64 < at[0] < self.sizes[monitor][0] + 64):
                raise Wrong(f"the cursor of monitor {monitor} is {'hidden' if must else 'shown'}")
            if cursor["visible"] and found != at:
                raise Wrong(f"the cursor of monitor {monitor} has its tip at {found}, not {at}")
            if cursor["visible"]:
                self.arrow.is_at(*at, self.person.look(monitor, cursor=True), self.person.look(monitor))
        return True

    def resize(self, output, size):
        self.sizes[output:output + 1] = [size]
        self.outputs("--set", f"{output}={size[0]}x{size[1]}")
        self.stand_side_by_side()
        self.is_framed()

    def unplug(self):
        self.outputs("--remove", "1")
        del self.sizes[1]
        self.stand_side_by_side()
        self.is_framed()

    def is_framed(self):
        """The window has its frame and its button on the panel again: jwm starts anew for other monitors."""
        def right():
            window, picture = self.window(), self.person.look()
            button = {picture.pixel(x, picture.height - PANEL // 2) for x in range(4, 24)}
            return len(button) > 2 and picture.pixel(window.left + 300, window.top + 12) != GROUND
        self.person.until(right)

    def terminal(self):
        self.ask("xterm -geometry 80x24+300+200 -fa 'DejaVu Sans Mono' -fs 12 >/tmp/xterm.out 2>&1 </dev/null &")
        self.person.until(lambda: any("xterm" in line for line in self.ask("xwininfo -root -tree")))
        window = self.person.until(self.window)
        self.point(window.left + 150, window.top + 12, "--button", "left")


def session(person):
    options = person.options
    options.memory, options.vfio_user = 1024, [options.gpu, options.keyboard, options.tablet]
    machine = Desktop(options)
    person.sit_down(machine)
    desk = XorgDesk(person, machine)
    person.case("desktop", desk.desktop)
    person.case("pointer", desk.pointer, (0, 400, 300), (0, 0, 0), (0, 1279, 400), (1, 0, 100), (1, 512, 384),
                (1, 1023, 767), (0, 640, 799), (0, 640, 400))
    person.case("terminal", desk.terminal)
    person.case("typing", desk.typing)
    person.case("drag", desk.drag, 60, 60)
    person.case("across", desk.drag, 900, 150)
    person.case("second", desk.drag, 1350, 200)
    person.case("home", desk.drag, 60, 60)
    person.case("resize", desk.resize, 0, (1600, 900))
    person.case("unplug", desk.unplug)
    person.case("plug", desk.resize, 1, (800, 600))
    person.case("pointer-then", desk.pointer, (0, 1599, 0), (1, 799, 599), (0, 1200, 700), (1, 400, 300))
