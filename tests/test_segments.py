"""A recording in segments is one trace: the one that it would have been in one piece."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from checked import conserved
from hotplug import Life, Recorded, changing_machine, recorded
from irqtrace import Cost, IrqtraceWarning, TraceFormatError, open_trace
from irqtrace.analyses import imbalance, jitter, rates
from irqtrace.analyses.state import merge
from made import T0_NS, in_memory, small_trace
from rotated import SAMPLES, anew, known, rotated, save, small, steady

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from irqtrace import Trace


CELL = ("kind", "irq", "name", "cpu")


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
    written = open_trace(tmp_path / "w.parquet")
    for low in range(1, newest):
        part, of_written = trace.slice(f"{low}ms"), written.slice(f"{low}ms")
        assert_frame_equal(part.frame(), of_written.frame())
        assert known(part) == known(of_written)
        assert conserved(part)
    whole = irqtrace.rates(trace, by=CELL)
    for edge in {edge for span in spans for edge in span} - {0, newest + 1}:
        assert_frame_equal(irqtrace.rates([trace.slice(None, f"{edge}ms"), trace.slice(f"{edge}ms")], by=CELL), whole)
    for one in (trace, written):
        assert_analyses_are_of(one, runs)


def assert_analyses_are_of(trace: Trace, runs: list[Trace]) -> None:
    for every in (None, "5ms"):
        state = merge(rates.reduce(run, every, CELL) for run in runs)
        assert_frame_equal(irqtrace.rates(trace, every, CELL), rates.finish(state, CELL))
        state = merge(imbalance.reduce(run, every) for run in runs)
        assert_frame_equal(irqtrace.imbalance(trace, every), imbalance.finish(state))
    assert_frame_equal(irqtrace.jitter(trace), jitter.finish(merge(jitter.reduce(run) for run in runs)))
    assert_frame_equal(irqtrace.storms(trace, "3ms"), irqtrace.storms(runs, "3ms"))


def test_segments_are_opened_by_folder_by_name_and_by_pattern(tmp_path: Path) -> None:
    machine, paths = in_segments(tmp_path / "s [1]", 5)
    whole = in_memory(machine.made).frame()
    for name in (tmp_path / "s [1]", tmp_path / "s [1]" / "t.parquet", tmp_path / "s [[]1]" / "t-*.parquet"):
        assert_frame_equal(open_trace(name).frame(), whole)
    for path in paths:
        assert open_trace(path)._meta["segment"] is not None


def test_a_file_of_that_name_goes_before_its_segments(tmp_path: Path) -> None:
    paths = small(tmp_path)
    open_trace(paths[0]).write(tmp_path / "t.parquet")
    assert_frame_equal(open_trace(tmp_path / "t.parquet").frame(), open_trace(paths[0]).frame())


def test_a_folder_with_one_trace_is_that_trace(tmp_path: Path) -> None:
    path = small_trace().save(tmp_path / "a.parquet")
    assert_frame_equal(open_trace(tmp_path).frame(), open_trace(path).frame())


def test_opening_segments_reads_no_rows(tmp_path: Path) -> None:
    _, paths = in_segments(tmp_path / "s", 4)
    trace = open_trace(tmp_path / "s")
    lines, told, marks = trace.lines, trace.warnings, trace.marks
    for path in paths:
        path.unlink()
    assert (len(lines) > 0, told, marks) == (True, (), ())
    with pytest.raises(FileNotFoundError):
        trace.frame()


def test_a_recording_of_which_the_oldest_segments_were_dropped_is_its_part(tmp_path: Path) -> None:
    for seed in range(8):
        machine, paths = in_segments(tmp_path / str(seed), seed)
        whole = in_memory(machine.made)
        first = open_trace(paths[1])
        paths[0].unlink()
        trace = open_trace(tmp_path / str(seed))
        assert trace.warnings == ()
        assert trace.info.begin_ns == first.info.begin_ns
        assert conserved(trace)
        begin = (trace._meta["span"] or [0])[0]
        grown = whole.frame().filter(pl.col("sample") >= begin, pl.col("delta") > 0)
        assert_frame_equal(trace.frame().filter(pl.col("delta") > 0), grown)
        present = [line for line in whole._meta["lines"] if line["last_sample"] is None or line["last_sample"] >= begin]
        assert {line["line"] for line in trace._meta["lines"]} >= {line["line"] for line in present}


@pytest.mark.parametrize("seed", range(8))
def test_a_part_of_a_recording_in_segments_is_the_part_of_the_whole(tmp_path: Path, seed: int) -> None:
    machine, _ = in_segments(tmp_path / "s", seed)
    whole = in_memory(machine.made)
    trace = open_trace(tmp_path / "s")
    for begin, end in (("0ms", "5ms"), ("7ms", "11ms"), ("16ms", None), (None, None)):
        part, of_whole = trace.slice(begin, end), whole.slice(begin, end)
        for frame in ("deltas", "samples", "lines"):
            assert_frame_equal(getattr(part, frame), getattr(of_whole, frame))
        assert known(part) == known(of_whole)


def test_a_fall_holds_on_in_the_segments_after_it_and_is_counted_once(tmp_path: Path) -> None:
    segments = rotated(steady(), (8, 15))
    line = next(line for line in segments[0][0]["lines"] if line["kind"] == "arch")
    fell = {
        **{key: line[key] for key in ("kind", "engine", "line")},
        "type": "count_fell",
        "count": 1,
        "first_sample": 4,
        "last_sample": 4,
        "worst": 90,
        "message": "",
    }
    for (meta, _), warning in zip(segments, (fell, {**fell, "count": 0}), strict=False):
        meta["warnings"] = [warning]
    save(tmp_path, segments)
    trace = open_trace(tmp_path)
    for part in (trace, trace.slice("9ms", "12ms"), trace.slice("16ms")):
        (told,) = part.warnings
        assert (told.type, told.line, told.count, told.first_sample) == ("count_fell", line["line"], 1, 4)
        assert "fell once, at most by 90" in told.message
    (alone,) = open_trace(tmp_path / "t-000002.parquet").warnings
    assert alone.count == 0


def test_queries_reach_into_each_segment(tmp_path: Path) -> None:
    machine, _ = in_segments(tmp_path / "s", 6)
    flat, whole = open_trace(tmp_path / "s").scan(), in_memory(machine.made).scan()
    queries: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
        lambda flat: flat.select("delta", "irq"),
        lambda flat: flat.filter(pl.col("sample") > 9, pl.col("kind") == "irq").select("cpu"),
        lambda flat: flat.filter(pl.col("cpu").is_null()).select("sample", "irq"),
        lambda flat: flat.filter(pl.col("delta") > 1),
        lambda flat: flat.filter(pl.col("irq") == "LOC").select("sample", "delta"),
        lambda flat: flat.head(3),
        lambda flat: flat.tail(3).select("time"),
        lambda flat: flat.group_by("irq", maintain_order=True).agg(pl.len()),
        lambda flat: flat.select(pl.len()),
    ]
    for query in queries:
        for engine in ("in-memory", "streaming"):
            assert_frame_equal(query(flat).collect(engine=engine), query(whole).collect(engine=engine))


def test_what_is_told_of_each_segment_is_added_up(tmp_path: Path) -> None:
    segments = rotated(steady(), [8, 15])
    missed = "{} points of the grid of irq by proc passed without a read, at most {} in a row: a longer interval, pin "
    missed += "(--pin), fifo (--fifo) or an otherwise idle CPU helps"
    told = [(2, 1, 3, 5), (3, 2, 9, 11), (4, 1, 16, 20)]
    for (meta, _), (count, worst, first, last) in zip(segments, told, strict=True):
        of_segment = {"type": "missed_samples", "kind": "irq", "engine": "proc", "line": None, "count": count}
        of_segment |= {"first_sample": first, "last_sample": last, "worst": worst}
        meta["warnings"] = [of_segment | {"message": missed.format(count, worst)}]
        meta["marks"] = [{"sample": first, "time_ns": T0_NS + first, "text": f"mark {first}"}]
        meta["anchors"] += [{**meta["anchors"][0], "mono_ns": first}]
    save(tmp_path, segments)
    trace = open_trace(tmp_path)
    (warning,) = trace.warnings
    assert (warning.count, warning.worst, warning.first_sample, warning.last_sample) == (9, 2, 3, 20)
    assert warning.message == missed.format(9, 2)
    assert [mark.text for mark in trace.marks] == ["mark 3", "mark 9", "mark 16"]
    assert [anchor["mono_ns"] for anchor in trace._meta["anchors"]] == [0, 3, 9, 16]
    assert trace.info.cost == Cost(150_000, 3_000_000, sum(len(made.reads) for _, made in segments), 60, 0)


def test_a_recording_in_segments_shows_itself_and_can_be_sent(tmp_path: Path) -> None:
    small(tmp_path)
    trace = open_trace(tmp_path)
    assert "24 ms at 1ms" in repr(trace)
    for other in (pickle.loads(pickle.dumps(trace)), copy.copy(trace)):  # noqa: S301
        assert_is(other, trace)


def test_analyses_of_the_folder_are_those_of_the_trace(tmp_path: Path) -> None:
    small(tmp_path)
    trace = open_trace(tmp_path)
    trace.slice("3ms", "9ms").write(tmp_path / "cut-out.parquet")
    for analysis in (irqtrace.rates, irqtrace.imbalance, irqtrace.jitter, partial(irqtrace.storms, every="4ms")):
        of_trace = analysis(trace)
        for source in (tmp_path, str(tmp_path / "t.parquet"), [tmp_path], str(tmp_path / "t-*.parquet")):
            assert_frame_equal(analysis(source), of_trace)
    assert_frame_equal(irqtrace.quality(tmp_path), irqtrace.quality(trace))
    assert len(irqtrace.report(tmp_path).traces) == 1
    files = [path for path in tmp_path.iterdir() if path.name.startswith("t-")]
    state = irqtrace.map_files(files, partial(rates.reduce, every="4ms"))
    assert_frame_equal(rates.finish(state), irqtrace.rates(trace, "4ms"))


def test_a_recorder_that_is_started_again_begins_another_recording_behind_the_first(tmp_path: Path) -> None:
    small(tmp_path)
    again = rotated(changing_machine(4, SAMPLES), cut_at_random(changing_machine(4, SAMPLES), 4, 2), recording="r2")
    for meta, _ in again:
        meta["t0_ns"] += 10**9
    paths = save(tmp_path, again, behind=3)
    for name in ("", "t.parquet"):
        with pytest.raises(
            TraceFormatError, match=r"several recordings: .*t-000003\.parquet \(.*; .*t-000004\.parquet to"
        ):
            open_trace(tmp_path / name)
        newest = open_trace(tmp_path / name, newest=True)
        assert newest._meta["recording"] == "r2"
        assert_frame_equal(newest.frame(), open_trace(tmp_path / "t-00000[4-6].parquet").frame())
    assert len(irqtrace.report(tmp_path).traces) == 2
    paths[1].write_text("")
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000005\.parquet: no trace: empty"):
        open_trace(tmp_path, newest=True)


def test_many_segments_are_one_trace(tmp_path: Path) -> None:
    machine = changing_machine(1, 220)
    cuts = cut_at_random(machine, 1, most=200)
    assert len(cuts) > 150
    save(tmp_path / "s", rotated(machine, cuts))
    assert_is(open_trace(tmp_path / "s"), in_memory(machine.made))


def test_of_many_segments_few_are_open_at_a_time(tmp_path: Path) -> None:
    machine = changing_machine(1, 220)
    save(tmp_path / "s", rotated(machine, cut_at_random(machine, 1, most=200)))
    script = 'ulimit -n 64; exec "$0" -m irqtrace "$@"'
    for verb in ("rates", "jitter", "storms", "dump"):
        asked = [verb, str(tmp_path / "s"), *(["-o", str(tmp_path / "d.parquet")] if verb == "dump" else [])]
        command = ["/bin/sh", "-c", script, sys.executable, *asked]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (process.returncode, process.stderr) == (0, "")
    assert_is(open_trace(tmp_path / "d.parquet"), in_memory(machine.made))


def test_segments_are_found_again_wherever_one_stands_by_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    trace, whole = open_trace("s"), open_trace(tmp_path / "s")
    monkeypatch.chdir("/")
    for begin, end in ((None, None), ("1ms", "3ms"), ("9ms", "11ms"), ("5ms", "20ms")):
        assert_frame_equal(trace.slice(begin, end).frame(), whole.slice(begin, end).frame())
    assert_frame_equal(pickle.loads(pickle.dumps(trace)).frame(), whole.frame())  # noqa: S301


@pytest.mark.parametrize("growth", [0, 3])
def test_a_cell_of_a_line_that_came_in_a_gap_begins_anew_when_it_comes_back(tmp_path: Path, growth: int) -> None:
    lives = [Life("irq", "10", "old"), Life("irq", "20", "new", first=9)]
    machine = recorded(
        lives,
        online=lambda sample: {1} if 17 <= sample < 19 else {0, 1},
        # What the CPU that comes back had before is not what it begins with.
        growth=lambda _line, _cpu, sample: growth if sample >= 19 else 5,
        reads={"irq": range(SAMPLES)},
    )
    paths = save(tmp_path, rotated(machine, (8, 15)))
    paths[1].unlink()
    with pytest.warns(IrqtraceWarning, match="number 2"):
        trace = open_trace(tmp_path)
    trace.write(tmp_path / "w")
    whole = in_memory(machine.made)
    for begin in range(15, SAMPLES):
        parts = [one.slice(f"{begin}ms") for one in (trace, open_trace(tmp_path / "w"), whole)]
        assert known(parts[0]) == known(parts[1])
        assert known(parts[1])["finals"] == known(parts[2])["finals"]
        assert all(map(conserved, parts))


def test_a_part_that_lies_in_a_gap_is_told_so_and_has_nothing(tmp_path: Path) -> None:
    paths = small(tmp_path)
    paths[1].unlink()
    with pytest.warns(IrqtraceWarning, match="number 2"):
        trace = open_trace(tmp_path)
    trace.write(tmp_path / "w")
    for begin, end in ((9, 13), (3, 12), (9, 20), (8, 15), (3, 20)):
        parts = [one.slice(f"{begin}ms", f"{end}ms") for one in (trace, open_trace(tmp_path / "w"))]
        for part in parts:
            assert [w.type for w in part.warnings] == ["missing_segments"]
        assert known(parts[0]) == known(parts[1])
        assert_frame_equal(*(irqtrace.rates(part, "1ms") for part in parts))
        if 8 < begin < end <= 15:
            assert parts[0]._meta["previous"] == []
            assert irqtrace.rates(parts[0]).is_empty()


def test_a_segment_that_is_given_twice_is_said_to_be(tmp_path: Path) -> None:
    folder, link = tmp_path / "there", tmp_path / "link"
    path = small(folder)[0]
    link.symlink_to("there")
    for sources in ([path, path], [folder, path], [folder, folder], [folder, folder / "t.parquet"], [folder, link]):
        with pytest.raises(ValueError, match=rf"reads in common: .*/{path.name} is given twice; give each part once"):
            irqtrace.rates(sources)


def test_a_recording_that_was_named_by_a_link_is_opened_by_it(tmp_path: Path) -> None:
    small(tmp_path / "there")
    link = tmp_path / "link.parquet"
    link.symlink_to("there/t.parquet")
    assert_frame_equal(open_trace(link).frame(), open_trace(tmp_path / "there").frame())
    assert_frame_equal(irqtrace.rates(link), irqtrace.rates(tmp_path / "there"))
