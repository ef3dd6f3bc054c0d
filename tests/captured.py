"""Captures as people make them: texts of a small machine, and the files that they end up in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import irqtrace

if TYPE_CHECKING:
    from pathlib import Path

    from irqtrace import Trace

NOON = datetime(2026, 1, 6, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())


@dataclass
class Captured:
    """A machine of two CPUs, whose counts grow from text to text."""

    counts: dict[str, list[int]] = field(
        default_factory=lambda: {"eth0": [11, 0], "nvme0q1": [500, 70], "LOC": [1_000, 2_000], "NET_RX": [33, 44]}
    )

    def grown(self, **by: list[int]) -> Captured:
        """The machine when some have grown, each CPU by so much."""
        return Captured(
            {name: [a + b for a, b in zip(had, by.get(name, [0, 0]), strict=True)] for name, had in self.counts.items()}
        )

    @property
    def interrupts(self) -> str:
        """The text of /proc/interrupts."""
        rows = [
            (" 24", "eth0", "IO-APIC   5-edge      eth0"),
            (" 36", "nvme0q1", "PCI-MSI 524288-edge      nvme0q1"),
            ("LOC", "LOC", " Local timer interrupts"),
        ]
        lines = [
            f"{label}:{''.join(f' {count:>10}' for count in self.counts[name])}  {tail}\n" for label, name, tail in rows
        ]
        return "           CPU0       CPU1       \n" + "".join(lines)

    @property
    def softirqs(self) -> str:
        """The text of /proc/softirqs."""
        counts = "".join(f" {count:>10}" for count in self.counts["NET_RX"])
        return f"                    CPU0       CPU1       \n      NET_RX:{counts}\n"


FIRST = Captured()
SECOND = FIRST.grown(eth0=[100, 0], LOC=[250, 260], NET_RX=[0, 7])
THIRD = SECOND.grown(eth0=[0, 5], nvme0q1=[1, 1], LOC=[30, 30])
SERIES = (FIRST, SECOND, THIRD)

GROWN = {"eth0": 105, "nvme0q1": 2, "Local timer interrupts": 570, "NET_RX": 7}
"""What the series has counted, by name."""

UNEVEN = (0, 60, 187)
"""Seconds after noon."""


def log_text(times: list[str], texts: tuple[Captured, ...] = SERIES, *, softirqs: bool = True) -> str:
    """The log of a loop of ``date; cat``."""
    parts = [
        f"{time}\n{one.interrupts}{one.softirqs if softirqs else ''}" for time, one in zip(times, texts, strict=True)
    ]
    return "".join(parts)


def after_noon(*seconds: float) -> list[datetime]:
    """Instants."""
    return [NOON + timedelta(seconds=after) for after in seconds]


def report(folder: Path, one: Captured, files: dict[str, str]) -> Path:
    """A tree as sosreport collects it, with these files besides."""
    texts = {"proc/interrupts": one.interrupts, "proc/softirqs": one.softirqs}
    for name, text in {**texts, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def saved(path: Path, text: str) -> Path:
    """A file with this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def counted(trace: Trace) -> dict[str, int]:
    """What each name counted."""
    sums = irqtrace.rates(trace, by="name")
    return {name: count for name, count in sums.select("name", "count").iter_rows() if count}


def times_of(trace: Trace) -> list[datetime]:
    """When its reads began."""
    return list(trace.samples["time"].unique().sort())
