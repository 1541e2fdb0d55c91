"""What a finished run tells."""

import json


def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def counted(told, name, phase=None):
    """A counter, over all groups and over all phases or in one."""
    counters = told["results"]["counters"]
    return sum(of["count"] for of in counters if of["name"] == name and phase in (None, of["tags"].get("phase")))


def latency(told, name, phase):
    """A latency of the only group that has it in a phase."""
    [of] = [of for of in told["results"]["latencies"] if of["name"] == name and of["tags"].get("phase") == phase]
    return of["response"]
