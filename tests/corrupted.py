"""Damage to the files of a trace, and what becomes of it: an error that says so, or what was recorded."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING

import irqtrace
from irqtrace import _core, open_trace
from killed import recorder, until
from test_record import interrupts

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

MS = 1_000_000
SUFFIXES = (".partial", ".journal")
"""Of the files of an unfinished recording."""


def complete_trace(path: Path) -> None:
    """A small trace file."""
    reads = [(n * MS, n * MS + 1_000, interrupts([0, 1], irq9=[5 * n, n // 3], LOC=[7, n]), None) for n in range(40)]
    _core.replay(reads, interval_ns=MS, path=str(path))


def killed_recording(path: Path) -> None:
    """The two files of a recording that was cut off."""
    process = recorder(path, "--flush", "20ms", "--interval", "1ms")
    until(path.with_name(path.name + ".journal").exists, process)
    time.sleep(0.2)
    process.kill()
    process.communicate()


def random_damage(whole: bytes, chance: random.Random) -> bytes:
    """Some bits or bytes changed, a piece taken out, put in, or made zero."""
    damaged = bytearray(whole)
    at, length = chance.randrange(len(whole)), chance.choice([1, 1, 1, 2, 4, 8, 64, 512])
    way = chance.randrange(5)
    if way == 0:
        for bit in range(length):
            damaged[(at + bit) % len(whole)] ^= 1 << chance.randrange(8)
    elif way == 1:
        damaged[at : at + length] = chance.randbytes(len(damaged[at : at + length]))
    elif way == 2:
        del damaged[at : at + length]
    elif way == 3:
        damaged[at:at] = chance.randbytes(length)
    else:
        damaged[at : at + length] = bytes(len(damaged[at : at + length]))
    return bytes(damaged)


def truncations(whole: bytes) -> Iterator[bytes]:
    """The begin of a file, of each length."""
    return (whole[:length] for length in range(len(whole)))


def outcome(path: Path, recorded: pl.DataFrame) -> str:
    """What comes of opening: ``error`` or ``right``; what was recorded is right, or a begin of it if it is unfinished.

    Raises:
        AssertionError: where there are numbers that were not recorded.
        Exception: any but `TraceFormatError`.
    """
    try:
        with warnings.catch_warnings():
            # What it says of an unfinished one is not the matter here.
            warnings.simplefilter("ignore", irqtrace.IrqtraceWarning)
            trace = open_trace(path)
        frame, info = trace.frame(), trace.info
    except irqtrace.TraceFormatError as error:
        assert path.name in str(error)  # noqa: PT017 - right data is as good
        return "error"
    assert frame.equals(recorded if path.exists() else recorded.head(len(frame)))
    assert info.interval_ns == MS
    return "right"


def damage_complete(folder: Path, chance: random.Random, times: int) -> None:
    """Damages a complete trace in so many ways: each is told."""
    path = folder / "t.parquet"
    complete_trace(path)
    recorded, whole = open_trace(path).frame(), path.read_bytes()
    for _ in range(times):
        damaged = random_damage(whole, chance)
        path.write_bytes(damaged)
        assert outcome(path, recorded) == ("right" if damaged == whole else "error")


def damage_unfinished(folder: Path, chance: random.Random, times: int) -> None:
    """Damages a recording that was cut off in so many ways: what is read of it was recorded."""
    path = folder / "u.parquet"
    killed_recording(path)
    files = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
    whole = {file: file.read_bytes() for file in files}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", irqtrace.IrqtraceWarning)
        recorded = open_trace(path).frame()
    outcomes = set()
    for _ in range(times):
        file = chance.choice(files)
        file.write_bytes(random_damage(whole[file], chance))
        outcomes.add(outcome(path, recorded))
        file.write_bytes(whole[file])
    assert outcomes == {"right", "error"}
