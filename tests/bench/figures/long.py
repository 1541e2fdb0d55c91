"""18,000 devices from one process for ten minutes, a message a second each at QoS 1, against mosquitto."""

import sys
import time

from figures import scenarios
from figures.processes import Failed
from figures.summary import counted, latency, summary

DEVICES = 18_000
MINUTES = 10
# More than the memory of the second minute may grow by: histograms come to hold rarer values.
MOST_GROWTH_KIB = 1024


def long_run(bench):
    with bench:
        _, port = bench.mosquitto()
        run = bench.run(scenarios.fleet([f"mqtt://127.0.0.1:{port}"], DEVICES, f"{MINUTES}m"))
        try:
            run.wait_until_says(rf" steady +{DEVICES + 1}/{DEVICES + 1} connected")
            samples = watch(run)
            code = run.wait()
            told = summary(bench.out)
        except (Failed, OSError) as failure:
            print(f"load: {failure}", file=sys.stderr)
            return 5
    print(f"{DEVICES:,} devices in one process, {MINUTES} minutes at a message a second each, QoS 1, mosquitto:\n")
    print("| minute | memory (RssAnon), MiB | µs CPU a message and its delivery |")
    print("|---:|---:|---:|")
    for minute, (kib, cpu_us) in enumerate(samples, 1):
        print(f"| {minute} | {kib / 1024:.2f} | {cpu_us / (60 * DEVICES):.1f} |")
    sent, acknowledged = counted(told, "publish_rate"), latency(told, "puback_latency", "steady")["count"]
    lost, delivered = counted(told, "delivery_lost"), counted(told, "deliveries")
    growth = samples[-1][0] - samples[0][0]
    print(f"\n{sent:,} sent, {acknowledged:,} acknowledged, {delivered:,} delivered, {lost:,} lost; "
          f"memory {growth:+,} KiB from the first minute to the last; exit code {code}")  # fmt: skip
    flat = growth <= MOST_GROWTH_KIB
    return 0 if flat and code == 0 and lost == 0 and sent == acknowledged else 1


def watch(run):
    """Memory at the end of each minute but the last, which ends with the run, and CPU spent in it."""
    samples, begin = [], time.monotonic()
    spent = run.cpu_us()
    for minute in range(1, MINUTES + 1):
        # The last sample while the run is sure to be there.
        end = begin + 60 * minute - (5 if minute == MINUTES else 0)
        while time.monotonic() < end:
            if not run.is_running():
                raise Failed(f"the run ended early: {run.said()}")
            time.sleep(0.2)
        now = run.cpu_us()
        samples.append((run.memory_kib(), now - spent))
        spent = now
    return samples
