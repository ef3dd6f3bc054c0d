"""A recording in segments is one trace: the one that it would have been in one piece."""

from __future__ import annotations

import copy
import pickle
import random
import subprocess
import sys
import warnings
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from hotplug import Life, Recorded, changing_machine, recorded
from irqtrace import Cost, IrqtraceWarning, TraceFormatError, _core, joining, listing, open_trace, unfinished
from irqtrace.analyses import imbalance, jitter, rates
from irqtrace.analyses.state import merge
from irqtrace.cli import main
from killed import recorder, until
from made import T0_NS, in_memory, small_trace
from rotated import anew, rotated, save
from test_trace import conserved

if TYPE_CHECKING:
    from collections.abc import Callable
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
    meta: dict[str, Any] = {**trace._meta}
    for counts in ("baselines", "finals"):
        rows = zip(*(meta[counts][name] for name in ("line", "cpu", "sample", "count")), strict=True)
        meta[counts] = sorted(rows, key=lambda row: (row[2], row[0], row[1] is None, row[1] or 0))
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
    written = open_trace(tmp_path / "w.parquet")
    for low in range(1, newest):
        part, of_written = trace.slice(f"{low}ms"), written.slice(f"{low}ms")
        assert_frame_equal(part.frame(), of_written.frame())
        assert known(part) == known(of_written)
        assert conserved(part)
    for one in (trace, written):
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


def small(folder: Path, cuts: tuple[int, ...] = (8, 15), name: str = "t") -> list[Path]:
    """A recording in three segments, of the samples up to 7, 14 and 23."""
    return save(folder, rotated(steady(), cuts, recording=name), name)


def steady() -> Recorded:
    """A machine on which nothing is missed where these segments end."""
    machine = changing_machine(3, SAMPLES)
    assert {read.sample for read in machine.made.reads} >= {0, 7, 14, 23}
    return machine


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


def test_an_empty_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no trace files"):
        open_trace(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file matches"):
        open_trace(tmp_path / "t-*.parquet")
    with pytest.raises(FileNotFoundError):
        open_trace(tmp_path / "t.parquet")


# Gives up every right after all is loaded, as in test_privilege.py.
OPEN_AS_NOBODY = """
import os, sys
import irqtrace
from irqtrace.cli import main
assert main(["rates", "s"]) == 0
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for name in sys.argv[1:]:
    for verb in ("rates", "repair"):
        assert main([verb, name]) == 1
"""


@pytest.mark.parametrize("mode", [0o000, 0o711])
def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, mode: int) -> None:
    small(tmp_path / "s")
    small(tmp_path / "shut")
    (tmp_path / "shut").chmod(mode)
    tmp_path.chmod(0o755)
    names = ["shut", "shut/t.parquet", "shut/*.parquet"]
    command = [sys.executable, "-c", OPEN_AS_NOBODY, *names]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (tmp_path / "shut").chmod(0o755)
    assert process.returncode == 0, process.stderr
    said = process.stderr.splitlines()
    assert len(said) == 2 * len(names)
    assert all(line.startswith("irqtrace: shut") and line.endswith(": permission denied") for line in said), said


def test_what_is_no_file_among_segments_is_said_in_words(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "sub.parquet").mkdir()
    with pytest.warns(IrqtraceWarning, match=r"^[^\[]*/sub\.parquet: is a directory: left out"):
        assert conserved(open_trace(tmp_path))


def test_segments_of_which_none_is_unfinished_are_not_said_to_be_none(tmp_path: Path) -> None:
    small(tmp_path)
    for name in (tmp_path, tmp_path / "t.parquet", tmp_path / "t-*.parquet"):
        with pytest.raises(OSError, match="there is nothing unfinished among its files to repair"):
            irqtrace.repair(name)
    with pytest.raises(FileNotFoundError):
        irqtrace.repair(tmp_path / "u.parquet")


def test_several_recordings_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    small(tmp_path, name="a")
    small(tmp_path, name="b", cuts=(9,))
    both = r"a-000001\.parquet to .*a-000003\.parquet \(of testhost, from 2023.*; .*b-000001\.parquet to .*b-000002"
    with pytest.raises(TraceFormatError, match=both):
        open_trace(tmp_path)
    assert len(open_trace(tmp_path / "a.parquet").samples) == len(open_trace(tmp_path / "b-*.parquet").samples)
    assert len(irqtrace.report([tmp_path / "a.parquet"]).traces) == 1


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


def test_a_segment_of_another_recording_among_the_others_is_named(tmp_path: Path) -> None:
    small(tmp_path)
    meta, made = rotated(steady(), [8, 15], recording="r2")[1]
    meta["host"]["host"] = "other"
    (path,) = save(tmp_path / "other", [(meta, made)])
    path.rename(tmp_path / path.name)
    with pytest.raises(
        TraceFormatError, match=r"t-000002\.parquet: stands among .*t-000001\.parquet: its host is other"
    ):
        open_trace(tmp_path)


def test_traces_in_a_folder_that_are_no_segments_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_trace().save(tmp_path / f"{name}.parquet")
    with pytest.raises(
        TraceFormatError, match=r"2 traces that are no segments of one recording \(.*a\.parquet, .*b\.parquet\)"
    ):
        open_trace(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"host": {"host": "other"}}, r"does not belong to .*t-000001\.parquet: its host is other and not testhost"),
        ({"host": {"boot": "b00b"}}, "its boot is b00b and not b007"),
        ({"interval_ns": 5}, "its interval in ns is 5 and not 1000000"),
        ({"segment": 2}, r"is segment 2 of its recording, and so is .*t-000002\.parquet"),
        ({"span": [14, 24]}, r"overlaps .*t-000002\.parquet: it begins with sample 14, and that goes up to 14"),
        ({"span": [16, 24]}, r"does not follow .*t-000002\.parquet: it begins with sample 16, and that ends with 14"),
        ({"span": None}, "segment 3 has no span"),
        (
            {"baselines": {"count": 10**9}},
            r"does not follow .*t-000002\.parquet: line .* begins with a count of 1000000000",
        ),
        ({"baselines": None}, r"begins with a count of 0 and not with the \d+ before it"),
    ],
)
@pytest.mark.parametrize("name", ["", "t.parquet"])
def test_a_segment_that_does_not_belong_is_named(tmp_path: Path, change: dict[str, Any], says: str, name: str) -> None:
    segments = rotated(steady(), [8, 15])
    meta = segments[2][0]
    paths = save(tmp_path, segments)
    for key, value in change.items():
        if key == "baselines":
            counts = meta[key]["count"]
            meta[key] = (
                {column: [] for column in meta[key]} if value is None else {**meta[key], "count": [10**9, *counts[1:]]}
            )
        else:
            meta[key] = {**meta[key], **value} if isinstance(value, dict) else value
    (path,) = save(tmp_path / "changed", [(meta, segments[2][1])])
    path.rename(paths[2])
    with pytest.raises(TraceFormatError, match=rf"t-000003\.parquet: .*{says}"):
        open_trace(tmp_path / name)


def test_a_damaged_segment_is_a_gap_that_names_it(tmp_path: Path) -> None:
    paths = small(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-9])
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet: truncated") as told:
        trace = open_trace(tmp_path)
    assert [warning.filename for warning in told] == [__file__]
    (warning,) = trace.warnings
    assert (warning.type, warning.count, warning.first_sample, warning.last_sample) == ("missing_segments", 1, 8, 14)
    assert "2023-11-14 22:13:20.008 to 2023-11-14 22:13:20.015 UTC" in str(warning)
    assert conserved(trace)


def test_what_is_no_trace_among_segments_is_left_out_with_its_name(tmp_path: Path) -> None:
    small(tmp_path)
    frame = open_trace(tmp_path).frame()
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.warns(IrqtraceWarning, match=r"other\.parquet: no trace: .*: left out, and the segments are opened"):
        assert_frame_equal(open_trace(tmp_path).frame(), frame)


def test_what_was_cut_out_of_a_recording_is_no_segment_of_it(tmp_path: Path) -> None:
    small(tmp_path)
    trace = open_trace(tmp_path)
    frame = trace.frame()
    trace.slice("3ms", "9ms").write(tmp_path / "cut-out.parquet")
    assert_frame_equal(open_trace(tmp_path).frame(), frame)


def test_files_that_are_renamed_or_dropped_while_they_are_opened_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = small(tmp_path)
    read_footer = irqtrace.files.read_footer
    dropped: list[Path] = []

    def drop_before_it_is_read(path: str) -> Any:  # noqa: ANN401
        if not dropped:
            dropped.append(paths[0])
            paths[0].unlink()
        return read_footer(path)

    monkeypatch.setattr(irqtrace.files, "read_footer", drop_before_it_is_read)
    trace = open_trace(tmp_path)
    assert dropped
    assert trace._meta["span"] == [8, 24]


def test_files_that_never_settle_are_an_error_and_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path)

    def gone(path: str) -> Any:  # noqa: ANN401
        raise FileNotFoundError(path)

    monkeypatch.setattr(irqtrace.files, "read_footer", gone)
    with pytest.raises(OSError, match="come and go faster than they can be opened"):
        open_trace(tmp_path)


class Tail:
    """A last segment that is under way, made of one that is complete."""

    def __init__(self, path: Path, *, under_way: bool = True) -> None:
        self.table = pq.read_table(path)
        self.meta = self.table.schema.metadata[b"irqtrace"].decode()
        self.under_way = under_way

    def check(self, at_most: int | None = None) -> None:
        assert at_most is None or at_most > 0

    def flat(self, columns: list[str] | None = None) -> pa.Table:
        return self.table.select(columns or self.table.column_names)


@pytest.mark.parametrize("under_way", [True, False])
def test_the_last_segment_may_be_without_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, under_way: bool
) -> None:
    paths = small(tmp_path)
    frame = open_trace(tmp_path).frame()
    tail = Tail(paths[2], under_way=under_way)
    for suffix in (".partial", ".journal"):
        paths[2].with_name(paths[2].name + suffix).touch()
    paths[2].unlink()
    monkeypatch.setattr(unfinished, "find", {str(paths[2]): tail}.get)
    said = "t-000003.parquet: the recording " + ("is still under way" if under_way else "was cut off")
    for name in ("", "t.parquet", "t-*.parquet"):
        with pytest.warns(IrqtraceWarning, match=said) as told:
            trace = open_trace(tmp_path / name)
        assert [warning.filename for warning in told] == [__file__]
        assert_frame_equal(trace.frame(), frame)
    assert_frame_equal(pickle.loads(pickle.dumps(trace)).frame(), frame)  # noqa: S301
    assert conserved(trace.slice("12ms"))
    with pytest.warns(IrqtraceWarning, match=said):
        assert_frame_equal(irqtrace.rates(tmp_path), irqtrace.rates(trace))


def test_a_segment_that_ended_too_early_leaves_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = steady()
    paths = save(tmp_path, rotated(machine, [8, 15]))
    (early,) = save(tmp_path / "early", rotated(machine, [8, 12])[1:2])
    tail = Tail(early, under_way=False)
    early.unlink()
    paths[1].rename(paths[1].with_name(paths[1].name + ".partial"))
    monkeypatch.setattr(unfinished, "find", {str(paths[1]): tail}.get)
    with pytest.warns(IrqtraceWarning, match=r"the end of number 2, .*t-000002\.parquet"):
        trace = open_trace(tmp_path)
    assert [(w.first_sample, w.last_sample) for w in trace.warnings] == [(12, 14)]
    assert conserved(trace)


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


@pytest.mark.parametrize("at", range(3))
def test_a_segment_that_another_tool_wrote_anew_is_read_as_it_is(tmp_path: Path, at: int) -> None:
    paths = small(tmp_path)
    frame = open_trace(tmp_path).frame()
    table = pq.read_table(paths[at])
    plain = table.cast(
        pa.schema([(field.name, pa.int64() if field.name == "cpu" else _plain(field.type)) for field in table.schema])
    )
    written = plain.append_column("note", pa.nulls(len(plain), pa.string()))
    pq.write_table(written.replace_schema_metadata(table.schema.metadata), paths[at])
    assert_frame_equal(open_trace(tmp_path).frame(), frame)


def _plain(of: pa.DataType) -> pa.DataType:
    return of.value_type if pa.types.is_dictionary(of) else of


@pytest.mark.parametrize("at_once", [1.5, 100])
def test_damaged_rows_of_a_segment_are_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: float
) -> None:
    """However long they are together."""
    paths = small(tmp_path)
    monkeypatch.setattr(joining, "AT_ONCE_BYTES", int(at_once * max(path.stat().st_size for path in paths)))
    for path in paths:
        table = pq.read_table(path)
        irqtrace.files.write(table, table.schema.metadata[b"irqtrace"].decode(), path, overwrite=True)
    open_trace(tmp_path).frame()
    data = bytearray(paths[1].read_bytes())
    # Behind its row group, where no reader of rows stumbles over it.
    data[data.rindex(b"PAR1", 0, -4) - 9] ^= 1
    paths[1].write_bytes(data)
    trace = open_trace(tmp_path)
    for read in (trace.frame, lambda: trace.deltas, lambda: trace.slice("10ms"), lambda: irqtrace.rates(tmp_path)):
        with pytest.raises(TraceFormatError, match=r"t-000002\.parquet: damaged"):
            read()


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_what_a_recorder_writes_in_segments_is_one_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    kinds = {"irq": "1ms", "arch": "1ms", "softirq": "30ms"}
    recorded = irqtrace.record("1s", kinds=kinds, path=path, rotate="50ms")
    assert len(list(tmp_path.iterdir())) >= 3
    for trace in (recorded, open_trace(tmp_path), open_trace(path)):
        assert conserved(trace)
        assert [warning.type for warning in trace.warnings if warning.type == "missing_segments"] == []
        samples = trace.samples
        for group in trace._meta["groups"]:
            assert len(samples.filter(kind=group["kind"])) == group["reads"]
    frame = recorded.frame()
    recorded.write(tmp_path / "whole")
    assert_frame_equal(open_trace(tmp_path / "whole").frame(), frame)
    assert_frame_equal(irqtrace.rates(tmp_path, "100ms"), irqtrace.rates(tmp_path / "whole", "100ms"))
    (tmp_path / "t-000002.parquet").unlink()
    with pytest.warns(IrqtraceWarning, match="number 2, from"):
        assert conserved(open_trace(tmp_path))


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_segments_are_opened_and_dumped_while_their_recorder_begins_and_drops_others(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    process = recorder(folder / "t.parquet", "--flush", "20ms", "--rotate", "40ms", "--keep", "120ms")
    try:
        until(lambda: any(listing.number_of(str(path)) > 4 for path in folder.glob("*.parquet")), process)
        for number in range(10):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                dumped = irqtrace.dump(folder, tmp_path / f"{number}.parquet", last="100ms" if number % 2 else None)
            assert conserved(dumped)
            assert dumped.info.duration_ns >= 80_000_000
            assert not [warning for warning in told if "not there" in str(warning.message)]
            assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = open_trace(folder)
    assert conserved(trace)
    assert trace._meta["recording"] is not None


def with_another(folder: Path) -> int:
    """The segments of a recording besides another trace in one folder; and what the other counts."""
    small(folder)
    other = small_trace().save(folder / "zz.parquet")
    return counted(other)


def counted(source: Any) -> int:  # noqa: ANN401 - whatever an analysis takes
    return int(irqtrace.rates(source)["count"].sum())


def test_a_damaged_file_takes_no_other_out_of_an_analysis(tmp_path: Path) -> None:
    trace = in_memory(steady().made)
    paths = [tmp_path / f"{name}.parquet" for name in ("day-000126", "day-000127", "day-20261127", "zz")]
    for at, path in enumerate(paths):
        trace.slice(f"{6 * at}ms", f"{6 * at + 6}ms").write(path)
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    with pytest.warns(IrqtraceWarning, match=r"day-000127\.parquet: truncated.*: left out") as told:
        assert counted(tmp_path) == counted([paths[0], *paths[2:]])
    assert len(told) == 1


def test_segments_that_do_not_go_together_take_no_other_recording_out_of_an_analysis(tmp_path: Path) -> None:
    other = with_another(tmp_path)
    copy_of = tmp_path / "t-000009.parquet"
    copy_of.write_bytes((tmp_path / "t-000002.parquet").read_bytes())
    with pytest.warns(IrqtraceWarning, match="is segment 2 of its recording, and so is .*: left out"):
        assert counted(tmp_path) == other


def test_what_only_a_dump_or_a_renamed_segment_has_is_analysed(tmp_path: Path) -> None:
    paths = small(tmp_path)
    whole = open_trace(tmp_path)
    rates_of_all = irqtrace.rates(whole)
    whole.slice(None, "8ms").write(tmp_path / "early.parquet")
    whole.slice("4ms", "10ms").write(tmp_path / "dump.parquet")
    late = irqtrace.rates(whole.slice("4ms"))
    assert_frame_equal(irqtrace.rates(tmp_path), rates_of_all)
    paths[0].unlink()
    for source in (tmp_path, [tmp_path / "early.parquet", tmp_path / "t.parquet", tmp_path / "dump.parquet"]):
        assert_frame_equal(irqtrace.rates(source), rates_of_all)
    (tmp_path / "early.parquet").unlink()
    # Of the first 8 ms the other dump has the second half.
    assert irqtrace.rates(tmp_path)["count"].to_list() == late["count"].to_list()


def test_a_segment_of_another_name_is_one_of_its_recording(tmp_path: Path) -> None:
    paths = small(tmp_path)
    expected = irqtrace.rates(tmp_path)
    paths[1].rename(tmp_path / "q.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_frame_equal(irqtrace.rates(tmp_path), expected)


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


def test_a_trace_in_the_place_of_a_missing_segment_leaves_a_gap_that_names_it(tmp_path: Path) -> None:
    paths = small(tmp_path)
    part = open_trace(tmp_path).slice("1ms", "3ms")
    paths[1].unlink()
    part.write(paths[1])
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet is another trace"):
        assert [w.type for w in open_trace(tmp_path).warnings] == ["missing_segments"]
    paths[1].unlink()
    paths[1].symlink_to("nowhere")
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet: a link to what is not there"):
        assert conserved(open_trace(tmp_path))
    paths[1].unlink()
    paths[2].rename(paths[1])
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet is another trace"):
        assert conserved(open_trace(tmp_path))


def test_segments_that_were_not_asked_for_are_a_gap(tmp_path: Path) -> None:
    paths = small(tmp_path)
    with pytest.warns(IrqtraceWarning, match=r"t-000002\.parquet was not asked for"):
        assert conserved(open_trace(tmp_path / "t-00000[13].parquet"))
    with pytest.warns(IrqtraceWarning, match=r"t-000002\.parquet was not asked for"):
        irqtrace.rates([paths[0], paths[2]])


def test_a_file_that_was_given_and_is_not_there_is_left_out_with_its_name(tmp_path: Path) -> None:
    paths = small(tmp_path)
    with pytest.warns(IrqtraceWarning, match=r"gone\.parquet: no such file.*: left out"):
        irqtrace.rates([*paths, tmp_path / "gone.parquet"])


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


def test_a_recording_that_was_named_by_a_link_is_opened_by_it(tmp_path: Path) -> None:
    small(tmp_path / "there")
    link = tmp_path / "link.parquet"
    link.symlink_to("there/t.parquet")
    assert_frame_equal(open_trace(link).frame(), open_trace(tmp_path / "there").frame())
    assert_frame_equal(irqtrace.rates(link), irqtrace.rates(tmp_path / "there"))


def test_an_opened_recording_under_way_can_be_read_when_its_segments_are_removed(tmp_path: Path) -> None:
    paths = small(tmp_path)
    frame, every = open_trace(tmp_path).frame(), irqtrace.rates(tmp_path, "2ms")
    # The next has begun, and nothing of it is there.
    (tmp_path / "t-000004.parquet.partial").write_bytes(b"PAR1")
    trace, flat, part = open_trace(tmp_path), open_trace(tmp_path).scan(), open_trace(tmp_path).slice("5ms")
    for path in paths:
        path.unlink()
    assert trace.info.duration_ns == SAMPLES * 10**6
    assert_frame_equal(flat.collect(), frame)
    assert_frame_equal(
        flat.filter(pl.col("sample") > 9).select("delta").collect(engine="streaming"),
        frame.filter(pl.col("sample") > 9).select("delta"),
    )
    for one in (trace, pickle.loads(pickle.dumps(trace))):  # noqa: S301
        assert_frame_equal(one.frame(), frame)
        assert_frame_equal(irqtrace.rates(one, "2ms"), every)
    assert_frame_equal(pickle.loads(pickle.dumps(part)).frame(), part.frame())  # noqa: S301
    assert conserved(trace.slice("12ms"))


@pytest.mark.parametrize("at_once", [0, 1 << 20])
def test_a_segment_that_was_removed_though_it_was_to_be_read_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("irqtrace.segments.HELD", 1)
    # Long ones are not checked before they are read.
    monkeypatch.setattr("irqtrace.files.AT_ONCE_BYTES", at_once)
    paths = small(tmp_path / "s")
    (tmp_path / "s" / "t-000004.parquet.partial").write_bytes(b"PAR1")
    trace = open_trace(tmp_path / "s")
    for path in paths[:2]:
        path.unlink()
    for read in (
        trace.frame,
        lambda: trace.deltas,
        lambda: irqtrace.quality(trace),
        lambda: irqtrace.rates(trace),
        lambda: trace.write(tmp_path / "w.parquet"),
        lambda: trace.slice("9ms", "11ms").frame(),
    ):
        with pytest.raises(FileNotFoundError, match=r"removed since the trace was opened.*open it again.*/s") as told:
            read()
        assert told.value.filename
    # What was kept open, and what is still there.
    assert conserved(trace.slice("1ms", "3ms"))
    assert conserved(trace.slice("17ms"))


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_analyses_beside_a_recorder_that_drops_segments_lose_nothing(tmp_path: Path) -> None:
    process = recorder(tmp_path / "t.parquet", "--flush", "20ms", "--keep", "1s")
    try:
        until(lambda: any(listing.number_of(str(path)) > 14 for path in tmp_path.glob("*.parquet")), process)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IrqtraceWarning)
            for _ in range(20):
                assert counted(tmp_path) > 0
                assert counted(tmp_path / "t.parquet") > 0
                assert open_trace(tmp_path).info.duration_ns > 0
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_the_command_tells_what_is_left_out_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segments = rotated(steady(), [8, 15])
    paths = save(tmp_path, segments)
    table = pq.read_table(paths[1])
    irqtrace.files.write(table, table.schema.metadata[b"irqtrace"].decode(), paths[1], overwrite=True)
    data = bytearray(paths[1].read_bytes())
    data[200] ^= 1
    paths[1].write_bytes(data)
    small(tmp_path, name="other")
    assert main(["storms", str(tmp_path), "--every", "4ms"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "t-000002.parquet: damaged" in told[0]
