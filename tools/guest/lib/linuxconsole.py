"""A Linux guest with its text console and busybox alone: its text read from any picture, and what its input hears."""
import base64, os, re, time
from machine import Machine, cache_folder, needed
from person import Wrong
from textscreen import read_text

ALPHABET = "".join(map(chr, range(0x21, 0x7F)))     # without the space, which is known
CLEAR = b"\x1b[0m\x1b[2J\x1b[H"
HEADER = "/usr/include/linux/input-event-codes.h"


def event_codes():
    """Linux's own numbers of what input devices say."""
    with open(HEADER) as file:
        found = dict(re.findall(r"^#define\s+((?:KEY|BTN|ABS|REL|EV|SYN)_\w+)\s+(0x[0-9a-fA-F]+|\d+)\b",
                                file.read(), re.MULTILINE))
    return {name: int(number, 0) for name, number in found.items()}


class ConsoleGuest(Machine):
    """It runs shell commands, and a shell for somebody who sits at its console."""

    def command(self):
        cache = cache_folder()
        return self.hardware() + [
            "-kernel", needed(os.path.join(cache, "kernel-trixie", "boot", "vmlinuz-*")),
            "-initrd", needed(os.path.join(cache, "console-initramfs")),
            "-append", "console=ttyS0 quiet loglevel=1 panic=-1 consoleblank=0 vt.global_cursor_default=0"]

    def show(self, content):
        """Writes bytes to the console."""
        self.ask(f"echo {base64.b64encode(content).decode()} | base64 -d >/dev/tty1")

    def start_shell(self):
        self.show(CLEAR)
        self.ask("setsid getty -i -n -l /bin/sh 38400 tty1 linux &")    # it forgets what was typed before

    def is_used(self):
        """Whether a shell is there."""
        return "4,1" in self.ask("ps -o tty")     # Linux's number of /dev/tty1

    def text(self):
        """What the kernel holds to be on the console, row by row."""
        return self.ask("fold -b -w $(stty size </dev/tty1 | cut -d ' ' -f 2) /dev/vcs1 | sed 's/ *$//'; echo")

    def modes(self):
        """Of the first monitor, the best one first."""
        return self.ask("cat /sys/class/drm/card*-1/modes")


class LearnedFont:
    """The console's glyphs as a picture has them; each character has to look like no other."""

    def __init__(self, picture):
        """From a picture with the alphabet in its first row."""
        self.width, self.height = 8, 16
        self.character_of = {bytes(self.width * self.height): " "}
        for column, character in enumerate(ALPHABET):
            look = bytes(picture.pixel(column * self.width + x, y) != 0
                         for y in range(self.height) for x in range(self.width))
            other = self.character_of.setdefault(look, character)
            if other != character:
                raise Wrong(f"{character!r} looks like {other!r}")

    def read(self, picture):
        self.rows, self.columns = picture.height // self.height, picture.width // self.width
        return read_text(picture, self)


class Ears:
    """What the guest's devices have said since one listened last."""

    def __init__(self, guest):
        self.guest, self.codes, self.heard = guest, event_codes(), {}
        self.files = {}
        for line in guest.ask("grep . /sys/class/input/event*/device/name"):
            path, _, name = line.partition(":")
            self.files[name.split()[-1].lower()] = path.split("/")[4]

    def news(self, device):
        """As (type, code, value); the records are `struct input_event` of 64-bit systems."""
        heard = self.heard.get(device, 0)
        lines = self.guest.ask(f"tail -c +{heard + 1} /tmp/{self.files[device]} | xxd -p -c 24")
        events = []
        for record in (bytes.fromhex(line) for line in lines):
            if len(record) == 24:
                heard += 24
                events.append((int.from_bytes(record[16:18], "little"), int.from_bytes(record[18:20], "little"),
                               int.from_bytes(record[20:24], "little", signed=True)))
        self.heard[device] = heard
        if (self.codes["EV_SYN"], self.codes["SYN_DROPPED"]) in (event[:2] for event in events):
            raise Wrong("the guest's reader was too slow for its kernel, which forgot events")
        return events

    def forget(self):
        """Goes on with what comes from now on."""
        for device, file in self.files.items():
            self.heard[device] = int(self.guest.ask(f"stat -c %s /tmp/{file}")[0])

    def keys(self):
        """Keys that went down or came up, with a repetition of neither."""
        return [(code, value) for kind, code, value in self.news("keyboard")
                if kind == self.codes["EV_KEY"] and value < 2]

    def expect(self, device, wanted, seconds=60):
        """Waits for these events and no others, by Linux's names, but for those that end a report."""
        wanted = [(self.codes[kind], self.codes[code], value) for kind, code, value in wanted]
        found, end = [], time.monotonic() + seconds
        while len(found) < len(wanted) and time.monotonic() < end:
            found += [event for event in self.news(device) if event[0] != self.codes["EV_SYN"]]
        if found != wanted:
            raise Wrong(f"the guest read {found}, not {wanted}")

    def expect_strokes(self, wanted, seconds=60):
        """Waits for these strokes and no others: each the keys that go down before all are up, like "LEFTSHIFT+A"."""
        events, end = [], time.monotonic() + seconds
        count = sum(2 * len(stroke.split("+")) for stroke in wanted)
        while len(events) < count and time.monotonic() < end:
            events += self.keys()
        found, held = [], set()
        for code, value in events:
            if value and not held:
                found.append(self.name(code))
            elif value:
                found[-1] += "+" + self.name(code)
            (held.add if value else held.discard)(code)
        if found != wanted or held:
            at = next((index for index, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]),
                      min(len(found), len(wanted)))
            raise Wrong(f"the guest read {found[at:at + 3]}, not {wanted[at:at + 3]}, as key {at} of {len(wanted)}; "
                        f"{len(held)} keys are held")

    def name(self, code):
        """The kernel's first name for a key, without KEY_."""
        return next((name[4:] for name, number in self.codes.items() if number == code and name.startswith("KEY_")),
                    str(code))

    def clicked(self, place, seconds=60):
        """Waits until the left button of the tablet went down and up; where that was, `place` before it."""
        codes, place, at = self.codes, list(place), None
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for kind, code, value in self.news("tablet"):
                if kind == codes["EV_ABS"] and code in (codes["ABS_X"], codes["ABS_Y"]):
                    place[code - codes["ABS_X"]] = value
                elif (kind, code) == (codes["EV_KEY"], codes["BTN_LEFT"]):
                    if not value:
                        return at
                    at = tuple(place)
        raise Wrong("the guest heard of no click")
