"""A recording in segments is one trace: the one that it would have been in one piece."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal

from hotplug import Recorded, changing_machine
from irqtrace import open_trace
from made import in_memory
from rotated import rotated, save
from test_trace import conserved

if TYPE_CHECKING:
    from irqtrace import Trace

SAMPLES = 24


def cut_at_random(seed: int, samples: int = SAMPLES) -> list[int]:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return sorted(chance.sample(range(1, samples - 1), chance.randint(1, 6)))


def in_segments(folder: Path, seed: int) -> tuple[Recorded, list[Path]]:
    """A machine whose lines and CPUs come and go, recorded into segments."""
    machine = changing_machine(seed, SAMPLES)
    newest = max(read.sample for read in machine.made.reads)
    cuts = [cut for cut in cut_at_random(seed) if cut <= newest]
    return machine, save(folder, rotated(machine, cuts, names_gone=seed % 3 > 0))


def known(trace: Trace) -> dict[str, Any]:
    """What is known of a trace, in an order that does not matter."""
    meta = {**trace._meta}
    for counts in ("baselines", "finals"):
        columns = meta[counts]  # type: ignore[literal-required]
        rows = zip(*(columns[name] for name in ("line", "cpu", "sample", "count")), strict=True)
        meta[counts] = sorted(rows, key=lambda row: (row[2], row[0], row[1] is None, row[1] or 0))  # type: ignore[literal-required]
    return {key: value for key, value in meta.items() if key not in {"recording", "cost"}}


def assert_is(trace: Trace, whole: Trace) -> None:
    for frame in ("deltas", "samples", "lines"):
        assert_frame_equal(getattr(trace, frame), getattr(whole, frame))
    assert_frame_equal(trace.frame(), whole.frame())
    assert known(trace) == known(whole)
    assert trace._backing.ends() == whole._backing.ends()


@pytest.mark.parametrize("seed", range(60))
def test_a_recording_in_segments_is_the_one_that_it_would_have_been_in_one_piece(tmp_path: Path, seed: int) -> None:
    machine, _ = in_segments(tmp_path / "s", seed)
    trace = open_trace(tmp_path / "s")
    assert_is(trace, in_memory(machine.made))
    assert conserved(trace)
    trace.write(tmp_path / "w.parquet")
    assert_is(open_trace(tmp_path / "w.parquet"), in_memory(machine.made))
