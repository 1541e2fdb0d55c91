"""Processes of a benchmark: started here, looked at from outside, and ended, whatever happens."""

import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 120


class Failed(Exception):
    """A figure that could not be had, and why."""


class Bench:
    """A temporary folder, and the processes started for one figure. Both are gone when it is left."""

    def __init__(self, mqscope, sink, peers):
        self.mqscope, self.sink_program, self.peers = mqscope, sink, peers

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="load-"))
        self.started = []
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command, **settings):
        process = Process(command, self.folder / f"{len(self.started)}.log", **settings)
        self.started.append(process)
        return process

    def sink(self):
        sink = Sink([self.sink_program / "sink"], self.folder / f"{len(self.started)}.log")
        self.started.append(sink)
        return sink

    def mosquitto(self, listener=""):
        """A mosquitto and its port. It cannot be told to choose one: one that is free now may be gone a moment later."""
        config = self.folder / "mosquitto.conf"
        for _ in range(20):
            port = free_port()
            config.write_text(
                f"listener {port} 127.0.0.1\n{listener}\nallow_anonymous true\nlog_dest stderr\nset_tcp_nodelay true\n"
                "max_connections -1\nmax_queued_messages 0\nmax_inflight_messages 0\n"
            )
            path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
            broker = self.start([shutil.which("mosquitto", path=path) or "mosquitto", "-c", config])
            try:
                broker.wait_until_says(r" running")
                return broker, port
            except Failed:
                continue
        raise Failed(f"mosquitto found no port: {broker.said()}")

    def run(self, scenario, *options):
        """A run of mqscope's, under way."""
        file = self.folder / f"{len(self.started)}.yaml"
        file.write_text(scenario)
        self.out = self.folder / f"{len(self.started)}.out"
        return self.start([self.mqscope, "run", file, "--out", self.out, *options])


class Process:
    def __init__(self, command, log, stdin=subprocess.DEVNULL, stdout=None):
        self.log, self.name = log, pathlib.Path(command[0]).name
        with open(log, "wb") as file:
            try:
                self.child = subprocess.Popen(
                    [str(part) for part in command], stdin=stdin, stdout=stdout or file, stderr=file
                )
            except OSError as error:
                raise Failed(f"{command[0]}: {error.strerror}") from error

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def said(self):
        """The end of what it printed."""
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])

    def wait_until(self, holds, what):
        end = time.monotonic() + PATIENCE_S
        while not holds():
            if not self.is_running():
                raise Failed(f"{self.name} ended with {self.child.returncode} before {what}: {self.said()}")
            if time.monotonic() > end:
                raise Failed(f"{self.name}: not {what} within {PATIENCE_S} s: {self.said()}")
            time.sleep(0.02)

    def wait_until_says(self, pattern):
        self.wait_until(lambda: re.search(pattern, self.log.read_text(errors="replace")), f"`{pattern}`")

    def wait(self):
        self.child.wait()
        return self.child.returncode

    def end(self):
        if self.is_running():
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                pipe.close()

    def tree(self):
        """It and what it started that has its name: the shards of a run."""
        found = [self.pid]
        for pid in found:
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split() if name_of(child) == name_of(self.pid)]
        return found

    def cpu_us(self):
        """User and system time so far: the process's CPU-time clock (`clock_getcpuclockid`), in nanoseconds precise."""
        return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in self.tree()) / 1000

    def memory_kib(self):
        """Resident anonymous memory: what it allocated and touched, without files mapped and the kernel's sockets."""
        return sum(int(status(pid, "RssAnon")) for pid in self.tree())


class Sink(Process):
    """Our broker that only acknowledges."""

    def __init__(self, command, log):
        super().__init__(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address = self.child.stdout.readline().decode().strip()
        self.host, _, self.port = self.address.partition(":")

    def seen(self, counter):
        try:
            self.child.stdin.write(b"\n")
            self.child.stdin.flush()
            return json.loads(self.child.stdout.readline())[counter]
        except (OSError, ValueError) as error:
            raise Failed(f"the sink ended: {self.said()}") from error


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return None


def status(pid, key):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return re.search(rf"^{key}:\s*(\d+)", text, re.MULTILINE).group(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_descriptors():
    """As many as may be, for all that is started from here on."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
