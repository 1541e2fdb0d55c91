"""How peers are asked for what mqscope does, and what they took where they were measured before.

A command is a function of the sink's host and port. What is not here, the peer cannot do, or never did best.
"""

import os
import shutil
import subprocess

from figures.processes import Failed

PAYLOAD = "." * 64
ENDLESS = "100000000"


def mqttwrk(clients, *more):
    return lambda host, port: ["mqttwrk", "bench", "-S", host, "-P", port, "-p", clients, "-k", "300", "-t", "60", *more]


def mqttwrk_publishing(clients, qos, *more):
    return mqttwrk(clients, "-n", ENDLESS, "-m", "64", "--publish-qos", qos, *more)


def mqtt_benchmark(clients, qos):
    # It takes names only, no addresses.
    return lambda _, port: [
        "mqtt-benchmark", "-b", f"localhost:{port}", "-q", qos, "-P", PAYLOAD, "-s", ENDLESS, "-C", clients,
    ]  # fmt: skip


def mosquitto_pub(qos):
    """One client, the lines of an endless standard input."""
    return lambda host, port: ["mosquitto_pub", "-h", host, "-p", port, "-t", "t", "-q", qos, "-l"]


def mosquitto_sub(host, port):
    return ["mosquitto_sub", "-h", host, "-p", port, "-t", "floor"]


def floor(*arguments):
    """No peer: what sockets alone take."""
    return lambda host, port: ["floor", f"{host}:{port}", *arguments]


# By figure: (name, command).
COMMANDS = {
    "idle": lambda clients: [("mqttwrk", mqttwrk(clients, "-n", "0"))],
    "flood-0": [
        ("floor, one a write", floor("flood", "4", "0", "100", "1")),
        ("floor, ten a write", floor("flood", "4", "0", "100", "10")),
        ("mqttwrk", mqttwrk_publishing("100", "0")),
        ("mqtt-benchmark", mqtt_benchmark("100", "0")),
        ("mosquitto_pub", mosquitto_pub("0")),
    ],
    "flood-1": [
        ("floor, one a write", floor("flood", "4", "1", "100", "1")),
        ("floor, ten a write", floor("flood", "4", "1", "100", "10")),
        ("mqttwrk", mqttwrk_publishing("100", "1")),
        ("mqtt-benchmark", mqtt_benchmark("100", "1")),
        ("mosquitto_pub", mosquitto_pub("1")),
    ],
    "receive": [("mosquitto_sub", mosquitto_sub)],
    "paced": [
        ("floor, a wake-up each", floor("paced", "1000", "1000")),
        ("floor, read once in 10 ms", floor("patient", "1000", "1000")),
        ("mqttwrk", mqttwrk_publishing("1000", "1", "-r", "1")),
    ],
    "paced-fast": [
        ("floor, read once in 10 ms", floor("patient", "5000", "20000")),
        ("mqttwrk", mqttwrk_publishing("5000", "1", "-r", "4")),
    ],
}

# The best of the peers where all of them were measured, on a machine of this kind: (figure, peer). Those that no
# registry has as a program to install are only here.
RECORDED = {
    "memory": (10.3, "rmqtt-bench 0.1.5"),
    "connects": (57, "rmqtt-bench 0.1.5"),
    "flood-0": (1.15, "mqtt-benchmark 0.2.4"),
    "flood-1": (2.04, "mqttwrk 0.2"),
    "receive": (0.55, "mqttv5 bench"),
    "paced": (29, "rmqtt-bench 0.1.5"),
}


def find(bench, program):
    """Where a program is: beside the sink, among the peers that `tests/bench/peers` installed, or in the system."""
    path = os.pathsep.join([str(bench.sink_program), str(bench.peers / "bin"), os.environ.get("PATH", "")])
    return shutil.which(program, path=path)


def start(bench, command, sink):
    """A peer, under way; `None` if it is not installed."""
    program, *arguments = command(sink.host, sink.port)
    path = find(bench, program)
    if not path:
        return None
    lines = subprocess.PIPE if program == "floor" else subprocess.DEVNULL
    if program == "mosquitto_pub":
        lines = bench.start(["yes", PAYLOAD], stdout=subprocess.PIPE).child.stdout
    # It prints what it receives.
    printed = subprocess.DEVNULL if program == "mosquitto_sub" else None
    peer = bench.start([path, *arguments], stdin=lines, stdout=printed)
    if peer.child.poll() is not None:
        raise Failed(f"{peer.name}: {peer.said()}")
    return peer
