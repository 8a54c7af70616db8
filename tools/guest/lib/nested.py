"""A host inside a virtual machine: Linux with /dev/kvm by the virtualization (SVM) of a processor that QEMU emulates.

Programs run in it like processes of this machine, with the machine's serial port as their standard input and output, so
that guests of scanout-vmm are talked to like guests of QEMU.
"""
import argparse, base64, os, re, shlex, shutil, socket, subprocess, time, zlib
from initramfs import Archive, ordered_modules
from machine import GuestGone, Machine, NotBuilt, Qemu, cache_folder, needed
from picture import Picture
from viewers import CannotSee, ScanoutViewer, decoded_png, scanout_command, vmm_command

RELEASE = "trixie"      # whose kernel both the host and its guest run
# Memory holds the host's files, too.
HARDWARE = argparse.Namespace(accelerator="tcg", memory=2048, vfio_user=[], device=[], qemu_argument=[])
BOOT, COMMAND = 300, 120        # seconds that it may take


class HostFailure(Exception):
    """A program in the host ended with a status; what it complained of."""


class Host(Qemu):
    """The machine with /dev/kvm; `files` are put into it by their names there. LOG takes what its guests write."""

    def __init__(self, files, log=None):
        super().__init__(argparse.Namespace(log=log, **vars(HARDWARE)))
        self.files, self.number, self.connection = files, 0, None

    def command(self):
        cache = cache_folder()
        kernel = os.path.join(cache, f"kernel-{RELEASE}")
        initramfs = os.path.join(self.folder, "initramfs")
        with open(initramfs, "wb") as file:
            file.write(self.initramfs(kernel))
        # Processors beside the guest's work on its devices. Two are what test machines have.
        return self.hardware() + [
            "-smp", "2", "-kernel", needed(os.path.join(kernel, "boot", "vmlinuz-*")), "-initrd", initramfs,
            "-append", "console=ttyS1 loglevel=4 panic=-1", "-serial", f"file:{self.folder}/console",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=shell,path={self.folder}/shell,server=on,wait=off",
            "-device", "virtserialport,chardev=shell"]

    def initramfs(self, kernel):
        here = os.path.dirname(os.path.abspath(__file__))
        programs = {"bin/scanout-vmm": vmm_command(), "bin/scanout": scanout_command()}
        files = {"init": os.path.join(here, "..", "host", "first"), "bin/busybox": shutil.which("busybox"),
                 **programs, **libraries(programs.values()), **self.files}
        archive = Archive()
        for name in ("dev", "proc", "sys"):
            archive.add_folder(name)
        for name, path in files.items():
            with open(path, "rb") as file:
                archive.add_program(name, file.read())
        for name, data in ordered_modules(kernel, ["virtio_pci", "virtio_console", "kvm_amd"]):
            archive.add_program("modules/" + name, data)
        return archive.finish()

    def start(self):
        """Returns when it takes commands."""
        self.launch(self.command())
        end = time.monotonic() + BOOT
        while self.connection is None:
            try:
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(f"{self.folder}/shell")
                self.connection, self.answers = connection, connection.makefile("rb")
            except OSError:
                connection.close()
                if self.process.poll() is not None or time.monotonic() > end:
                    raise GuestGone(f"QEMU did not start{self.complaint()}") from None
                time.sleep(0.05)
        self.answer(BOOT, "start")

    def answer(self, timeout, doing):
        """The status, the output and the complaints of the command that has the present number."""
        self.connection.settimeout(timeout)
        try:
            line = self.answers.readline().decode()
        except OSError:
            line = ""
        number, _, rest = line.partition(" ")
        if not line.endswith("\n") or number != str(self.number):
            raise GuestGone(f"the host does not answer to: {doing}{self.complaint()}")
        status, *pieces = rest.rstrip("\n").split(" ")
        output, complaint = (base64.b64decode(piece) for piece in (pieces + ["", ""])[:2])
        return int(status), output and zlib.decompress(output, 31), complaint.decode(errors="replace").strip()

    def run(self, command, timeout=COMMAND):
        """Runs a command of the shell in it; what that writes."""
        self.number += 1
        try:
            self.connection.sendall(f"{self.number} {command}\n".encode())
        except OSError:
            raise GuestGone(f"QEMU ended before: {command}{self.complaint()}") from None
        status, output, complaint = self.answer(timeout, command)
        if status:
            raise HostFailure(f"{command}: {complaint or f'exit {status}'}")
        return output

    def complaint(self):
        """What QEMU or the host's kernel said last."""
        try:
            with open(f"{self.folder}/console", errors="replace") as file:
                lines = file.read().strip().splitlines()
            # Much is written after a panic.
            self.last_words = ([line for line in lines if "panic" in line] or lines)[-1:]
        except OSError:
            pass
        return super().complaint()

    def kill(self):
        if self.connection:
            self.answers.close()
            self.connection.close()
            self.connection = None
        super().kill()


def libraries(programs):
    """What these programs are linked with, by the names they look under."""
    said = subprocess.run(["ldd", *programs], check=True, stdout=subprocess.PIPE, text=True).stdout
    if "not found" in said:
        raise NotBuilt("programs for the host lack libraries: " + said)
    paths = set(re.findall(r"(/\S+) \(0x", said))
    return {path.lstrip("/"): path for path in sorted(paths)}


class Inside:
    """A program in the host, as `subprocess.Popen` has those of this machine."""

    def __init__(self, host, command):
        self.host, self.stdin, self.stdout = host, host.process.stdin, host.process.stdout
        words = shlex.join([os.path.basename(command[0]), *command[1:]])
        host.run(f"rm -f /tmp/status; (sh -c 'echo $$ >/tmp/process; exec \"$@\"' sh {words} "
                 "<&3 >&3 2>/tmp/errors; echo $? >/tmp/status.new; mv /tmp/status.new /tmp/status) &")

    def poll(self):
        text = self.host.run("cat /tmp/status 2>/dev/null; true")
        return int(text) if text else None

    def wait(self, timeout=60):
        """Its exit status."""
        try:
            return int(self.host.run("until [ -s /tmp/status ]; do usleep 50000; done; cat /tmp/status", timeout))
        except GuestGone:
            raise subprocess.TimeoutExpired("scanout-vmm", timeout) from None

    def signal(self, name):
        self.host.run(f"kill -{name} $(cat /tmp/process)")

    def errors(self):
        return self.host.run("cat /tmp/errors").decode(errors="replace").strip()


class InsideHost:
    """Before `Qemu` in a machine's ancestors: that machine runs in a host."""

    def launch(self, command):
        self.selector, self.pending, self.last_words = self.host.selector, b"", []
        while self.selector.select(0):      # what one before it had to say
            self.host.receive(0, "start")
        self.host.run(f"mkdir -p {self.folder}")
        self.process = Inside(self.host, command)

    def receive(self, timeout, doing):
        end = time.monotonic() + timeout
        while not self.selector.select(max(0, min(2, end - time.monotonic()))):
            if self.process.poll() is not None:
                raise GuestGone(f"the machine ended during: {doing}{self.complaint()}")
            if time.monotonic() >= end:
                return b""
        return super().receive(0, doing)

    def complaint(self):
        lines = self.process.errors().splitlines() + self.last_words
        return f" ({lines[-1]})" if lines else ""

    def kill(self):
        if self.process is None:
            return
        try:
            if self.process.poll() is None:
                self.process.signal("KILL")
                self.process.wait()
        except (GuestGone, HostFailure):
            pass        # the host has gone, and all in it
        self.process = None


class InsideViewer(ScanoutViewer):
    """Looks through the control socket of a program in a host, by the command `scanout` there."""

    def __init__(self, host, control):
        super().__init__(control, "/tmp")
        self.host, self.also = host, (("png", self.png_picture),)

    def run(self, *words):
        try:
            return self.host.run(shlex.join(["scanout", *words]), 60)
        except HostFailure as why:
            raise CannotSee(str(why)) from None

    def picture(self, output, cursor=False):
        self.run("screenshot", "--control", self.control, "--scanout", str(output),
                 *([] if cursor else ["--no-cursor"]), "/tmp/picture.ppm")
        return Picture.from_ppm(self.host.run("cat /tmp/picture.ppm"))

    def png(self, output, *words):
        self.run("screenshot", "--control", self.control, "--scanout", str(output), *words, "/tmp/picture.png")
        return self.host.run("cat /tmp/picture.png")

    def save_png(self, output, path):
        with open(path, "wb") as file:
            file.write(self.png(output))

    def png_picture(self):
        return decoded_png(self.png(0, "--no-cursor"))


class NestedLinux(InsideHost, Machine):
    """Linux and the client in a scanout-vmm of a host."""
    # Its own messages go to its screen alone: on the serial port each character costs an exit.
    WORDS = ["console=tty0", "loglevel=7", "panic=-1", "consoleblank=0", "vt.global_cursor_default=0", "SWIFT_ROOT=/"]

    def __init__(self, options, host):
        super().__init__(options)
        self.host, self.control = host, os.path.join(self.folder, "control")

    @staticmethod
    def files():
        """What the host has to have for it."""
        cache = cache_folder()
        return {"guest/kernel": needed(os.path.join(cache, f"kernel-{RELEASE}", "boot", "vmlinuz-*")),
                "guest/initrd": needed(os.path.join(cache, f"initramfs-{RELEASE}"))}

    def command(self):
        return ["scanout-vmm", "--kernel", "/guest/kernel", "--initrd", "/guest/initrd", "--memory", "512",
                "--append", " ".join(self.WORDS + self.options.append), "--output", "%dx%d" % self.options.size,
                "--control", self.control, "--screenshot-at-end", self.folder + "/end.png"]
