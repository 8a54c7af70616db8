#!/usr/bin/env python3
"""Sits at a guest: see tools/guest/session, which starts this."""
import argparse, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import GuestFailure, GuestGone, NotBuilt
from person import Person, Wrong
from viewers import CannotSee
import firmware, outsiders, weston, xorg

SESSIONS = {"firmware": firmware.session, "weston": weston.session, "xorg": xorg.session,
            "viewers": outsiders.session}


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SESSIONS)
    for name in ("gpu", "keyboard", "tablet", "mouse", "control", "pictures"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--vnc", help="the server's socket for VNC viewers")
    parser.add_argument("--keep", action="store_true")
    # What the machine wants to know.
    parser.set_defaults(accelerator="tcg", device=[], log=None, boot_timeout=300, timeout=120, qemu_argument=[])
    found = parser.parse_args()
    found.log = os.path.join(found.pictures, "serial.log")
    return found


def main():
    chosen = options()
    person, begin = Person(chosen), time.monotonic()
    try:
        SESSIONS[chosen.name](person)
    except (Wrong, CannotSee, GuestFailure, GuestGone) as why:
        person.not_ok(why)
    except NotBuilt as why:
        print(f"session: {why}", file=sys.stderr)
        return 2
    finally:
        if chosen.keep and person.machine:
            print(f"info scanout type --control {chosen.control} TEXT; Enter ends the guest", flush=True)
            sys.stdin.readline()
        person.leave()
    print(f"info the session took {time.monotonic() - begin:.1f} s; the pictures are in {chosen.pictures}")
    print(f"{person.passed} passed, {person.failed} failed, 0 skipped", flush=True)
    return 1 if person.failed else 0


if __name__ == "__main__":
    sys.exit(main())
