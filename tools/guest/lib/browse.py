#!/usr/bin/env python3
"""Looks at a Linux guest and operates it in a real browser.

  browse.py --page URL --control SOCKET --server PID [--png FILE] --vfio-user SOCKET...

The sockets are those of a GPU, a keyboard and whatever else. Prints a line for each case and at the end
"N passed, N failed, 0 skipped".
"""
import argparse, base64, functools, http.server, os, subprocess, sys, threading, time
from chromium import NoBrowser, Page
from machine import GuestFailure, GuestGone, Machine, NotBuilt
from picture import Picture
from viewers import CannotSee, ScanoutViewer

# What noVNC draws on; the cursor is a style of it and not in it.
CANVAS = "document.querySelector('#noVNC_container canvas')"
PIXELS = """(() => {
  const canvas = %s;
  const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let text = '';
  for (let at = 0; at < bytes.length; at += 32768)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 32768));
  return canvas.width + ' ' + canvas.height + ' ' + btoa(text);
})()""" % CANVAS
# The text of a page that the browser refuses to read, and how a web socket ends.
SOCKET = """new Promise(done => {
  const socket = new WebSocket(%r);
  socket.onopen = () => done('open');
  socket.onclose = () => done('closed');
})"""
WELCOME = "\x1b[2J\x1b[H\x1b[1;32mLinux\x1b[0m on a virtio GPU, seen and operated in a browser\r\n\r\n$ "
TYPED = "type something here"


class Wrong(Exception):
    """The case failed; why."""


class Run:
    def __init__(self, options, machine, viewer, page):
        self.options, self.machine, self.viewer, self.page = options, machine, viewer, page
        self.passed = self.failed = 0

    def case(self, name, function):
        try:
            function()
            self.passed += 1
            print(f"ok browser.{name}", flush=True)
        except (Wrong, NoBrowser, CannotSee, GuestFailure) as why:
            self.failed += 1
            print(f"not ok browser.{name}: {why}", flush=True)

    def seen(self):
        """The picture in the page."""
        width, height, text = self.page.value(PIXELS).split(" ")
        bytes_ = base64.b64decode(text)
        data = bytearray(len(bytes_) // 4 * 3)
        for channel in range(3):
            data[channel::3] = bytes_[channel::4]
        return Picture(int(width), int(height), data)

    def sees_the_screen(self):
        """The page's picture becomes that of the screen, to the last pixel: text is sent without loss."""
        end = time.monotonic() + 60
        while True:
            difference = self.seen().difference(self.viewer.picture(0))
            if difference is None:
                return
            if time.monotonic() > end:
                raise Wrong(difference)
            time.sleep(0.2)

    # The cases, in their order.

    def opens(self):
        self.page.open(self.options.page)
        if not self.page.wait_for("document.documentElement.classList.contains('noVNC_connected')", 120):
            raise Wrong("it is not connected; " + "; ".join(self.page.complaints))
        # noVNC looks for its version there, which Debian's package leaves out.
        complaints = [text for text in self.page.complaints if "package.json" not in text]
        if complaints:
            raise Wrong("; ".join(complaints))

    def shows(self):
        self.machine.ask("print", WELCOME.encode().hex())
        self.sees_the_screen()

    def types(self):
        self.page.value(CANVAS + ".focus()")
        self.page.type(TYPED + "\n")
        end = time.monotonic() + 60
        while True:
            lines = [piece.partition(" ")[2].rstrip() for piece in self.machine.ask("text")]
            if "$ " + TYPED in lines:
                break
            if time.monotonic() > end:
                raise Wrong(f"the guest's console reads {[line for line in lines if line]}")
            time.sleep(0.2)
        self.machine.ask("print", b"$ ".hex())
        self.sees_the_screen()
        if self.options.png:
            with open(self.options.png, "wb") as file:
                file.write(self.page.picture())

    def sleeps(self):
        wakeups = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wakeups.py")
        process = subprocess.run([wakeups, str(self.options.server), "10", "0"], stdout=subprocess.PIPE)
        if process.returncode:
            raise Wrong(process.stdout.decode().strip())

    def keeps_strangers_out(self):
        """A page of another server in the same browser gets no web socket."""
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass
        stranger = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=self.machine.folder))
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        socket = self.options.page.replace("http", "ws", 1) + "output/0"
        try:
            if self.page.value(SOCKET % socket) != "open":
                raise Wrong("even its own page gets none")
            self.page.open(f"http://127.0.0.1:{stranger.server_address[1]}/")
            if not self.page.wait_for(f"location.port == {stranger.server_address[1]}", 60):
                raise Wrong("the other page does not open")
            if self.page.value(SOCKET % socket) != "closed":
                raise Wrong("it got one")
        finally:
            stranger.shutdown()

    def refuses_names(self):
        """A name that somebody points at this host leads to nothing, though the browser takes it for the same place."""
        self.page.open(self.options.page.replace("127.0.0.1", "stranger.example"))
        if not self.page.wait_for("location.hostname == 'stranger.example' && !!document.body", 60):
            raise Wrong("the browser does not go there")
        text = self.page.value("document.body.innerText")
        if not text.startswith("403"):
            raise Wrong(f"the page says: {text[:60]}")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("page", "control", "server"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--vfio-user", action="append", required=True)
    parser.add_argument("--png")
    parser.add_argument("--kernel", default="bookworm")
    # What Machine asks for besides.
    parser.set_defaults(device=[], accelerator="tcg", memory=512, qemu_argument=[], append=[], blink=False,
                        force_legacy=False, timeout=120, boot_timeout=300, log=None)
    return parser.parse_args()


def main():
    chosen = options()
    machine = page = None
    try:
        machine = Machine(chosen)
        machine.start()
        page = Page(1360, 880, "--host-resolver-rules=MAP stranger.example 127.0.0.1")
        run = Run(chosen, machine, ScanoutViewer(chosen.control, machine.folder), page)
        for name, function in (("opens", run.opens), ("shows", run.shows), ("types", run.types), ("sleeps", run.sleeps),
                               ("strangers", run.keeps_strangers_out), ("names", run.refuses_names)):
            run.case(name, function)
    except (GuestGone, NotBuilt, NoBrowser) as why:
        print(f"browser: {why}", file=sys.stderr)
        return 2
    finally:
        if page:
            page.close()
        if machine:
            machine.close()
    print(f"{run.passed} passed, {run.failed} failed, 0 skipped", flush=True)
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
