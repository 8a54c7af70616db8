"""What the guest is made to do, and what the picture outside has to be then. One function for each scenario."""
import subprocess, time
import edid
from machine import GuestFailure
from reference import cursor_crc, draw_pattern, pattern, with_cursor
from textscreen import Font, TextScreen, read_text
from viewers import CannotSee

# What the driver's log may say on any device at all: told, not counted.
HARMLESS = ("drm_mm_takedown",)
MODES = ((640, 480), (1280, 800), (1920, 1080), (3840, 2160), (1366, 768), (1000, 701))
# x, y, width, height: odd places and sizes, single rows, columns and pixels, and the edges.
RECTANGLES = ((1, 1, 101, 55), (333, 77, 3, 201), (7, 599, 1023, 1), (641, 3, 1, 500), (0, 0, 5, 5),
              (1277, 797, 3, 3), (511, 301, 1, 1), (3, 401, 1277, 39), (129, 255, 257, 127), (1275, 0, 5, 800))


class Skip(Exception):
    """The case cannot be run here; why."""


class Wrong(Exception):
    """The case failed; why."""


class Scene:
    """What a scenario works with: the guest, who looks from outside, and the list of results."""

    def __init__(self, machine, viewer, results, options):
        self.machine, self.viewer, self.results, self.options = machine, viewer, results, options
        self.ask = machine.ask

    def case(self, name, function, *arguments):
        self.results.run(name, function, *arguments)

    def picture_is(self, wanted, output=0, cursor=False):
        """Looks until the picture is the wanted one, for the device may still be at work."""
        end = time.monotonic() + self.options.patience
        while True:
            try:
                difference = self.viewer.picture(output, cursor).difference(wanted)
            except CannotSee as why:        # as while an output changes over
                difference = str(why)
            if difference is None:
                return
            if time.monotonic() > end:
                raise Wrong(difference)
            time.sleep(0.1)

    def show(self, output, identity, width, height, seed):
        """Makes a buffer with a pattern and shows it; the picture that has to come of it."""
        self.ask("buffer", identity, width, height)
        self.ask("fill", identity, seed)
        self.ask("show", output, identity)
        return pattern(width, height, seed)

    def kernel_log_is_clean(self):
        lines = [piece.partition(" ")[2] for piece in self.ask("trouble")]
        for line in lines:
            if any(word in line for word in HARMLESS):
                self.results.say(f"kernel, not counted: {line}")
        lines = [line for line in lines if not any(word in line for word in HARMLESS)]
        if lines:
            raise Wrong(f"{len(lines)} lines, the first: {lines[0]}")


def info(scene):
    pieces = scene.machine.query("info")
    for key, words in pieces:
        if key not in ("mode", "edid"):
            scene.results.say(key + " " + " ".join(f"{name}={value}" for name, value in words.items()))
    gpus = [words for key, words in pieces if key == "gpu"]
    outputs = [words for key, words in pieces if key == "output"]

    def bound():
        if not gpus:
            raise Wrong("no virtio GPU on the guest's PCI bus")
        for gpu in gpus:
            for name, value in (("id", "1af4:1050"), ("driver", "virtio_gpu"), ("function-driver", "virtio-pci"),
                                ("status", "0000000f"), ("transport", "modern")):
                if gpu[name] != value:
                    raise Wrong(f"{name} is {gpu[name]}, not {value}")
            if not gpu["class"].startswith("0380") and not gpu["class"].startswith("0300"):
                raise Wrong(f"class {gpu['class']} is no display controller")

    def edid_and_modes(index):
        content = [bytes.fromhex(words["bytes"]) for key, words in pieces
                   if key == "edid" and words["index"] == str(index)]
        modes = [words for key, words in pieces if key == "mode" and words["index"] == str(index)]
        if outputs[index]["state"] != "connected":
            raise Skip("this output is not connected")
        if not content:
            raise Wrong("there is no EDID")
        try:
            decoded = edid.decode(content[0])
        except ValueError as error:
            raise Wrong(f"EDID: {error}") from None
        scene.results.say(f"edid of output {index}: " + " ".join(f"{key}={value}" for key, value in decoded.items()))
        preferred = [(int(mode["width"]), int(mode["height"])) for mode in modes if mode["preferred"] == "1"]
        if not decoded["name"]:
            raise Wrong("the EDID has no name")
        if not decoded["preferred"] or preferred[:1] != [decoded["preferred"]]:
            raise Wrong(f"the driver prefers {preferred}, the EDID {decoded['preferred']}")
        listed = {(int(mode["width"]), int(mode["height"])) for mode in modes}
        if not {(640, 480), (1024, 768), (1280, 1024), (1920, 1080)} <= listed:
            raise Wrong(f"standard modes are missing among {sorted(listed)}")
        expected = scene.options.expect_mode
        if index < len(expected) and preferred[0] != expected[index]:
            raise Wrong(f"preferred is {preferred[0]}, not {expected[index]}")
    scene.case("bound", bound)
    for index in range(len(outputs)):
        scene.case(f"edid-{index}", edid_and_modes, index)
    if scene.options.expect_mode:
        def count():
            if len(outputs) != len(scene.options.expect_mode):
                raise Wrong(f"there are {len(outputs)} outputs, not {len(scene.options.expect_mode)}")
        scene.case("outputs", count)


def console(scene):
    font = Font(scene.machine.query("console"))
    scene.results.say(f"console of {font.columns}x{font.rows} characters, {len(font.glyphs)} glyphs of "
                      f"{font.width}x{font.height}")

    def appears(screen):
        content = screen.bytes
        for at in range(0, len(content), 1000):
            scene.ask("print", content[at:at + 1000].hex())
        first = scene.viewer.picture(0)
        scene.picture_is(screen.picture(first.width, first.height))

    def reads(screen):
        lines = read_text(scene.viewer.picture(0), font)
        wanted = screen.text()
        for row, (line, right) in enumerate(zip(lines, wanted)):
            if line != right:
                raise Wrong(f"row {row} reads {line!r}, not {right!r}")
        if not any(wanted):
            raise Wrong("there is no text to read")
        kernel = [piece.partition(" ")[2].rstrip() for piece in scene.ask("text")]
        if lines != kernel:
            raise Wrong("the text read is not what the guest's kernel holds to be there")
        scene.results.say(f"read back {sum(len(line.replace(' ', '')) for line in lines)} characters")

    sheet = TextScreen(font)
    printable = "".join(map(chr, range(33, 127)))
    for row in range(font.rows):
        if row < 8:
            sheet.put(row, row, printable, colour=row or 7)
        elif row < 16:
            sheet.put(row, 3 * row, f" ground {row - 8}: ÄÖÜßéñ ░▒▓ ┌─┬┐│├┼┤└┴┘ ", colour=15 - row, ground=row - 8)
        else:
            sheet.put(row, font.columns - row, printable, colour=1 + row % 7)
    scene.case("sheet", appears, sheet)
    scene.case("sheet-read", reads, sheet)

    log = TextScreen(font)
    lines = [piece.partition(" ")[2] for piece in scene.ask("log", font.rows - 3)]
    log.put(0, 0, "Linux on the virtio GPU: the kernel's log, printed to its framebuffer console", colour=2)
    for row, line in enumerate(lines):
        line = "".join(character if " " <= character <= "~" else "?" for character in line)
        log.put(row + 2, 0, line, colour=3 if "virtio" in line or "drm" in line else 7)
    scene.case("kernel-log", appears, log)
    scene.case("kernel-log-read", reads, log)
    if scene.options.png:
        scene.viewer.save_png(0, scene.options.png)
        scene.results.say(f"the console's picture is in {scene.options.png}")


def patterns(scene):
    def one(width, height):
        seed = 0x5EED + width
        scene.picture_is(scene.show(0, 1, width, height, seed))
        scene.ask("free", 1)
    scene.ask("open")
    for width, height in MODES:
        scene.case(f"{width}x{height}", one, width, height)
    scene.ask("close")


def partial(scene):
    scene.ask("open")
    wanted = scene.show(0, 1, 1280, 800, 1)
    scene.case("whole", scene.picture_is, wanted)

    def one(number, area):
        scene.ask("update", 1, *area, 100 + number)
        draw_pattern(wanted, 100 + number, area)
        scene.picture_is(wanted)

    def many():
        for number in range(60):
            area = (number * 17 % 1200, number * 29 % 700, 1 + number * 7 % 80, 1 + number * 11 % 100)
            scene.ask("update", 1, *area, 200 + number)
            draw_pattern(wanted, 200 + number, area)
        scene.picture_is(wanted)
    for number, area in enumerate(RECTANGLES):
        scene.case("%dx%d+%d+%d" % (area[2], area[3], area[0], area[1]), one, number, area)
    scene.case("sixty", many)
    scene.ask("close")


def flips(scene):
    scene.ask("open")
    pictures = {1: scene.show(0, 1, 1280, 800, 11), 2: pattern(1280, 800, 12)}
    scene.ask("buffer", 2, 1280, 800)
    scene.ask("fill", 2, 12)

    def there_and_back():
        for number in range(6):
            identity = 2 - number % 2
            scene.ask("flip", 0, identity)
            scene.picture_is(pictures[identity])

    def drawn_between():
        for number in range(6):
            identity = 2 - number % 2
            draw_pattern(pictures[identity], 300 + number)
            scene.ask("fill", identity, 300 + number)
            scene.ask("flip", 0, identity)
        scene.picture_is(pictures[1])
    scene.case("there-and-back", there_and_back)
    scene.case("drawn-between", drawn_between)
    scene.ask("close")


def cursor_is(scene, output, wanted):
    """Asks until the cursor is as wanted; a place may be told with or without its sign."""
    end = time.monotonic() + scene.options.patience
    while True:
        found = scene.viewer.cursor(output)
        wrong = [f"{name} is {found.get(name)}, not {value}" for name, value in wanted.items()
                 if found.get(name) != value and not (name in "xy" and found.get(name) == value % (1 << 32))]
        if not wrong:
            return
        if time.monotonic() > end:
            raise Wrong(", ".join(wrong))
        time.sleep(0.1)


def cursor(scene):
    if not scene.viewer.sees_cursor:
        raise Skip("QEMU's pictures have no cursor")
    scene.ask("open")
    base = scene.show(0, 1, 1280, 800, 21)
    scene.case("none", scene.picture_is, base, 0, True)

    def shown(seed, x, y, hot_x, hot_y):
        cursor_is(scene, 0, {"visible": True, "x": x, "y": y, "hot_x": hot_x, "hot_y": hot_y, "w": 64, "h": 64,
                             "crc": f"{cursor_crc(seed):08x}"})
        scene.picture_is(with_cursor(base, seed, x, y), 0, True)
        scene.picture_is(base, 0, False)

    def set_and_move(seed, x, y, hot_x, hot_y):
        scene.ask("cursor", 0, seed, hot_x, hot_y)
        scene.ask("move", 0, x, y)
        shown(seed, x, y, hot_x, hot_y)

    def move(x, y):
        scene.ask("move", 0, x, y)
        shown(32, x, y, 7, 11)

    def drawn_below():
        scene.ask("update", 1, 333, 211, 101, 77, 33)
        draw_pattern(base, 33, (333, 211, 101, 77))
        move(340, 220)

    def hidden():
        scene.ask("hide", 0)
        cursor_is(scene, 0, {"visible": False})
        scene.picture_is(base, 0, True)
    scene.case("set", set_and_move, 31, 100, 80, 0, 0)
    scene.case("hotspot", set_and_move, 32, 321, 123, 7, 11)
    for name, x, y in (("moved", 611, 402), ("upper-left", 0, 0), ("off-left", -20, 300), ("off-top", 300, -33),
                       ("off-corner", -63, -63), ("off-right", 1250, 77), ("off-bottom", 78, 781),
                       ("off-end", 1279, 799)):
        scene.case(name, move, x, y)
    scene.case("drawn-below", drawn_below)
    scene.case("hidden", hidden)
    scene.case("again", set_and_move, 34, 55, 66, 1, 2)
    scene.ask("hide", 0)
    scene.ask("close")


def two_outputs(scene):
    outputs = [words for key, words in scene.machine.query("info") if key == "output"]
    if len(outputs) < 2:
        raise Skip("the device has one output")
    scene.ask("open")
    wanted = [scene.show(0, 1, 1280, 800, 41), scene.show(1, 2, 1024, 768, 42)]

    def both():
        for output in range(2):
            scene.picture_is(wanted[output], output)

    def update(output):
        scene.ask("update", 1 + output, 31, 63, 517, 203, 50 + output)
        draw_pattern(wanted[output], 50 + output, (31, 63, 517, 203))
        both()

    def flip():
        scene.ask("buffer", 3, 1024, 768)
        scene.ask("fill", 3, 44)
        scene.ask("flip", 1, 3)
        wanted[1] = pattern(1024, 768, 44)
        both()

    def cursors():
        if not scene.viewer.sees_cursor:
            raise Skip("QEMU's pictures have no cursor")
        for output, (seed, x, y) in enumerate(((61, 37, 41), (62, 999, 700))):
            scene.ask("cursor", output, seed, 3, 4)
            scene.ask("move", output, x, y)
            cursor_is(scene, output, {"visible": True, "x": x, "y": y, "crc": f"{cursor_crc(seed):08x}"})
            scene.picture_is(with_cursor(wanted[output], seed, x, y), output, True)
        both()
        for output in range(2):
            scene.ask("hide", output)
        both()
    scene.case("both", both)
    scene.case("update-0", update, 0)
    scene.case("update-1", update, 1)
    scene.case("flip-1", flip)
    scene.case("cursors", cursors)

    def one_buffer():
        wanted[0] = wanted[1] = scene.show(0, 4, 1280, 800, 45)
        scene.ask("show", 1, 4)
        both()
        scene.ask("update", 4, 5, 6, 777, 333, 46)
        draw_pattern(wanted[0], 46, (5, 6, 777, 333))
        both()
    scene.case("one-buffer", one_buffer)
    scene.ask("close")


def hotplug(scene):
    """Monitors that change, go and come while the guest runs."""
    if not scene.viewer.changes_outputs:
        raise Skip("the outputs of QEMU's own device are not changed from here")
    before = scene.viewer.outputs()
    if len(before) < 2:
        raise Skip("the device has one output")
    whole = [f"{number}={words['w']}x{words['h']}+{words['x']}+{words['y']}" for number, words in enumerate(before)]
    set_all = [word for setting in whole for word in ("--set", setting)]

    def until(what):
        """Asks until there is no complaint any more, for the guest needs a moment."""
        end = time.monotonic() + scene.options.patience
        while (complaint := what()) is not None:
            if time.monotonic() > end:
                raise Wrong(complaint)
            time.sleep(0.1)

    def guest_finds(number, size):
        def complaint():
            pieces = scene.machine.query("info")
            mine = [(key, words) for key, words in pieces if words.get("index") == str(number)]
            state = [words["state"] for key, words in mine if key == "output"][0]
            if size is None:
                return None if state == "disconnected" else f"output {number} is {state}"
            preferred = [(int(words["width"]), int(words["height"])) for key, words in mine
                         if key == "mode" and words["preferred"] == "1"]
            decoded = [edid.decode(bytes.fromhex(words["bytes"]))["preferred"] for key, words in mine if key == "edid"]
            if state != "connected" or preferred[:1] != [size] or decoded != [size]:
                return f"output {number} is {state}, prefers {preferred}, its EDID {decoded}; not {size}"
        until(complaint)

    def host_sees(number, size):
        def complaint():
            # The driver does not wait for the device.
            shown = scene.viewer.outputs()[number]["shown"]
            if shown != (size and {"w": size[0], "h": size[1]}):
                return f"the host is told that output {number} shows {shown}, not {size}"
        until(complaint)

    def drawn(number, size, seed):
        guest_finds(number, size)
        scene.picture_is(scene.show(number, 1 + number, *size, seed), number)
        host_sees(number, size)

    def resized():
        for number, size in enumerate(((1360, 800), (640, 480))):
            scene.viewer.change_outputs("--set", f"{number}={size[0]}x{size[1]}")
            drawn(number, size, 801 + number)

    def removed():
        scene.viewer.change_outputs("--remove", "1")
        guest_finds(1, None)
        scene.ask("blank", 1)
        host_sees(1, None)
        scene.ask("update", 1, 0, 0, 1360, 800, 803)
        scene.picture_is(pattern(1360, 800, 803))

    def added():
        after = scene.viewer.change_outputs("--add", "800x600")
        if [words["added"] for words in after][:2] != [False, True] or (after[1]["x"], after[1]["y"]) != (1360, 0):
            raise Wrong(f"output 1 was not added right of the other: {after}")
        drawn(1, (800, 600), 804)
        scene.picture_is(pattern(1360, 800, 803))

    def placed():
        # The driver hands positions to nobody, but tells what it read in the kernel's log.
        wanted = ("1280x800+1024+16", "1024x768+0+65")
        scene.viewer.change_outputs(*(word for number, text in enumerate(wanted)
                                      for word in ("--set", f"{number}={text}")))

        def complaint():
            # The driver leaves its last line without an end; the kernel shows it once another has come.
            scene.ask("hide", 0)
            lines = [piece.rstrip() for piece in scene.ask("log", 400)]
            read = [[line.partition(f" output {number}: ")[2] for line in lines if f" output {number}: " in line][-1:]
                    for number in range(2)]
            return None if read == [[text] for text in wanted] else f"the guest read {read}, not {wanted}"
        until(complaint)

    def in_haste():
        # The driver clears the event after it has asked, so a change between the two is easily lost.
        for number in range(16):
            scene.viewer.change_outputs("--set", f"0={1000 + 8 * number}x700")
        guest_finds(0, (1120, 700))

    def as_before():
        scene.viewer.change_outputs(*set_all)
        for number, words in enumerate(before):
            drawn(number, (words["w"], words["h"]), 810 + number)
    scene.ask("open")
    scene.ask("trace", 1)
    try:
        for name, function in (("resized", resized), ("removed", removed), ("added", added), ("placed", placed),
                               ("in-haste", in_haste)):
            scene.case(name, function)
    finally:
        scene.viewer.change_outputs(*set_all)
        scene.ask("trace", 0)
    scene.case("as-before", as_before)
    scene.ask("close")


# Numbers of Linux's input.h.
KEY, RELATIVE, ABSOLUTE, SYN = 1, 2, 3, (0, 0, 0)


def input_devices(scene):
    """Keys, clicks and motions from the host, as a program of the guest reads them, and as its console does."""
    if not scene.viewer.changes_outputs:
        raise Skip("keys for QEMU's own devices are not struck from here")
    names = [words["name"].rpartition("-")[2] for key, words in scene.machine.query("listen")]
    if not {"keyboard", "tablet", "mouse"} <= set(names):
        raise Skip(f"the guest has not all input devices: {names}")

    def comes(device, wanted, *command):
        scene.viewer.command_input(*command)
        events = [(words["device"].rpartition("-")[2], *(int(words[name]) for name in ("type", "code", "value")))
                  for _, words in scene.machine.query("events", len(wanted))]
        if events != [(device, *event) for event in wanted]:
            raise Wrong(f"the guest read {events}")

    def keys():
        shift, b, a = 42, 48, 30
        presses = ((shift, 1), (b, 1), (b, 0), (shift, 0), (a, 1), (a, 0))
        comes("keyboard", [event for key, value in presses for event in ((KEY, key, value), SYN)], "key", "shift+b", "a")

    def pressed(button):
        return [SYN, (KEY, button, 1), SYN, (KEY, button, 0), SYN]

    def place():
        comes("tablet", [(ABSOLUTE, 0, 8192), (ABSOLUTE, 1, 24576), *pressed(0x110)], "click", "--place", "8192,24576")

    def pixel():
        scene.ask("open")
        scene.picture_is(scene.show(0, 1, 1000, 701, 901))
        # A tablet spans all outputs that show something, as they stand beside each other; the first is at their corner.
        shown = [output for output in scene.viewer.outputs() if output["shown"]]
        width = max(output["x"] + output["shown"]["w"] for output in shown)
        height = max(output["y"] + output["shown"]["h"] for output in shown)
        comes("tablet", [(ABSOLUTE, 0, int(640.5 / width * 32768)), (ABSOLUTE, 1, int(400.5 / height * 32768)),
                         *pressed(0x111)], "click", "640", "400", "--button", "right")
        scene.ask("close")

    def way():
        comes("mouse", [(RELATIVE, 0, 10), (RELATIVE, 1, -5), *pressed(0x112)], "click", "--by", "10,-5",
              "--button", "middle")

    def text():
        line = "Scanout 0.42: \"it's [here]\" {~/a|b} <c> & 100%!"
        scene.ask("print", b"\x1b[H\x1b[2J".hex())
        scene.viewer.command_input("type", "--delay", "0", line)
        end = time.monotonic() + scene.options.patience
        while (found := scene.ask("text")[0].partition(" ")[2].rstrip()) != line:
            if time.monotonic() > end:
                raise Wrong(f"the guest's console echoes {found!r}, not {line!r}")
            time.sleep(0.1)

    def light():
        for lit in (True, False):
            scene.viewer.command_input("key", "capslock")
            end = time.monotonic() + scene.options.patience
            while scene.viewer.lights()["caps"] != lit:
                if time.monotonic() > end:
                    raise Wrong(f"the Caps Lock light is {'off' if lit else 'on'}, and should not be")
                time.sleep(0.05)
    for name, function in (("keys", keys), ("place", place), ("pixel", pixel), ("way", way), ("text", text),
                           ("light", light)):
        scene.case(name, function)


def drive_again(scene, seed):
    """After the driver came back: a picture of its own proves the device works."""
    gpu = [words for key, words in scene.machine.query("info") if key == "gpu"][0]
    if gpu["driver"] != "virtio_gpu":
        raise Wrong(f"the driver is {gpu['driver']}")
    scene.ask("open")
    scene.picture_is(scene.show(0, 1, 640, 480, seed))
    scene.ask("close")


def rebind(scene):
    def one(number):
        scene.ask("unbind")
        scene.ask("bind")
        drive_again(scene, 400 + number)
    for number in range(scene.options.rebinds):
        scene.case(f"{number + 1}", one, number)


def reload(scene):
    def one(number):
        scene.ask("remove")
        scene.ask("insert")
        drive_again(scene, 500 + number)
    for number in range(scene.options.reloads):
        scene.case(f"{number + 1}", one, number)


def restart(scene):
    """Ends QEMU as a crash would, in the midst of use, and starts it again on the same device."""
    def one(number):
        scene.ask("open")
        scene.picture_is(scene.show(0, 1, 1280, 800, 600 + number))
        scene.machine.kill()
        scene.machine.start()
        drive_again(scene, 700 + number)
    if not scene.options.vfio_user:
        raise Skip("QEMU's own device ends with QEMU")
    for number in range(scene.options.restarts):
        scene.case(f"{number + 1}", one, number)


def idle(scene):
    """Nothing happens in the guest for a while; somebody may want to watch the device meanwhile."""
    def at_rest():
        """The picture, once it has not changed for two seconds."""
        end, before = time.monotonic() + scene.options.patience, scene.viewer.picture(0)
        while time.monotonic() < end:
            time.sleep(2)       # what came before has settled by then, unless the machine is loaded
            now = scene.viewer.picture(0)
            if scene.options.blink or now.difference(before) is None:
                return now
            before = now
        raise Wrong("the picture goes on changing")

    def still():
        before = at_rest()
        command = None
        if scene.options.while_idle:
            command = subprocess.Popen(scene.options.while_idle, shell=True, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
        scene.results.say(f"idle for {scene.options.idle} s")
        scene.ask("idle", scene.options.idle, timeout=scene.options.idle + 30)
        scene.results.say("idle no more")
        if command:
            said = command.communicate(timeout=120)[0].decode(errors="replace").strip().splitlines()
            for line in said:
                scene.results.say("while idle: " + line)
            if command.returncode:
                raise Wrong(said[-1] if said else f"the command ended with {command.returncode}")
        if not scene.options.blink:
            scene.picture_is(before)
    scene.case("still", still)


def rng(scene):
    """The guest's source of random numbers: its driver, its transport, its bytes, its interrupts."""
    before = scene.machine.query("rng")
    for key, words in before:
        scene.results.say(key + " " + " ".join(f"{name}={value}" for name, value in words.items()))
    devices = [words for key, words in before if key == "rng"]
    transport = scene.options.expect_transport
    interrupt = "pin" if "pci=nomsi" in scene.options.append else "msix"

    def is_so(wanted):
        if not devices:
            raise Wrong("no virtio entropy device on the guest's PCI bus")
        for device in devices:
            for name, value in wanted:
                if device[name] != value:
                    raise Wrong(f"{name} is {device[name]}, not {value}")

    def bound():
        is_so((("driver", "virtio_rng"), ("function-driver", "virtio-pci"), ("class", "00ff00")))
        current = [words["current"] for key, words in before if key == "source"]
        if not current[0].startswith("virtio_rng"):
            raise Wrong(f"the kernel's source of random numbers is {current[0]}")

    def driven_as():
        # A legacy driver never sets FEATURES_OK.
        is_so((("transport", transport), ("status", "00000007" if transport == "legacy" else "0000000f")))

    def random():
        histograms = [[int(count) for count in words["counts"].split(",")] for _ in range(16)
                      for _, words in scene.machine.query("random", 64)]
        counts = [sum(column) for column in zip(*histograms)]
        share = sum(counts) / 256
        if sum(counts) != 1 << 20:
            raise Wrong(f"{sum(counts)} bytes came")
        # 255 degrees of freedom: the mean is 255, the standard deviation 22.6; ten of them do not happen.
        chi_square = sum((count - share) ** 2 / share for count in counts)
        scene.results.say(f"{sum(counts)} bytes, chi-square {chi_square:.0f}")
        if not 30 < chi_square < 480:
            raise Wrong(f"chi-square of {sum(counts)} bytes is {chi_square:.0f}")

    def interrupts():
        # The driver has one buffer of 64 bytes and waits for each.
        after = {words["name"]: words for key, words in scene.machine.query("rng") if key == "interrupt"}
        counts = {words["name"]: int(words["count"]) for key, words in before if key == "interrupt"}
        grown = {name: int(words["count"]) - counts.get(name, 0) for name, words in after.items()}
        scene.results.say("interrupts: " + ", ".join(f"{count} of {name}" for name, count in grown.items()))
        kinds = {words["kind"] for words in after.values()}
        if kinds != {interrupt}:
            raise Wrong(f"interrupts came by {' and '.join(kinds) or 'nothing'}, not {interrupt}")
        if not 15000 < sum(grown.values()) < 20000:
            raise Wrong(f"{sum(grown.values())} interrupts for 16384 buffers")
    scene.case("bound", bound)
    scene.case(transport, driven_as)
    scene.case("bytes", random)
    scene.case(f"interrupts-{interrupt}", interrupts)


SCENARIOS = {"info": info, "console": console, "patterns": patterns, "partial": partial, "flips": flips,
             "cursor": cursor, "two-outputs": two_outputs, "hotplug": hotplug, "input": input_devices, "rebind": rebind, "reload": reload,
             "restart": restart, "idle": idle, "rng": rng}
USUAL = [name for name in SCENARIOS if name not in ("restart", "idle", "rng")]
FAILURES = (Wrong, GuestFailure, CannotSee)
