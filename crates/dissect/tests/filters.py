#!/usr/bin/env python3
"""Writes filters.txt anew: what Wireshark's engine (sharkd) says about each of its filters."""
import json
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
captures = here / "../../../captures"
golden = here / "filters.txt"


def ask(capture, filters):
    """The numbers of the matching frames, one list a filter."""
    calls = [("load", {"file": str((captures / capture).resolve())})]
    calls += [("frames", {"filter": f"({text}) and mqtt"}) for text in filters]
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": i, "method": method, "params": params})
        for i, (method, params) in enumerate(calls, 1)
    ]
    done = subprocess.run(
        ["sharkd", "-"],
        input="\n".join(lines) + "\n",
        env=dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
    )
    replies = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(replies) != len(calls):
        sys.exit(f"{capture}: {len(replies)} replies to {len(calls)} calls\n{done.stderr}")
    for (_, params), reply in zip(calls, replies):
        if "error" in reply:
            sys.exit(f"{capture}: {params}: {reply['error']['message']}")
    return [",".join(str(frame["num"]) for frame in reply["result"]) for reply in replies[1:]]


lines = golden.read_text().splitlines()
comments = [line for line in lines if line.startswith("#")]
names, *rest = [line for line in lines if not line.startswith("#")]
filters = [line for line in rest if line.strip() and not line.startswith("  ")]
answers = [ask(name, filters) for name in names.split("\t")]
out = comments + [names]
for text, *found in zip(filters, *answers):
    out += [text] + ["  " + (frames or "none") for frames in found]
golden.write_text("\n".join(out) + "\n")
