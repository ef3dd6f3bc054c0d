"""What is asked of a sampler, checked before it is made."""

from __future__ import annotations

import errno
import operator
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

from . import _core
from .durations import EXAMPLES, Duration, duration_ns, duration_text, positive_ns
from .errors import IrqtraceError, SourceUnavailable
from .files import utf8_path
from .rotation import Rotation
from .schema import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Kinds", "Settings", "shortest_interval_ns"]

Kinds = Mapping[str, Duration] | Sequence[str]
"""Kinds to read, all at the interval, or each with an interval of its own."""

_ONE_FILE = Rotation()

_HEADROOM = 1.25
"""A read that takes four fifths of the interval leaves the sampler time to sleep."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a sampler, in the core's units."""

    interval_ns: int
    kinds: dict[str, int] | None
    irqs: tuple[int | str, ...] | None
    pin: int | None
    fifo: int | None
    lock_memory: bool
    dma_latency_us: int | None
    spin_ns: int
    batch_every_ns: int
    memory_limit: int
    procfs: str

    @classmethod
    def checked(
        cls,
        *,
        interval: Duration,
        kinds: Kinds | None,
        irqs: Sequence[int | str] | None,
        pin: int | None,
        fifo: int | None,
        lock_memory: bool,
        dma_latency_us: int | None,
        spin: Duration,
        batch_every: Duration,
        memory_limit: int,
        procfs: str | Path,
    ) -> Settings:
        """The options as a caller gives them.

        Raises:
            ValueError: for one that makes no sense; the message names what would.
            TypeError: for one of a type that makes no sense.
        """
        procfs = os.fspath(procfs)
        names: list[str] = _known(kinds) if kinds is not None else [*KINDS]
        interval_ns = _interval_ns(interval, "interval", names, procfs)
        spin_ns = duration_ns(spin, "spin")
        if not 0 <= spin_ns < interval_ns:
            raise ValueError(
                f"spin {spin!r} does not lie between zero and the interval of {duration_text(interval_ns)}"
            )
        if pin is not None:
            _check_number("pin", pin, "a CPU's number", range(1 << 16))
        if fifo is not None:
            _check_number("fifo", fifo, "a real-time priority", range(1, 100))
        if dma_latency_us is not None:
            _check_number("dma_latency_us", dma_latency_us, "a latency in microseconds", range(1 << 31))
        _check_number("memory_limit", memory_limit, "a number of bytes", range(1, sys.maxsize))
        return cls(
            interval_ns=interval_ns,
            kinds=None if kinds is None else _kind_intervals(kinds, names, interval_ns, procfs),
            irqs=None if irqs is None else _lines(irqs),
            pin=pin,
            fifo=fifo,
            lock_memory=lock_memory,
            dma_latency_us=dma_latency_us,
            spin_ns=spin_ns,
            batch_every_ns=positive_ns(batch_every, "batch_every"),
            memory_limit=memory_limit,
            procfs=procfs,
        )

    def sampler(
        self,
        *,
        duration_ns: int | None = None,
        path: str | Path | None = None,
        flush: Duration = "1s",
        rotation: Rotation = _ONE_FILE,
        overwrite: bool = False,
        stop_at_memory_limit: bool = False,
    ) -> _core.Sampler:
        """A sampler of the core with these options, not started.

        Raises:
            ValueError: for a ``flush`` that is no time, and for segments of a recording in memory.
            SourceUnavailable: where this build or machine has nothing to sample.
        """
        flush_ns = positive_ns(flush, "flush")
        if path is None and rotation.is_wanted:
            raise ValueError("rotate and keep are for a recording in a file: give a path")
        if not _core.LIVE:
            raise SourceUnavailable(
                errno.ENOSYS,
                "the running kernel: this build of irqtrace cannot sample, which needs Linux; record there, and open "
                "the trace here",
            )
        return _core.Sampler(
            interval_ns=self.interval_ns,
            kinds=self.kinds,
            irqs=self.irqs,
            pin=self.pin,
            fifo=self.fifo,
            lock_memory=self.lock_memory,
            dma_latency_us=self.dma_latency_us,
            spin_ns=self.spin_ns,
            batch_every_ns=self.batch_every_ns,
            memory_limit=self.memory_limit,
            stop_at_memory_limit=stop_at_memory_limit,
            duration_ns=duration_ns,
            path=None if path is None else utf8_path(path),
            flush_every_ns=flush_ns,
            rotate_every_ns=rotation.every_ns,
            rotate_bytes=rotation.bytes,
            keep_ns=rotation.keep_ns,
            overwrite=overwrite,
            procfs=self.procfs,
        )


def shortest_interval_ns(costs: Iterable[_core.ReadCost], kinds: Iterable[str]) -> int | None:
    """The shortest interval that is sensible for some kinds: what their reads take, and a quarter more, rounded up.

    Args:
        costs: what one read of each source takes, from ``_core.read_costs``.
        kinds: what is to be read.

    Returns:
        Nanoseconds; None where a kind has no source.
    """
    wanted, texts = set(kinds), [cost for cost in costs if cost.source != "one sysfs line"]
    total_ns = 0
    for together in ({"irq", "arch"}, {"softirq"}):
        needed = wanted & together
        serving = [cost.median_ns for cost in texts if needed <= set(cost.kinds)]
        if needed and not serving:
            return None
        total_ns += min(serving) if needed else 0
    digits: int = 10 ** (len(str(max(total_ns, 1_000))) - 1)
    return -(-int(total_ns * _HEADROOM) // digits) * digits


def _check_number(name: str, value: object, what: str, allowed: range) -> None:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name} {value!r} is not {what}, which is a whole number")
    if operator.index(value) not in allowed:
        raise ValueError(f"{name} {value!r} is not {what}: {allowed[0]} to {allowed[-1]}")


def _lines(irqs: Sequence[int | str]) -> tuple[int | str, ...]:
    lines: tuple[int | str, ...] = (irqs,) if isinstance(irqs, str | int) else tuple(irqs)
    for line in lines:
        if isinstance(line, bool) or not isinstance(line, int | str):
            raise TypeError(f"irqs holds {line!r}, which is neither a line's number nor a glob as 'eth0*'")
        if isinstance(line, int) and not 0 <= line < 1 << 32:
            raise ValueError(f"irqs holds {line}, which is no line's number: 0 to {(1 << 32) - 1}")
    return lines


def _known(kinds: Kinds) -> list[str]:
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    for name in names:
        if name not in KINDS:
            raise ValueError(f"unknown kind {name!r}; the kinds are {', '.join(KINDS)}")
    if not names:
        raise ValueError(f"kinds is empty; the kinds are {', '.join(KINDS)}")
    return names


def _kind_intervals(kinds: Kinds, names: list[str], interval_ns: int, procfs: str) -> dict[str, int]:
    if not isinstance(kinds, Mapping):
        return dict.fromkeys(names, interval_ns)
    intervals = {name: _interval_ns(kinds[name], f"interval of kind {name}", names, procfs) for name in names}
    for name, kind_ns in intervals.items():
        if kind_ns % interval_ns:
            below = max(kind_ns // interval_ns, 1) * interval_ns
            raise ValueError(
                f"interval of kind {name} {duration_text(kind_ns)} is no whole multiple of the interval "
                f"{duration_text(interval_ns)}; {duration_text(below)} and {duration_text(below + interval_ns)} are"
            )
    return intervals


def _interval_ns(value: Duration, what: str, kinds: list[str], procfs: str) -> int:
    try:
        return positive_ns(value, what)
    except ValueError as error:
        try:
            shortest = shortest_interval_ns(_core.read_costs(procfs)[0], kinds)
        except (IrqtraceError, OSError):
            shortest = None
        if shortest is None:
            raise
        said = str(error).removesuffix(f"; {EXAMPLES}")
        raise ValueError(f"{said}; the smallest sensible value here is {duration_text(shortest)}") from None
