"""Who looks at the device from outside: the command `scanout`, or QEMU for its own devices."""
import json, os, shutil, subprocess
from picture import Picture


def vmm_command():
    """scanout-vmm: $SCANOUT_VMM or the package's release build."""
    package = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
    path = os.environ.get("SCANOUT_VMM") or os.path.join(package, ".build", "release", "scanout-vmm")
    if not os.path.exists(path):
        raise CannotSee("no scanout-vmm: build it with `swift build -c release`, or give its path in SCANOUT_VMM")
    return path


class CannotSee(Exception):
    """There is no picture to be had."""


def scanout_command():
    """The program: $SCANOUT, the package's release build, or the one on the path."""
    package = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
    for path in (os.environ.get("SCANOUT"), os.path.join(package, ".build", "release", "scanout"),
                 os.path.join(package, ".build", "debug", "scanout"), shutil.which("scanout")):
        if path and os.path.exists(path):
            return path
    raise CannotSee("no scanout program: build it with `swift build -c release`, or give its path in SCANOUT")


def decoded_png(content):
    """By a program of other people's."""
    return Picture.from_ppm(subprocess.run(["pngtopnm"], check=True, input=content, stdout=subprocess.PIPE).stdout)


class ScanoutViewer:
    """Looks through the control socket of a `scanout serve`."""
    sees_cursor = changes_outputs = True
    also = ()       # further ways to the same picture: a name and a function

    def __init__(self, control, folder):
        self.control, self.folder, self.command = control, folder, scanout_command()

    def run(self, *words):
        process = subprocess.run([self.command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=120)
        if process.returncode:
            said = process.stderr.decode(errors="replace").strip().splitlines()
            raise CannotSee(f"scanout {words[0]}: " + (said[-1] if said else f"exit {process.returncode}"))
        return process.stdout

    def picture(self, output, cursor=False):
        path = os.path.join(self.folder, "picture.ppm")
        words = ["screenshot", "--control", self.control, "--scanout", str(output)]
        self.run(*words, *([] if cursor else ["--no-cursor"]), path)
        with open(path, "rb") as file:
            return Picture.from_ppm(file.read())

    def cursor(self, output):
        return json.loads(self.run("cursor", "--control", self.control, "--scanout", str(output), "--json"))

    def command_input(self, command, *words):
        self.run(command, "--control", self.control, *words)

    def lights(self):
        return json.loads(self.run("leds", "--control", self.control, "--json"))

    def outputs(self):
        return self.change_outputs()

    def change_outputs(self, *words):
        """The outputs as they are after the change."""
        return json.loads(self.run("outputs", "--control", self.control, "--json", *words))

    def save_png(self, output, path):
        self.run("screenshot", "--control", self.control, "--scanout", str(output), path)


class VMMViewer(ScanoutViewer):
    """Looks at a scanout-vmm: by its control socket, and with other people's programs at its PNGs and its VNC."""

    def __init__(self, control, port, folder):
        super().__init__(control, folder)
        self.port, self.also = port, (("png", self.png_picture), ("vnc", self.vnc_picture))

    def png_picture(self):
        path = os.path.join(self.folder, "picture.png")
        self.run("screenshot", "--control", self.control, "--no-cursor", path)
        return self.decoded(path)

    def vnc_picture(self):
        path = os.path.join(self.folder, "vnc.png")
        # It counts displays from port 5900.
        subprocess.run(["gvnccapture", "-q", f"127.0.0.1:{self.port - 5900}", path], check=True, timeout=60)
        return self.decoded(path)

    @staticmethod
    def decoded(path):
        with open(path, "rb") as file:
            return decoded_png(file.read())


class QemuViewer:
    """Looks through QEMU's monitor; QEMU has no cursor in its pictures."""
    sees_cursor = changes_outputs = False
    also = ()

    def __init__(self, machine):
        self.machine = machine

    def picture(self, output, cursor=False):
        path = os.path.join(self.machine.folder, "picture.ppm")
        try:
            self.machine.qmp("screendump", filename=path, device="gpu0", head=output)
        except RuntimeError as error:
            raise CannotSee(str(error)) from None
        with open(path, "rb") as file:
            return Picture.from_ppm(file.read())

    def save_png(self, output, path):
        with open(path, "wb") as file:
            file.write(self.picture(output).png())
