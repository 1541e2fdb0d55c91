"""The table: ours, the bar, the best peer of this run and of the record, the floor."""

import os
import pathlib
import platform
import re
import subprocess
from dataclasses import dataclass, field


@dataclass
class Row:
    what: str
    unit: str
    ours: float
    bar: float
    best: tuple = None
    recorded: tuple = None
    floors: list = field(default_factory=list)
    rate: float = None
    digits: int = 2

    def missed(self):
        """Not within its bar, or, where a peer was measured beside it, not better than that."""
        return self.ours > self.bar or (self.best is not None and self.ours >= self.best[0])


def markdown(rows, judged):
    out = ["| figure | unit | mqscope | bar | best peer here | best peer recorded | bare sockets here | |",
           "|---|---|---:|---:|---|---|---|---|"]  # fmt: skip
    for row in rows:
        ours = f"{row.ours:,.{row.digits}f}" + (f" ({rate(row.rate)})" if row.rate else "")
        floors = ", ".join(f"{figure:.2f} {name.removeprefix('floor, ')}" for figure, name in row.floors) or "–"
        verdict = ("missed" if row.missed() else "met") if judged else "–"
        out.append(
            f"| {row.what} | {row.unit} | {ours} | {row.bar:g} | {peer(row.best)} | {peer(row.recorded)} | {floors} "
            f"| {verdict} |"
        )
    return "\n".join(out)


def peer(of):
    return f"{of[0]:.2f} {of[1]}" if of else "–"


def rate(per_second):
    return f"{per_second / 1e6:.2f}M/s" if per_second >= 1e6 else f"{per_second / 1e3:,.0f}k/s"


def verdicts(rows):
    """How many missed."""
    missed = [row.what for row in rows if row.missed()]
    print(f"{len(rows) - len(missed)} of {len(rows)} met" + "".join(f"\nmissed: {what}" for what in missed))
    return len(missed)


def machine(mqscope):
    """What the figures are of."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)", cpuinfo, re.MULTILINE)
    version = subprocess.run([mqscope, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    load = "/".join(f"{of:.1f}" for of in os.getloadavg())
    model = model.group(1) if model else platform.machine()
    return f"{version}, {os.cpu_count()} cores of {model}, Linux {platform.release().split('-')[0]}, load {load} before\n"
