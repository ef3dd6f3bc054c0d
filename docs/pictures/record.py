"""Records the trace that docs/analysis.md works on: 30 s in which it is known what the devices were made to do.

Three lines get about 50 events a second, each by another law:

- the random number generator's: clockwork, 64 bytes of /dev/hwrng every 20 ms;
- the disk's: by chance (Poisson), reads of 4 KiB that pass by the page cache; 40 % more of them after the mark;
- NET_RX: bursts of 10 datagrams over loopback, which come by chance.

At 12 s the generator's interrupt is moved to CPU 1, which a mark names. At 24 s all three end; at 26 s and at 28 s the
disk is read for 0.3 s as fast as it can. All of this runs on CPU 1, as the sampler does. It takes root, two CPUs and a
virtio-rng. Nothing leaves the machine, and the interrupt goes back to where it was.
"""

import argparse
import mmap
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl

import irqtrace

CPU = 1
MOVE_S, QUIET_S, END_S = 12.0, 24.0, 30.0
COPIES_S, COPY_S = (26.0, 28.0), 0.3
MEAN_S = 0.02
MORE = 1.4
DATAGRAMS = 10
BLOCK, BLOCKS = 4096, 4096

Act = Callable[[], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="the trace file to write")
    path: Path = parser.parse_args().path
    if path.exists():
        parser.error(f"{path} exists already")
    # What is moved is put back then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rng = rng_line()
    os.sched_setaffinity(0, {CPU})
    with ExitStack() as stack:
        read = stack.enter_context(rng_read())
        acts: dict[str, Act] = {
            "rng": read,
            "disk": stack.enter_context(disk_read()),
            "net": stack.enter_context(datagrams()),
            "move": stack.enter_context(movable(number_of(rng), read)),
            "end": lambda: None,
        }
        sampler = stack.enter_context(irqtrace.Sampler(pin=CPU))
        begin = time.monotonic()
        for at_s, what in plan():
            time.sleep(max(begin + at_s - time.monotonic(), 0))
            if what == "move":
                sampler.mark(f"moved {rng} to CPU {CPU}")
            acts["disk" if what == "copy" else what]()
            while what == "copy" and time.monotonic() < begin + at_s + COPY_S:
                acts["disk"]()
    sampler.trace().write(path)
    return 0


def plan() -> list[tuple[float, str]]:
    """What happens when, in seconds from the begin."""
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret

    def by_chance(begin_s: float, end_s: float, mean_s: float) -> Iterator[float]:
        at_s = begin_s
        while (at_s := at_s + chance.expovariate(1 / mean_s)) < end_s:
            yield at_s

    reads = [*by_chance(0, MOVE_S, MEAN_S), *by_chance(MOVE_S, QUIET_S, MEAN_S / MORE)]
    when = {
        "rng": [tick * MEAN_S for tick in range(round(QUIET_S / MEAN_S))],
        "disk": reads,
        "net": by_chance(0, QUIET_S, MEAN_S * DATAGRAMS),
        "move": [MOVE_S],
        "copy": COPIES_S,
        "end": [END_S],
    }
    return sorted((at_s, what) for what, times in when.items() for at_s in times)


@contextmanager
def rng_read() -> Iterator[Act]:
    """Reads what the device gives for one interrupt."""
    with Path("/dev/hwrng").open("rb", buffering=0) as device:
        yield lambda: device.read(64)


@contextmanager
def disk_read() -> Iterator[Act]:
    """Reads a block of the disk, here or there."""
    chance = random.Random(8)  # noqa: S311 - repeatable, not secret
    # Not in /tmp, which may be memory. What is read past the page cache goes to whole pages, such as those of a map.
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as file, mmap.mmap(-1, BLOCK) as page:
        file.write(os.urandom(BLOCK * BLOCKS))
        os.fsync(file.fileno())
        disk = os.open(file.name, os.O_RDONLY | os.O_DIRECT)
        try:
            yield lambda: os.preadv(disk, [page], chance.randrange(BLOCKS) * BLOCK)
        finally:
            os.close(disk)


@contextmanager
def datagrams() -> Iterator[Act]:
    """Sends some to this machine itself, one NET_RX each."""
    with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        sender.connect(receiver.getsockname())
        yield lambda: [(sender.send(b"."), receiver.recv(1)) for _ in range(DATAGRAMS)]


@contextmanager
def movable(irq: int, interrupt: Act) -> Iterator[Act]:
    """Moves an interrupt, and puts it back. The next one still goes where all went: then the kernel moves it."""
    affinity, used = (Path(f"/proc/irq/{irq}/{name}_affinity_list") for name in ("smp", "effective"))
    allowed, taken_by = affinity.read_text(), used.read_text()
    try:
        yield lambda: affinity.write_text(str(CPU))
    finally:
        try:
            # First to the CPU that took it: the kernel leaves it there when others are allowed once more.
            affinity.write_text(taken_by)
            interrupt()
            interrupt()
        finally:
            affinity.write_text(allowed)


def rng_line() -> str:
    """The name of the generator's line."""
    device = next(Path("/sys/bus/virtio/drivers/virtio_rng").glob("virtio*"), None)
    if device is None:
        sys.exit("this machine has no virtio-rng")
    return f"{device.name}-input"


def number_of(name: str) -> int:
    """The interrupt's number."""
    return int(irqtrace.snapshot().filter(pl.col("name") == name)["irq"].item(0))


if __name__ == "__main__":
    sys.exit(main())
