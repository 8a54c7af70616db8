"""VNC viewers of other people's at a Linux guest: what they show, and what the guest hears of them."""
import os
from linuxconsole import ALPHABET, CLEAR, ConsoleGuest, Ears, LearnedFont
from person import LARGEST, Wrong
from vncclients import TigerVNC, Vncdotool

FUNCTION_KEYS = [f"F{number}" for number in range(1, 13)]
EDITING_KEYS = "ESC TAB BACKSPACE ENTER SPACE INSERT DELETE HOME END PAGEUP PAGEDOWN UP DOWN LEFT RIGHT".split()
KEYPAD_KEYS = [*(f"KP{number}" for number in range(10)),
               *"KPENTER KPASTERISK KPPLUS KPMINUS KPDOT KPSLASH".split()]
MODIFIERS = "LEFTSHIFT RIGHTSHIFT LEFTCTRL RIGHTCTRL LEFTALT RIGHTALT LEFTMETA RIGHTMETA".split()
SHIFTED = "!@#$%^&*()_+{}|:\"<>?~ABC"
# The keys of the US layout's rows, and what is on them without and with Shift.
LAYOUT = [
    ("GRAVE 1 2 3 4 5 6 7 8 9 0 MINUS EQUAL", "`1234567890-=", "~!@#$%^&*()_+"),
    ("Q W E R T Y U I O P LEFTBRACE RIGHTBRACE BACKSLASH", "qwertyuiop[]\\", "QWERTYUIOP{}|"),
    ("A S D F G H J K L SEMICOLON APOSTROPHE", "asdfghjkl;'", "ASDFGHJKL:\""),
    ("Z X C V B N M COMMA DOT SLASH", "zxcvbnm,./", "ZXCVBNM<>?")]
STROKES = {sign: shift + key for keys, plain, shifted in LAYOUT
           for shift, signs in (("", plain), ("LEFTSHIFT+", shifted)) for key, sign in zip(keys.split(), signs)}
# Where the US international layout has its dead keys.
DEAD_KEYS = {"grave": "`", "acute": "'", "circumflex": "^", "tilde": "~", "diaeresis": "\""}


def few(things):
    """Linux keeps 64 events for a reader that does not come to it: with Shift four keys make half of them."""
    return [things[at:at + 4] for at in range(0, len(things), 4)]


def strokes(text):
    return [STROKES[sign] for sign in text]


class Desk:
    def __init__(self, person, guest, viewers):
        self.person, self.guest, self.viewers = person, guest, viewers
        self.ears, self.fonts = Ears(guest), {}

    def picture(self, viewer):
        """The viewer's, which has to be the device's, pixel for pixel."""
        picture = viewer.picture()
        difference = picture.difference(self.person.look())
        if difference:
            raise Wrong(difference)
        return picture

    def reads(self, viewer, *lines):
        """The picture's text is the kernel's, and these lines are in it."""
        found = self.fonts[viewer].read(self.picture(viewer))
        # In a smaller mode the console keeps its size, and its right and lower edge are not seen.
        held = [line[:self.fonts[viewer].columns].rstrip() for line in self.guest.text()]
        for row, (seen, said) in enumerate(zip(found, held)):
            if seen != said:
                raise Wrong(f"row {row} of the picture reads {seen!r}, and the guest's console has {said!r}")
        for line in lines:
            if line not in found:
                raise Wrong(f"the screen has no line {line!r}: {[line for line in found if line][-3:]}")
        return True

    def shows(self, viewer, *lines):
        """Waits until the viewer's picture is right, and its text can be read."""
        self.person.until(lambda: self.reads(viewer, *lines))

    def learn(self, viewer):
        self.guest.show(CLEAR + ALPHABET.encode())
        self.fonts[viewer] = self.person.until(lambda: LearnedFont(self.picture(viewer)))
        self.guest.show(CLEAR + b"Scanout\r\n" + ALPHABET[::-1].encode())
        self.shows(viewer, "Scanout", ALPHABET[::-1])

    def keys(self, viewer, keys):
        for some in few(keys):
            for key in some:
                viewer.press(key)
            self.ears.expect_strokes(some)

    def shift(self, viewer):
        for some in few(SHIFTED):
            viewer.type(some)
            self.ears.expect_strokes(strokes(some))

    def capitals(self, viewer):
        viewer.capitals("qwz")
        self.ears.expect_strokes(strokes("QWZ"))

    def dead_keys(self, viewer):
        for name, sign in DEAD_KEYS.items():
            viewer.dead_key(name)
            self.ears.expect_strokes(strokes(sign))

    def level_3(self, viewer):
        viewer.with_level_3("e")
        self.ears.expect_strokes(["RIGHTALT+E"])

    def size(self):
        """The guest's resolution."""
        width, height = self.guest.modes()[0].split("x")
        return int(width), int(height)

    def clicks(self, viewer):
        """A pixel is what libinput makes of a place: its share of the side, all being one past the last place."""
        size, place = self.size(), (0, 0)
        width, height = size
        self.ears.forget()
        for pixel in ((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1), (width // 2, height // 2),
                      (1, height - 2), (333, 517), (width - 2, 1), (777, 101)):
            viewer.click(*pixel)
            place = self.ears.clicked(place)
            found = tuple(at * side // (LARGEST + 1) for at, side in zip(place, size))
            if found != pixel:
                raise Wrong(f"a click at {pixel} came at {found}: {place}")

    def buttons(self, viewer):
        for button, name in ((1, "LEFT"), (2, "MIDDLE"), (3, "RIGHT")):
            viewer.press_button(button)
            self.ears.expect("tablet", [("EV_KEY", f"BTN_{name}", 1), ("EV_KEY", f"BTN_{name}", 0)])
        for button, way in ((4, 1), (5, -1)):
            viewer.press_button(button)
            self.ears.expect("tablet", [("EV_REL", "REL_WHEEL", way), ("EV_REL", "REL_WHEEL_HI_RES", 120 * way)])

    def shell(self, viewer):
        """The answer to a command that is typed, read off the viewer's picture."""
        self.guest.start_shell()
        self.person.until(lambda: "#" in self.guest.text())
        viewer.type("echo $((6*7))\n")
        self.shows(viewer, "42")

    def every_sign(self, viewer):
        """What the kernel's own layout makes of all signs, turned around so that it is not what was typed."""
        signs = ALPHABET.replace("'", "")
        viewer.type(f"echo '{signs}'\"'\" | rev\n")
        self.shows(viewer, "'" + signs[::-1])
        viewer.type("exit\n")
        self.person.until(lambda: not self.guest.is_used())

    def resize(self, viewer, width, height):
        """The viewer's window gets another size, the guest a mode of that size, and all viewers its console."""
        viewer.resize(width, height)

        def followed():
            mode = self.guest.modes()[0]
            if mode != f"{width}x{height}":
                raise Wrong(f"the monitor's first mode is {mode}")
            return True
        self.person.until(followed)
        text = f"now {width}x{height}"
        self.guest.show(CLEAR + text.encode())

        def seen(each):
            picture = self.picture(each)
            if (picture.width, picture.height) != (width, height):
                raise Wrong(f"{each.name} shows {picture.width}x{picture.height}")
            return self.reads(each, text)
        for each in self.viewers:
            self.person.until(lambda: seen(each))

    def nothing_else(self, viewer):
        left = self.ears.keys()
        if left:
            raise Wrong(f"the guest heard of keys that nobody pressed: {left[:6]}")


def sit(desk, viewer):
    person, doing = desk.person, viewer.name

    def case(name, function, *arguments):
        person.case(f"{doing}-{name}", function, viewer, *arguments)
        with open(os.path.join(person.options.pictures, f"{doing}-{name}-viewer.png"), "wb") as file:
            file.write(viewer.picture().png())
    desk.ears.forget()
    case("sees", desk.learn)
    for name, keys in (("function-keys", FUNCTION_KEYS), ("editing-keys", EDITING_KEYS), ("keypad", KEYPAD_KEYS),
                       ("modifiers", MODIFIERS)):
        case(name, desk.keys, keys)
    case("shift", desk.shift)
    case("capitals", desk.capitals)
    case("dead-keys", desk.dead_keys)
    case("level-3", desk.level_3)
    case("clicks", desk.clicks)
    case("buttons", desk.buttons)
    case("nothing-else", desk.nothing_else)
    case("shell", desk.shell)
    case("every-sign", desk.every_sign)
    if hasattr(viewer, "resize"):
        case("smaller", desk.resize, 1024, 768)
        case("smaller-clicks", desk.clicks)
        case("larger", desk.resize, 1280, 800)
        case("larger-clicks", desk.clicks)


def session(person):
    person.options.memory = 256
    person.options.vfio_user = [person.options.gpu, person.options.keyboard, person.options.tablet]
    guest, viewers = ConsoleGuest(person.options), []
    try:
        person.sit_down(guest)
        for kind in (Vncdotool, TigerVNC):
            person.doing = f"{kind.name}-start"
            viewers.append(kind(person.options, guest.folder))
        desk = Desk(person, guest, viewers)
        for viewer in viewers:
            sit(desk, viewer)
    finally:
        for viewer in viewers:
            viewer.close()
