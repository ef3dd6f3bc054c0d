"""Plain reads of the kernel's counters and clocks, with no help from what is tested."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypedDict

__all__ = ["Clocks", "Look", "clocks", "counts", "look"]

Cell = tuple[str, int | None]
"""A line's label, and the CPU by its id; no CPU for a lone number."""


class Look(TypedDict):
    """The texts, and when they were read: nanoseconds of CLOCK_MONOTONIC."""

    begin: int
    end: int
    interrupts: str
    softirqs: str
    at_once: int
    """Bytes of interrupts that one read gave, whatever it asked for."""


class Clocks(TypedDict):
    """By how much the clocks were ahead of CLOCK_MONOTONIC: the least and the most that it may have been."""

    real: tuple[int, int]
    boot: tuple[int, int]


def look() -> Look:
    """Reads both texts now."""
    begin = time.monotonic_ns()
    interrupts, softirqs = (_pieces(Path("/proc", name)) for name in ("interrupts", "softirqs"))
    return {
        "begin": begin,
        "end": time.monotonic_ns(),
        "interrupts": b"".join(interrupts).decode(),
        "softirqs": b"".join(softirqs).decode(),
        "at_once": len(interrupts[0]),
    }


def _pieces(path: Path) -> list[bytes]:
    with path.open("rb", buffering=0) as file:
        return list(iter(lambda: file.read(1 << 20), b""))


def counts(look: Look, kind: str) -> dict[Cell, int]:
    """The counts of one kind in a look."""
    header, *rows = look["softirqs" if kind == "softirq" else "interrupts"].splitlines()
    cpus = [int(name.removeprefix("CPU")) for name in header.split()]
    found: dict[Cell, int] = {}
    for row in rows:
        label, _, rest = row.partition(":")
        label = label.strip()
        if kind != "softirq" and (kind == "irq") != label.isdecimal():
            continue
        numbers = rest.split()[: len(cpus)]
        if len(numbers) == 1 < len(cpus):
            found[label, None] = int(numbers[0])
        else:
            found |= {(label, cpu): int(number) for cpu, number in zip(cpus, numbers, strict=True)}
    return found


def clocks() -> Clocks:
    """Looks at the clocks now."""

    def ahead(clock: int) -> tuple[int, int]:
        before, there, after = time.monotonic_ns(), time.clock_gettime_ns(clock), time.monotonic_ns()
        return there - after, there - before

    return {"real": ahead(time.CLOCK_REALTIME), "boot": ahead(time.CLOCK_BOOTTIME)}
