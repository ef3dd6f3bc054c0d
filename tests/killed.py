"""Recordings that are ended at any moment, and what must be left of them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import irqtrace
from checked import conserved
from irqtrace import IrqtraceWarning, Trace

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["cut_off", "end_at_any_moment", "fill_and_open", "kill_and_open", "opened", "recorder", "until"]


def recorder(path: Path, *options: str) -> subprocess.Popen[str]:
    """A process that records into a file until it is ended."""
    command = [sys.executable, "-m", "irqtrace", "record", "10m", "-o", str(path), "--quiet", *options]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def until(come: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits for something that a process is to bring about."""
    while not come():
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.002)


def opened(path: Path, match: str) -> Trace:
    """An unfinished recording, with the warning that goes with it."""
    with pytest.warns(IrqtraceWarning, match=match):
        return irqtrace.open_trace(path)


def cut_off(folder: Path) -> list[Path]:
    """The recordings in a folder that have a flush and no end."""
    partial = (path.with_suffix("") for path in folder.glob("*.partial"))
    return [path for path in partial if path.with_name(path.name + ".journal").exists()]


def kill_and_open(path: Path, chance: random.Random, flush_ms: int, *options: str) -> float:
    """Kills a recorder at some moment after its first flush: how many seconds before it the last read is."""
    process = recorder(path, "--flush", f"{flush_ms}ms", *options)
    try:
        until(lambda: any(path.parent.glob(f"{path.stem}*.journal")), process)
        time.sleep(chance.random() * 0.3)
    finally:
        process.kill()
        killed_ns = time.time_ns()
        process.communicate()
    # Between two segments there may be nothing that was cut off.
    trace = opened(path, "cut off") if cut_off(path.parent) else irqtrace.open_trace(path)
    assert conserved(trace)
    assert ([warning.type for warning in trace.warnings][-1:] == ["incomplete"]) == bool(cut_off(path.parent))
    samples = trace.samples
    read, missed = (sum(getattr(group, what) for group in trace.info.groups) for what in ("reads", "missed"))
    assert len(samples) == read
    # Each point of the grid was read or is counted as missed.
    # Those missed after the last read are counted as well.
    assert read + missed >= len(trace.info.groups) * trace.info.duration_ns // trace.info.interval_ns
    return (killed_ns - trace.info.end_ns) / 1e9


def end_at_any_moment(folder: Path, number: int, chance: random.Random) -> int:
    """Asks a recorder to end at some moment from its process's begin on, and says how it did."""
    path = folder / "t.parquet"
    process = recorder(path, "--flush", "20ms")
    time.sleep(chance.random() * 1.5)
    said = None
    while said is None:
        process.send_signal(number)
        # Once in a thousand times Python loses a Ctrl-C while it loads modules: then it is asked again.
        with suppress(subprocess.TimeoutExpired):
            _, said = process.communicate(timeout=30)
    # Before it listens, a signal does what it does to any program, and Python's own start may tell of it.
    pythons_own = process.returncode == 1 and said.endswith("KeyboardInterrupt\n") and "/irqtrace/" not in said
    if process.returncode in {-number, 130} or pythons_own:
        assert not [entry for entry in folder.iterdir() if entry.name != "t.parquet"]
    else:
        assert process.returncode == 0, said
        assert said == "" or said.startswith("Exception ignored"), said
    if path.exists():
        trace = irqtrace.open_trace(path)
        assert conserved(trace)
        assert len(trace.samples) > 0
    for entry in folder.iterdir():
        entry.unlink()
    return process.returncode


def fill_and_open(path: Path) -> int:
    """Records until the disk is full, and says how many samples are kept."""
    process = recorder(path, "--interval", "100us", "--flush", "20ms")
    _, said = process.communicate()
    assert process.returncode == 1
    full = f"irqtrace: {path}: {os.strerror(errno.ENOSPC).lower()}"
    if said == f"{full}\n":
        # Before the first flush: nothing is there, and nothing in the way.
        assert list(path.parent.iterdir()) == []
        return 0
    assert said == f"{full}; what was flushed until then is in {path}.partial\n"
    trace = opened(path, "cut off")
    assert conserved(trace)
    return len(trace.samples)
