"""The trace that is kept in each version of the format: ``python tests/versions/make.py`` writes that of this version.

A file that is there already is never written again: it stands for every trace that was recorded with its version.
"""

from __future__ import annotations

from pathlib import Path

from irqtrace import _core
from irqtrace.meta import SCHEMA

FOLDER = Path(__file__).parent
MS = 1_000_000
READS = 300
CPU_1_IS_GONE = range(100, 150)
RESET_AT = 200


def counts(read: int) -> dict[str, list[int]]:
    """What each line counts on CPU 0 and CPU 1."""
    since_reset = read if read < RESET_AT else read - RESET_AT
    return {
        "9": [5_000_000 + 3 * read, 7 * read],
        "10": [4_000_000 + since_reset if read < RESET_AT else since_reset, 0],
        "11": [2**32 - 150 + read, 1],
        "LOC": [10 * read, 1_000 + read],
        "NET_RX": [read // 10, read // 7],
    }


def texts(read: int) -> tuple[bytes, bytes]:
    """/proc/interrupts and /proc/softirqs as they were read."""
    there = [0] if read in CPU_1_IS_GONE else [0, 1]
    names = {"9": "IO-APIC 9-edge nine", "10": "IO-APIC 10-edge ten", "11": "IO-APIC 11-edge eleven", "LOC": "Local"}

    def text(labels: list[str], cpus: list[int], width: int) -> bytes:
        rows = ["".join(f" CPU{cpu:<9}" for cpu in cpus)]
        for label in labels:
            cells = "".join(f" {counts(read)[label][cpu] % 2**32:>10}" for cpu in cpus)
            rows.append(f"{label:>{width}}:{cells} {names.get(label, '')}".rstrip())
        return "\n".join(rows).encode() + b"\n"

    return text(["9", "10", "11", "LOC"], there, 3), text(["NET_RX"], [0, 1], 12)


def growth() -> dict[tuple[str, int], int]:
    """By how much each cell grew, as far as somebody saw it: by label and CPU."""
    grown = {(label, cpu): 0 for label in counts(0) for cpu in (0, 1)}
    for label, cpu in grown:
        for read in range(1, READS):
            unseen = cpu == 1 and label != "NET_RX" and {read, read - 1} & set(CPU_1_IS_GONE)
            begins_anew = label == "10" and read == RESET_AT
            if not unseen and not begins_anew:
                grown[label, cpu] += counts(read)[label][cpu] - counts(read - 1)[label][cpu]
    return grown


if __name__ == "__main__":
    reads = [(read * MS, read * MS + 20_000, *texts(read)) for read in range(READS)]
    path = str(FOLDER / f"schema-{SCHEMA}.parquet")
    _core.replay(reads, interval_ns=MS, real_offset_ns=1_790_000_000_000_000_000, path=path)
