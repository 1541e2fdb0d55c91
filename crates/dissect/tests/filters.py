#!/usr/bin/env python3
"""Writes filters.txt anew: what tshark says about each of its filters.

Frames that complete several packets are left out, for there tshark answers for all of them together.
"""
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).parent
captures = here / "../../../captures"
golden = here / "filters.txt"
env = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8")


def frames(capture, text):
    only = f"({text}) and count(mqtt.hdrflags) == 1"
    command = ["tshark", "-n", "-r", captures / capture, "-Y", only, "-T", "fields", "-e", "frame.number"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{text}\n{done.stderr}")
    return ",".join(done.stdout.split())


lines = golden.read_text().splitlines()
comments = [line for line in lines if line.startswith("#")]
names, *rest = [line for line in lines if not line.startswith("#")]
filters = [line for line in rest if line.strip() and not line.startswith("  ")]
out = comments + [names]
for text in filters:
    out.append(text)
    for name in names.split("\t"):
        out.append("  " + frames(name, text))
golden.write_text("\n".join(out) + "\n")
