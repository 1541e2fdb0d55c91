"""Stands between two networks, in place of what a kernel may lack: `relay.py lossy SEED` or `relay.py tagged TAG…`.

Makes the devices `near` and `far` and passes on what each is sent: `lossy` ones of IP packets, some of which are dropped, sent
twice, or sent after those behind them, as SEED has it; `tagged` ones of Ethernet frames, and a copy of each with these VLAN tags
goes to `trunk`, as to a switch's mirror port. Says `ready`, and goes on until it is killed.
"""
import fcntl
import os
import random
import select
import struct
import sys

TUNSETIFF, TUN, TAP, NO_INFORMATION = 0x400454CA, 1, 2, 0x1000
DROP, TWICE, LATE = 0.05, 0.03, 0.06
LATEST = 0.02  # seconds that a late packet waits for one to overtake it


def device(name, kind):
    opened = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH", name.encode(), kind | NO_INFORMATION))
    return opened


def tag(frame, tags):
    """The outermost of several is a service tag (802.1ad)."""
    headers = b"".join(
        struct.pack("!HH", 0x88A8 if number + 1 < len(tags) else 0x8100, tag) for number, tag in enumerate(tags)
    )
    return frame[:12] + headers + frame[12:]


def lossy(near, far, chance):
    across, late = {near: far, far: near}, {near: None, far: None}
    while True:
        ready, _, _ = select.select([near, far], [], [], LATEST)
        for side in [side for side in late if late[side] and not ready]:
            os.write(across[side], late[side])
            late[side] = None
        for side in ready:
            packet, drawn = os.read(side, 65536), chance[side].random()
            if drawn < DROP:
                continue
            if drawn < DROP + LATE and not late[side]:
                late[side] = packet
                continue
            for _ in range(2 if drawn > 1 - TWICE else 1):
                os.write(across[side], packet)
            if late[side]:
                os.write(across[side], late[side])
                late[side] = None


def tagged(near, far, trunk, tags):
    across = {near: far, far: near}
    while True:
        ready, _, _ = select.select([near, far, trunk], [], [])
        for side in ready:
            frame = os.read(side, 65536)
            if side == trunk:
                continue
            os.write(trunk, tag(frame, tags))
            os.write(across[side], frame)


if __name__ == "__main__":
    how, *numbers = sys.argv[1], *map(int, sys.argv[2:])
    kind = TUN if how == "lossy" else TAP
    near, far = device("near", kind), device("far", kind)
    trunk = device("trunk", TAP) if how == "tagged" else None
    print("ready", flush=True)
    if how == "lossy":
        # A generator for each direction: what goes one way does not depend on how the other is timed.
        lossy(near, far, {near: random.Random(numbers[0]), far: random.Random(numbers[0] + 1)})
    tagged(near, far, trunk, numbers)
