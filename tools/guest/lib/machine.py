"""The virtual machine that a guest runs in, and the talk with the client inside Linux over its serial port."""
import glob, json, os, selectors, shutil, socket, subprocess, tempfile, time


class GuestFailure(Exception):
    """The client could not do what it was asked."""


class GuestGone(Exception):
    """The guest does not answer any more; it has to be started again."""


class NotBuilt(Exception):
    """Something that tools/guest/setup makes is missing."""


def cache_folder():
    return os.environ.get("SCANOUT_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "scanout")


def needed(path):
    found = glob.glob(path)
    if not found:
        raise NotBuilt(f"{path} is not there: run tools/guest/setup first")
    return found[0]


class Qemu:
    """One QEMU with a guest in it that writes lines to its serial port."""

    def __init__(self, options):
        self.options, self.process, self.log = options, None, None
        self.folder = tempfile.mkdtemp(prefix="scanout-guest.")
        if options.log:
            self.log = open(options.log, "wb")

    def hardware(self, machine="q35"):
        """The command with all but what the guest boots from: options memory, accelerator, vfio_user, device."""
        cache, options = cache_folder(), self.options
        command = [
            needed(os.path.join(cache, "qemu", "run")), "-accel", options.accelerator, "-cpu", "max", "-smp", "1",
            "-m", str(options.memory), "-M", f"{machine},memory-backend=ram",
            "-object", f"memory-backend-memfd,id=ram,size={options.memory}M,share=on",
            "-nodefaults", "-no-user-config", "-no-reboot", "-vga", "none", "-display", "none",
            "-serial", "stdio", "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]
        for path in options.vfio_user:
            device = {"driver": "vfio-user-pci", "socket": {"type": "unix", "path": os.path.abspath(path)}}
            command += ["-device", json.dumps(device)]
        for index, device in enumerate(options.device):
            command += ["-device", f"{device},id=gpu{index}"]
        return command + options.qemu_argument

    def launch(self, command):
        self.errors = open(os.path.join(self.folder, "stderr"), "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.pending, self.monitor, self.last_words = b"", None, []

    def line(self, deadline, doing):
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise GuestGone(f"no answer in time to: {doing}")
            self.pending += self.receive(left, doing)
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode(errors="replace").strip("\r")

    def receive(self, timeout, doing):
        """What the guest's serial port has written and nobody has read; nothing when nothing comes in time."""
        if not self.selector.select(timeout):
            return b""
        content = os.read(self.process.stdout.fileno(), 65536)
        if not content:
            raise GuestGone(f"the machine ended during: {doing}{self.complaint()}")
        if self.log:
            self.log.write(content)
            self.log.flush()
        return content

    def complaint(self):
        """What QEMU or the guest's kernel said last, for a message."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines() + self.last_words
        return f" ({lines[-1]})" if lines else ""

    def qmp(self, command, **arguments):
        if self.monitor is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(120)
            connection.connect(f"{self.folder}/qmp")
            self.monitor = connection.makefile("rw")
            self.monitor.readline()
            self.qmp("qmp_capabilities")
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            line = self.monitor.readline()
            if not line:
                raise GuestGone("QEMU closed its monitor")
            reply = json.loads(line)
            if "error" in reply:
                raise RuntimeError(reply["error"]["desc"])
            if "return" in reply:
                return reply["return"]

    def kill(self):
        """Ends QEMU as a crash would."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.selector.close()
        self.errors.close()
        self.process = None

    def close(self):
        self.kill()
        if self.log:
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Machine(Qemu):
    """One QEMU with Linux and the client in it."""

    def command(self):
        cache, options = cache_folder(), self.options
        words = ["console=ttyS0", "quiet", "loglevel=1", "panic=-1", "consoleblank=0",
                 "SWIFT_ROOT=/"]      # the client's runtime asks for it before /proc is there
        if not options.blink:
            words.append("vt.global_cursor_default=0")
        if options.force_legacy:
            words.append("virtio_pci.force_legacy=1")
        words += options.append
        return self.hardware() + [
            "-kernel", needed(os.path.join(cache, f"kernel-{options.kernel}", "boot", "vmlinuz-*")),
            "-initrd", needed(os.path.join(cache, f"initramfs-{options.kernel}")), "-append", " ".join(words)]

    def start(self):
        self.launch(self.command())
        self.number = 0
        self.answer(0, self.options.boot_timeout, "start")

    def answer(self, number, timeout, doing):
        deadline, pieces = time.monotonic() + timeout, []
        while True:
            line = self.line(deadline, doing)
            if not line.startswith(f"@{number} "):
                if line and not line.startswith("@"):
                    self.last_words = [line]
                continue
            kind, _, rest = line.partition(" ")[2].partition(" ")
            if kind == ".":
                pieces.append(rest)
            elif kind == "ok":
                return pieces
            else:
                raise GuestFailure(rest)

    def ask(self, *words, timeout=None):
        """Has the client do something; the pieces of its answer as text."""
        self.number += 1
        request = " ".join(str(word) for word in words)
        try:
            self.process.stdin.write(f"{self.number} {request}\n".encode())
            self.process.stdin.flush()
        except OSError:
            raise GuestGone(f"QEMU ended before: {request[:60]}{self.complaint()}") from None
        return self.answer(self.number, timeout or self.options.timeout, request[:60])

    def query(self, *words):
        """Pieces of the form KEY name=value ..., as pairs of the key and a dictionary."""
        result = []
        for piece in self.ask(*words):
            key, _, rest = piece.partition(" ")
            result.append((key, dict(word.split("=", 1) for word in rest.split(" ") if "=" in word)))
        return result

    def power_off(self):
        try:
            self.ask("poweroff", timeout=10)
            self.process.wait(10)
        except (GuestGone, GuestFailure, subprocess.TimeoutExpired):
            pass
        self.kill()
