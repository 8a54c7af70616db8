"""A page in headless Chromium, driven over the DevTools protocol's pipe."""
import base64, json, os, shutil, signal, subprocess, tempfile, time


class NoBrowser(Exception):
    """There is no Chromium, or it does not talk."""


class Page:
    """One browser with one page in it. The pipe carries JSON with a zero byte behind each message."""

    def __init__(self, width, height, *options):
        self.folder = tempfile.mkdtemp(prefix="scanout-browser.")
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        to_browser, self.writing = os.pipe()
        self.reading, from_browser = os.pipe()
        command = ["chromium", "--headless=new", "--remote-debugging-pipe", f"--window-size={width},{height}",
                   f"--user-data-dir={self.folder}/profile", "--no-first-run", "--disable-gpu", "--mute-audio",
                   *options, "about:blank"]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")       # its sandbox refuses to work for root

        def give_pipes():
            # Far from 3 and 4 first, for either may be in the way of the other.
            os.dup2(to_browser, 103)
            os.dup2(from_browser, 104)
            os.dup2(103, 3)
            os.dup2(104, 4)
        try:
            self.process = subprocess.Popen(command, preexec_fn=give_pipes, close_fds=False, stdin=subprocess.DEVNULL,
                                            stdout=self.log, stderr=self.log, start_new_session=True)
        except FileNotFoundError:
            raise NoBrowser("chromium is not installed") from None
        os.close(to_browser)
        os.close(from_browser)
        self.pending, self.number, self.session = b"", 0, None
        self.complaints = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise NoBrowser(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def message(self):
        while b"\0" not in self.pending:
            content = os.read(self.reading, 1 << 20)
            if not content:
                self.log.seek(0)
                raise NoBrowser("the browser ended: " + self.log.read().decode(errors="replace")[-300:])
            self.pending += content
        first, _, self.pending = self.pending.partition(b"\0")
        message = json.loads(first)
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.complaints.append(message["params"]["entry"]["text"] + " " + message["params"]["entry"].get("url", ""))
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(message["params"]["exceptionDetails"]["text"])
        return message

    def open(self, place):
        self.call("Page.navigate", url=place)

    def value(self, expression):
        """What a script comes to; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise NoBrowser(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait_for(self, expression, seconds):
        """Whether a script comes to something true within that time; one that fails does not yet, as between pages."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.value(f"(() => {{ try {{ return {expression} }} catch {{ return false }} }})()"):
                return True
            time.sleep(0.1)
        return False

    def type(self, text):
        """Presses and releases the keys of letters, digits, spaces and line ends."""
        for character in text:
            name, code = {" ": (" ", "Space"), "\n": ("Enter", "Enter")}.get(
                character, (character, ("Digit" if character.isdigit() else "Key") + character.upper()))
            key = {"key": name, "code": code, "windowsVirtualKeyCode": 13 if character == "\n" else ord(character.upper())}
            self.call("Input.dispatchKeyEvent", type="keyDown", **key)
            self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def click(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def picture(self):
        """The window as a PNG file's bytes."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)     # a session of its own: the browser and its helpers
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.writing)
        os.close(self.reading)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
