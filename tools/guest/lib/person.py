"""Who sits at a guest: looks at the screen, strikes keys, points and drags, and says what was as it should be."""
import os, time
from scenarios import Wrong
from viewers import CannotSee, ScanoutViewer

LARGEST = 32767     # of a tablet's places


class Person:
    """Cases end the session when they fail: what follows builds upon them."""

    def __init__(self, options):
        self.options, self.machine = options, None
        self.passed = self.failed = 0
        self.viewer = ScanoutViewer(options.control, options.pictures)
        self.doing = "start"

    def sit_down(self, machine):
        self.machine = machine
        machine.start()

    def leave(self):
        if self.machine:
            self.machine.close()
        for name in ("picture.ppm",):
            if os.path.exists(os.path.join(self.options.pictures, name)):
                os.remove(os.path.join(self.options.pictures, name))

    def say(self, text):
        print("info " + text, flush=True)

    def not_ok(self, why):
        self.failed += 1
        print(f"not ok {self.options.name}.{self.doing}: {why}", flush=True)

    def case(self, name, function, *arguments):
        """Does something and keeps pictures of all that is shown then as NAME.png, NAME-1.png."""
        self.doing = name
        try:
            return_value = function(*arguments)
        finally:
            self.keep_pictures(name)
        self.passed += 1
        print(f"ok {self.options.name}.{name}", flush=True)
        return return_value

    def keep_pictures(self, name):
        for output, end in ((0, ""), (1, "-1")):
            try:
                self.viewer.save_png(output, os.path.join(self.options.pictures, f"{name}{end}.png"))
            except CannotSee:       # an output that shows nothing
                pass

    def look(self, output=0, cursor=False):
        return self.viewer.picture(output, cursor)

    def until(self, right, seconds=60):
        """Waits until a function returns something true, and returns that; it raises Wrong to say why not yet."""
        end = time.monotonic() + seconds
        while True:
            try:
                found = right()
                if found:
                    return found
                why = "it did not come"
            except (Wrong, CannotSee) as not_yet:
                why = not_yet
            if time.monotonic() > end:
                raise Wrong(why)
            time.sleep(0.2)

    def type(self, text, delay=50):
        self.viewer.command_input("type", "--delay", str(delay), text)

    def key(self, *keys):
        self.viewer.command_input("key", "--delay", "100", *keys)

    def point(self, x, y, *options, area):
        """Brings the tablet to a pixel of what a guest spreads over it: the width and height of all it shows."""
        places = ((2 * at + 1) * (LARGEST + 1) // (2 * side) for at, side in zip((x, y), area))
        self.viewer.command_input("click", "--place", ",".join(map(str, places)), *(options or ("--button", "none")))

    @staticmethod
    def drag(start, end, point, follows, steps=4):
        """Presses at one place, goes on to another and lets go there.

        `point` points; `follows` waits until what is dragged has been moved by so much. Who drags looks at it, too,
        and some window managers (jwm) throw motions away that come faster than they draw.
        """
        point(*start, "--press")
        for step in range(1, steps + 1):
            x, y = ((b - a) * step // steps for a, b in zip(start, end))
            point(start[0] + x, start[1] + y)
            follows(x, y)
        point(*end, "--release")
