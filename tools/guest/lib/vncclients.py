"""Two VNC viewers of other people's, with the same few things to do with them."""
import json, os, subprocess, time
from linuxconsole import event_codes
from machine import cache_folder, needed
from person import Wrong
from picture import Picture


class Vncdotool:
    """vncdotool: what it presses it names by X11's keysyms."""
    name = "vncdotool"
    # Its names for Linux's, where they are others.
    NAMES = {"BACKSPACE": "bsp", "INSERT": "ins", "DELETE": "del", "PAGEUP": "pgup", "PAGEDOWN": "pgdn",
             **{f"{side}{key}": side[0].lower() + name for side in ("LEFT", "RIGHT")
                for key, name in (("SHIFT", "shift"), ("CTRL", "ctrl"), ("ALT", "alt"), ("META", "super"))}}

    def __init__(self, options, folder):
        self.file = os.path.join(folder, "vncdotool.ppm")
        agent = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vncdotool_agent.py")
        self.process = subprocess.Popen(
            [needed(os.path.join(cache_folder(), "vncdotool-venv", "bin", "python3")), agent, options.vnc], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def do(self, *words):
        try:
            self.process.stdin.write(json.dumps(words) + "\n")
            self.process.stdin.flush()
        except OSError:
            raise Wrong("vncdotool is gone") from None
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise Wrong(f"vncdotool says {answer or 'nothing'}")

    def press(self, key):
        self.do("keyPress", self.NAMES.get(key, key.lower()))

    def type(self, text):
        for character in text:
            self.do("keyPress", "enter" if character == "\n" else character)

    def capitals(self, letters):
        """Named as its users do: a small letter together with Shift."""
        for letter in letters:
            self.do("keyPress", f"shift-{letter}")

    def dead_key(self, name):
        self.do("keyPress", name)

    def with_level_3(self, letter):
        self.do("keyPress", f"level3-{letter}")

    def click(self, x, y):
        self.do("mouseMove", x, y)
        self.press_button(1)

    def press_button(self, button):
        self.do("mousePress", button)

    def picture(self):
        self.do("captureScreen", self.file)
        with open(self.file, "rb") as file:
            return Picture.from_ppm(file.read())

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class TigerVNC:
    """TigerVNC's viewer on an X display without a screen: it names keys by their places, too, and those count."""
    name = "tigervnc"

    def __init__(self, options, folder):
        self.codes, self.folder, self.processes = event_codes(), folder, []
        try:
            self.start_display()
            self.start_viewer(options.vnc)
        except Wrong:
            self.close()
            raise

    def start_display(self):
        receive, send = os.pipe()
        # Larger than any window, which the viewer would make smaller; without -noreset it starts anew when the first
        # program has left it, and the next one may not get in.
        self.start(["Xvfb", "-displayfd", str(send), "-screen", "0", "1600x1000x24", "-noreset", "-nolisten", "tcp"],
                   pass_fds=(send,))
        os.close(send)
        with os.fdopen(receive) as file:
            number = file.readline().strip()
        if not number:
            raise Wrong("Xvfb did not start")
        self.environment = {**os.environ, "DISPLAY": f":{number}", "HOME": self.folder}
        self.run("setxkbmap", "us")

    def start_viewer(self, address):
        # Without losses, so that each pixel can be compared; F8 is a key as others are.
        self.start(["xtigervncviewer", "-SecurityTypes", "None", "-AutoSelect=0", "-PreferredEncoding", "Tight",
                    "-NoJPEG", "-Shared", "-MenuKey=", "-AlertOnFatalError=0", "-ReconnectOnError=0", address],
                   env=self.environment)
        self.window = self.wait_for_window()
        self.run("xdotool", "windowmove", "--sync", self.window, "0", "0", "windowfocus", "--sync", self.window)

    def start(self, command, **more):
        with open(os.path.join(self.folder, os.path.basename(command[0]) + ".log"), "wb") as log:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more))

    def run(self, *command):
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        if done.returncode:
            raise Wrong(f"{' '.join(command[:3])}: {done.stderr.decode(errors='replace').strip() or done.returncode}")
        return done.stdout

    def wait_for_window(self, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                return self.run("xdotool", "search", "--onlyvisible", "--name", "TigerVNC").decode().split()[0]
            except Wrong:       # there is none yet
                if self.processes[-1].poll() is not None:
                    break
                time.sleep(0.2)
        with open(os.path.join(self.folder, "xtigervncviewer.log"), errors="replace") as log:
            raise Wrong(f"TigerVNC's viewer has no window: {' '.join(log.read().split())[-300:]}")

    def press(self, key):
        # X's number of a key is Linux's and 8; it takes one digit for a sign.
        self.run("xdotool", "key", "Escape" if key == "ESC" else str(self.codes[f"KEY_{key}"] + 8))

    def type(self, text):
        for number, line in enumerate(text.split("\n")):
            if number:
                self.run("xdotool", "key", "Return")
            if line:
                self.run("xdotool", "type", "--delay", "10", line)

    def capitals(self, letters):
        self.run("xdotool", "key", *(f"shift+{letter}" for letter in letters))

    def dead_key(self, name):
        self.international("key", f"dead_{name}")

    def with_level_3(self, letter):
        self.international("keydown", "ISO_Level3_Shift", "key", letter, "keyup", "ISO_Level3_Shift")

    def international(self, *command):
        """With a layout that has dead keys and a third level."""
        self.run("setxkbmap", "us", "-variant", "intl")
        self.run("xdotool", *command)
        self.run("setxkbmap", "us")

    def click(self, x, y):
        self.run("xdotool", "mousemove", "--sync", str(x), str(y), "click", "1")

    def press_button(self, button):
        self.run("xdotool", "click", str(button))

    def resize(self, width, height):
        self.run("xdotool", "windowsize", "--sync", self.window, str(width), str(height))

    def picture(self):
        file = os.path.join(self.folder, "window.xwd")
        self.run("xwd", "-silent", "-id", self.window, "-out", file)
        return Picture.from_ppm(self.run("xwdtopnm", file))

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
