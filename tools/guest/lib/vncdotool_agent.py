#!/usr/bin/env python3
"""Has vncdotool's client do what it is told: a line is a JSON array of a method's name and its arguments.

Run by the session of viewers with the Python that has vncdotool; the answer to each line is "ok" or the error.
"""
import json, sys
from vncdotool import api
from vncdotool.client import KEYMAP

# X11's keysyms that it has no names for.
KEYMAP.update(kpasterisk=0xFFAA, kpplus=0xFFAB, kpminus=0xFFAD, kpdot=0xFFAE, kpslash=0xFFAF, level3=0xFE03,
              grave=0xFE50, acute=0xFE51, circumflex=0xFE52, tilde=0xFE53, diaeresis=0xFE57)

with api.connect(sys.argv[1], timeout=120) as client:
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        try:
            getattr(client, method)(*arguments)
            print("ok", flush=True)
        except Exception as error:      # whatever it is, the other side says it
            print(f"{method}: {error or type(error).__name__}", flush=True)
api.shutdown()
