#!/usr/bin/env python3
"""Counts how often a process wakes up: the times that one of its threads slept and was woken.

  wakeups.py PID SECONDS AT-MOST

Waits a second first, counts for SECONDS, and exits with 1 when it was more than AT-MOST. On a loaded machine what came
before may take longer than that second, so it may count three times.
"""
import os, sys, time


def switches(process):
    """How often each thread has gone to sleep of itself, each time to be woken, by thread; a new one counts from 0.

    Being put aside for another process is no sleep: that would count the load of the machine.
    """
    counts = {}
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/status") as file:
            counts[thread] = sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
    return counts


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    process, seconds, most = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    time.sleep(1)
    for _ in range(3):
        before = switches(process)
        time.sleep(seconds)
        after = switches(process)
        count = sum(now - before.get(thread, 0) for thread, now in after.items())
        print(f"{count} wake-ups in {seconds:g} s, at most {most} allowed", flush=True)
        if count <= most:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
