"""What came of the cases, told line by line."""
from machine import GuestGone
from scenarios import FAILURES, SCENARIOS, Skip


class Results:
    def __init__(self, quiet):
        self.quiet, self.prefix = quiet, ""
        self.passed = self.failed = self.skipped = 0

    def say(self, text):
        if not self.quiet:
            print("info " + text, flush=True)

    def ok(self, name):
        self.passed += 1
        if not self.quiet:
            print("ok " + name, flush=True)

    def not_ok(self, name, why):
        self.failed += 1
        print(f"not ok {name}: {why}", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {name}: {why}", flush=True)

    def run(self, name, function, *arguments):
        """Runs one case of the scenario that `prefix` names; a guest that is gone ends the scenario."""
        name = f"{self.prefix}.{name}"
        try:
            function(*arguments)
        except Skip as why:
            self.skip(name, why)
        except FAILURES as why:
            self.not_ok(name, why)
        except GuestGone as why:
            self.not_ok(name, why)
            raise
        else:
            self.ok(name)


def run_scenario(name, scene, results):
    """True when the guest is as good as before it."""
    results.prefix = name
    try:
        SCENARIOS[name](scene)
        results.run("kernel-log-clean", scene.kernel_log_is_clean)
        return True
    except Skip as why:
        results.skip(name, why)
        return True
    except GuestGone as why:
        results.say(f"{name}: {why}; the guest is started again")
    except (*FAILURES, ValueError) as why:
        results.not_ok(name, why)
    return False
