"""What runs in the guest: it records while CPUs, a driver and the clocks are moved, and writes down what it did.

Called as ``python -m guest.inside [suspend]``.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import sys
import tarfile
import time
import traceback
import tty
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import irqtrace
from guest.machine import RNG_ADDRESS
from guest.plain import clocks, look
from guest.promises import PROMISES
from guest.seen import Seen
from irqtrace import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from guest.log import Event, Log

MEMORY = Path("/dev/shm")  # noqa: S108 - the guest's only writable place
RESULTS = Path("/dev/ttyS1")
RNG = f"0000:00:{RNG_ADDRESS:02x}.0"
DRIVER = Path("/sys/bus/pci/drivers/virtio-pci")

MS = 1_000_000
SELDOM = 40
"""At so many points of the grid are lines read of which a change is to go unseen."""

AN_HOUR_S = 3_600
POWER_OFF = 0x4321FEDC


class Recorded:
    """A recording to disk, and the log of what happened meanwhile."""

    def __init__(self, name: str, interval_ns: int, kinds: dict[str, int]) -> None:
        self.name, self.path = name, MEMORY / f"{name}.parquet"
        self.log: Log = {"cpus": len(os.sched_getaffinity(0)), "looks": [], "events": []}
        self.core = _core.Sampler(
            interval_ns=interval_ns,
            kinds={kind: every * interval_ns for kind, every in kinds.items()},
            path=str(self.path),
            flush_every_ns=200 * MS,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        self.look()
        self.core.start()
        self.look()
        self.settle()
        yield
        self.look()
        self.core.stop()
        self.look()

    def look(self) -> None:
        """Reads everything by plain reads, after each CPU and the device have had something to count."""
        for cpu in os.sched_getaffinity(0):
            os.sched_setaffinity(0, {cpu})
            time.sleep(0.001)
        os.sched_setaffinity(0, range(self.log["cpus"]))
        if DRIVER.joinpath(RNG).exists():
            self.ask_the_device(2)
        self.log["looks"].append(look())

    def ask_the_device(self, times: int) -> None:
        """Each answer is an interrupt."""
        with Path("/dev/hwrng").open("rb", buffering=0) as device:
            for _ in range(times):
                device.read(64)

    def until_read(self, every: int) -> None:
        """Waits until a kind that is due at every so many points has just been read."""
        due = (self.core.progress().samples // every + 1) * every
        while self.core.progress().samples <= due:
            time.sleep(0.001)

    def settle(self) -> None:
        """Waits for a read that began after the call, and has ended."""
        for _ in range(2):
            newest = self.core.progress().samples
            while self.core.progress().samples == newest:
                time.sleep(0.001)

    @contextmanager
    def event(self, what: str, cpu: int | None = None) -> Iterator[None]:
        """Writes down when something was done, and reads everything before and after."""
        self.look()
        self.core.mark(f"{what} begins")
        event: Event = {"what": what, "cpu": cpu, "begin": time.monotonic_ns(), "end": 0, "before": clocks()}
        yield
        self.log["events"].append(event | {"end": time.monotonic_ns(), "after": clocks()})
        self.core.mark(f"{what} is over")
        self.look()

    def until_told(self, warning: str) -> None:
        """Waits until whoever opens the recording under way is told."""
        while all(told.type != warning for told in irqtrace.open_trace(self.path).warnings):
            time.sleep(0.05)

    def files(self) -> dict[str, bytes]:
        """The trace, the log, and whether each promise is kept as it is seen in here."""
        seen = Seen(self.path, self.log)
        kept = {promise.__name__: _outcome(promise, seen) for promise in PROMISES}
        texts = {"log": json.dumps(self.log), "kept": json.dumps(kept)}
        return {
            f"{self.name}.parquet": self.path.read_bytes(),
            **{f"{self.name}.{what}.json": text.encode() for what, text in texts.items()},
        }


def _outcome(promise: Callable[[Seen], None], seen: Seen) -> str:
    try:
        promise(seen)
    except Exception as error:  # noqa: BLE001 - it is told on the host
        # No lines of the source: its files may be lost.
        return f"{error!r}, lines {[line for _, line in traceback.walk_tb(error.__traceback__)]}"
    return ""


def cpus_drivers_and_the_wall_clock() -> Recorded:
    """Two CPUs go and come back, a driver is unbound and bound, and the clock is stepped."""
    recorded = Recorded("moved", 10 * MS, {"irq": 1, "arch": 1, "softirq": 2})
    with recorded.running():
        for cpu in (2, 5):
            with recorded.event("offline", cpu):
                Path(f"/sys/devices/system/cpu/cpu{cpu}/online").write_text("0")
            recorded.settle()
        with recorded.event("unbind"):
            DRIVER.joinpath("unbind").write_text(RNG)
        recorded.settle()
        with recorded.event("step"):
            time.clock_settime(time.CLOCK_REALTIME, time.time() + AN_HOUR_S)
        recorded.until_told("clock_step")
        with recorded.event("bind"):
            DRIVER.joinpath("bind").write_text(RNG)
        recorded.settle()
        for cpu in (2, 5):
            with recorded.event("online", cpu):
                Path(f"/sys/devices/system/cpu/cpu{cpu}/online").write_text("1")
            recorded.settle()
    return recorded


def a_driver_between_two_reads_and_a_suspend() -> Recorded:
    """A driver is bound again before its lines are read again, and the machine sleeps for some seconds."""
    recorded = Recorded("slept", 50 * MS, {"irq": SELDOM, "arch": 1})
    with recorded.running():
        for _ in range(2):
            # So that what is counted anew is less.
            recorded.ask_the_device(40)
            recorded.until_read(SELDOM)
            with recorded.event("rebind"):
                DRIVER.joinpath("unbind").write_text(RNG)
                DRIVER.joinpath("bind").write_text(RNG)
        recorded.ask_the_device(40)
        recorded.until_read(SELDOM)
        with recorded.event("suspend"):
            # It is woken from outside.
            Path("/sys/power/state").write_text("mem")
        recorded.until_told("suspend")
        recorded.until_read(SELDOM)
    return recorded


def main(*, suspend: bool) -> None:
    """Records, checks, and sends what came of it."""
    with RESULTS.open("wb", buffering=0) as port:
        tty.setraw(port.fileno())
        with tarfile.open(fileobj=port, mode="w|") as results:
            _send(results, cpus_drivers_and_the_wall_clock())
            if suspend:
                _keep_in_memory()
                _send(results, a_driver_between_two_reads_and_a_suspend())


def _keep_in_memory() -> None:
    """The tree of the host is lost by a suspend: all of it that is needed from then on has to be there before."""
    libc = ctypes.CDLL(None, use_errno=True)
    for mapped in Path("/proc/self/maps").read_text().splitlines():
        addresses, rights, _, _, inode, *_ = mapped.split()
        begin, end = (int(address, 16) for address in addresses.split("-"))
        if inode != "0" and "r" in rights and libc.mlock(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin)):
            raise OSError(ctypes.get_errno(), f"mlock of {mapped}")


def _send(results: tarfile.TarFile, recorded: Recorded) -> None:
    for name, content in recorded.files().items():
        member = tarfile.TarInfo(name)
        member.size = len(content)
        results.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    # A recording under way is opened on purpose.
    warnings.simplefilter("ignore", irqtrace.IrqtraceWarning)
    try:
        main(suspend="suspend" in sys.argv[1:])
    except BaseException:  # noqa: BLE001 - it is read on the console
        traceback.print_exc()
    sys.stderr.flush()
    # No end of the program: that would close files of a tree that may be lost.
    ctypes.CDLL(None).reboot(POWER_OFF)
