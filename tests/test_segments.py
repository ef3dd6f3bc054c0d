"""A recording in segments is one trace: the one that it would have been in one piece."""

from __future__ import annotations

import pickle
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from hotplug import Recorded, changing_machine
from irqtrace import IrqtraceWarning, open_trace
from irqtrace.analyses import imbalance, jitter, rates
from irqtrace.analyses.state import merge
from made import in_memory
from rotated import anew, rotated, save
from test_trace import conserved

if TYPE_CHECKING:
    from pathlib import Path

    from irqtrace import Trace

SAMPLES = 24


def cut_at_random(machine: Recorded, seed: int, most: int = 6) -> list[int]:
    """Samples at which a recorder may begin a new segment: each follows one at which something was read."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    ends = sorted({read.sample + 1 for read in machine.made.reads})[:-1]
    return sorted(chance.sample(ends, min(most, len(ends))))


def in_segments(folder: Path, seed: int) -> tuple[Recorded, list[Path]]:
    """A machine whose lines and CPUs come and go, recorded into segments."""
    machine = changing_machine(seed, SAMPLES)
    cuts = cut_at_random(machine, seed, 1 + seed % 6)
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


@pytest.mark.parametrize("seed", range(16))
def test_nothing_is_claimed_for_a_gap(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    machine = changing_machine(seed, SAMPLES)
    newest = max(read.sample for read in machine.made.reads)
    cuts = cut_at_random(machine, seed)
    paths = save(tmp_path / "s", rotated(machine, cuts, names_gone=seed % 3 > 0))
    missing = chance.choice([[2], [3, 4], [2, 4]])
    for number in missing:
        paths[number - 1].unlink()
    with pytest.warns(IrqtraceWarning, match="not there"):
        trace = open_trace(tmp_path / "s")
    bounds = [0, *cuts, newest + 1]
    there = [[bounds[n], bounds[n + 1]] for n in range(len(paths)) if n + 1 not in missing]
    spans = [there[0]]
    for low, after in there[1:]:
        if low == spans[-1][1]:
            spans[-1][1] = after
        else:
            spans.append([low, after])
    runs = [in_memory(anew(machine, low, after)) for low, after in spans]
    trace.write(tmp_path / "w.parquet")
    assert_frame_equal(trace.frame(), pl.concat(run.frame() for run in runs))
    assert [(w.first_sample, w.last_sample) for w in trace.warnings] == [(a[1], b[0] - 1) for a, b in pairwise(spans)]
    for one in (trace, open_trace(tmp_path / "w.parquet"), pickle.loads(pickle.dumps(trace))):  # noqa: S301
        assert conserved(one)
        for group in one._meta["groups"]:
            assert group["reads"] + group["missed"] == len(range(0, newest + 1, group["every"]))
        assert_frame_equal(one.frame(), trace.frame())
    for one in (trace, open_trace(tmp_path / "w.parquet")):
        assert_analyses_are_of(one, runs)


def assert_analyses_are_of(trace: Trace, runs: list[Trace]) -> None:
    by = ("kind", "irq", "name", "cpu")
    for every in (None, "5ms"):
        state = merge(rates.reduce(run, every, by) for run in runs)
        assert_frame_equal(irqtrace.rates(trace, every, by), rates.finish(state, by))
        state = merge(imbalance.reduce(run, every) for run in runs)
        assert_frame_equal(irqtrace.imbalance(trace, every), imbalance.finish(state))
    assert_frame_equal(irqtrace.jitter(trace), jitter.finish(merge(jitter.reduce(run) for run in runs)))
    assert_frame_equal(irqtrace.storms(trace, "3ms"), irqtrace.storms(runs, "3ms"))
