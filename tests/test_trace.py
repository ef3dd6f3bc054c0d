"""A trace opened, cut, written and handed on is the trace that was recorded."""

from __future__ import annotations

import copy
import itertools
import json
import os
import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import nanoarrow
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from checked import assert_same_trace, conserved
from irqtrace import TraceFormatError, open_trace
from irqtrace.schema import ENGINES, FLAT_ARROW, KINDS
from made import T0_NS, MadeLine, MadeRead, MadeTrace, small_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from irqtrace import Trace

BEGIN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def in_duckdb(trace: Trace) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.register("t", trace).execute("select sample, line, cpu, delta from t").fetchall()


def queried(query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def test_frames_have_the_promised_columns(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    kind, engine = pl.Enum(["irq", "arch", "softirq"]), pl.Enum(["proc", "sysfs", "bpf", "replay"])
    time = pl.Datetime("ns", "UTC")
    assert dict(trace.deltas.schema) == {
        "sample": pl.Int64,
        "time": time,
        "read_ns": pl.UInt32,
        "line": pl.UInt32,
        "cpu": pl.UInt16,
        "delta": pl.Int64,
    }
    assert dict(trace.samples.schema) == {
        "sample": pl.Int64,
        "time": time,
        "read_ns": pl.UInt32,
        "kind": kind,
        "engine": engine,
        "late_ns": pl.Int64,
    }
    assert dict(trace.lines.schema) == {
        "line": pl.UInt32,
        "kind": kind,
        "engine": engine,
        "irq": pl.Categorical,
        "name": pl.Categorical,
        "number": pl.UInt32,
        "chip": pl.String,
        "hwirq": pl.UInt64,
        "trigger": pl.String,
        "actions": pl.List(pl.String),
        "first_sample": pl.Int64,
        "last_sample": pl.Int64,
    }
    assert trace.frame().columns == FLAT_ARROW.names
    assert trace.scan().collect_schema() == trace.frame().schema


def test_frames_say_what_was_read(make_trace: Callable[..., Trace]) -> None:
    made = small_trace()
    trace = make_trace(made)
    assert len(trace.samples) == len(made.reads)
    read = made.reads[7]
    row = trace.samples.filter(sample=read.sample, kind=read.kind).row(0, named=True)
    assert row["read_ns"] == read.length
    assert row["late_ns"] == read.begin - read.sample * made.interval_ns
    expected = {(read.sample, *cell): delta for read in made.reads for cell, delta in read.deltas.items()}
    got = {row[:3]: row[3] for row in trace.deltas.select("sample", "line", "cpu", "delta").iter_rows()}
    assert got == expected


def test_a_number_given_to_another_device_belongs_to_the_line_of_its_time(make_trace: Callable[..., Trace]) -> None:
    lines = [
        MadeLine(0, "irq", "9", "eth0", last=2),
        MadeLine(1, "irq", "9", "nvme", first=3, last=3),
        MadeLine(2, "irq", "9", "eth0", first=4),
    ]
    at = [0, 0, 0, 1, 2, 2]
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 100, {(at[n], 0): n}) for n in range(6)]
    trace = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, lines, reads))
    assert trace.deltas["line"].to_list() == at


def test_a_trace_is_opened_without_its_rows_being_read(tmp_path: Path) -> None:
    path = small_trace().save(tmp_path / "t.parquet")
    trace = open_trace(path)
    lines, warnings = trace.lines, trace.warnings
    path.unlink()
    assert (len(lines), warnings) == (6, ())
    with pytest.raises(FileNotFoundError):
        _ = trace.deltas


@pytest.mark.parametrize("name", ["t [1].parquet", "t*.parquet", "ünï.parquet", "a=1.parquet"])
def test_a_path_is_a_name_and_no_pattern(tmp_path: Path, name: str) -> None:
    assert len(open_trace(small_trace().save(tmp_path / name)).deltas) > 0


def test_what_is_written_is_what_was_there(make_trace: Callable[..., Trace], tmp_path: Path) -> None:
    trace = make_trace()
    trace.write(tmp_path / "copy.parquet")
    assert_same_trace(open_trace(tmp_path / "copy.parquet"), trace)


def test_a_part_can_be_written_and_is_the_same_part(make_trace: Callable[..., Trace], tmp_path: Path) -> None:
    part = make_trace().slice("7ms", "23ms")
    part.write(tmp_path / "part.parquet")
    assert_same_trace(open_trace(tmp_path / "part.parquet"), part)


def test_an_existing_file_is_left_alone_unless_told(make_trace: Callable[..., Trace], tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    path.write_text("kept")
    with pytest.raises(FileExistsError):
        make_trace().write(path)
    assert path.read_text() == "kept"
    make_trace().write(path, overwrite=True)
    assert len(open_trace(path).deltas) > 0


def test_arrow_has_the_types_of_the_file(make_trace: Callable[..., Trace]) -> None:
    made = small_trace()
    trace = make_trace(made)
    for table in (trace.to_arrow(), trace.slice("5ms").to_arrow()):
        assert table.schema.equals(FLAT_ARROW)
    assert trace.to_arrow().to_pylist() == made.table().to_pylist()


@pytest.mark.parametrize(
    "take",
    [
        pl.DataFrame,
        pa.table,
        nanoarrow.Array,
        pd.DataFrame.from_arrow,
        in_duckdb,
    ],
    ids=["polars", "pyarrow", "nanoarrow", "pandas", "duckdb"],
)
def test_other_libraries_take_a_trace_as_it_is(make_trace: Callable[..., Trace], take: Callable[[Trace], Any]) -> None:
    trace = make_trace()
    assert len(take(trace)) == len(trace.deltas)
    assert len(take(trace)) == len(trace.deltas)


def test_any_tool_can_query_the_file(tmp_path: Path) -> None:
    made = small_trace()
    path = made.save(tmp_path / "t.parquet")
    query = f"select name, cpu, sum(delta)::bigint from '{path}' where irq is not null group by all"  # noqa: S608 - ours
    names = {line.line: line.name for line in made.lines}
    expected: dict[tuple[str, int | None], int] = {}
    for read in made.reads:
        for (line, cpu), delta in read.deltas.items():
            expected[names[line], cpu] = expected.get((names[line], cpu), 0) + delta
    assert {(name, cpu): total for name, cpu, total in queried(query)} == expected


def test_info_says_what_was_recorded_where(make_trace: Callable[..., Trace]) -> None:
    info = make_trace().info
    assert (info.interval_ns, info.t0_ns, info.begin, info.duration) == (
        1_000_000,
        T0_NS,
        BEGIN,
        timedelta(milliseconds=40),
    )
    assert (info.host.host, info.host.kernel, info.host.cpus_online) == ("testhost", "6.18.0", (0, 1))
    assert [(group.kind, group.interval_ns) for group in info.groups] == [
        ("irq", 1_000_000),
        ("arch", 5_000_000),
        ("softirq", 1_000_000),
    ]
    assert info.cost is not None
    with pytest.raises(AttributeError):
        info.interval_ns = 5  # type: ignore[misc]


def test_warnings_and_marks_are_typed(make_trace: Callable[..., Trace]) -> None:
    made = small_trace()
    made.warnings.append(
        {"type": "reset", "kind": "irq", "engine": "proc", "line": 1, "count": 2}
        | {"first_sample": 3, "last_sample": 30, "worst": None, "message": "irq 25 eth0-tx-0 began again from zero"}
    )
    made.marks.append({"sample": 12, "time_ns": T0_NS + 12_300_000, "text": "moved irq 24"})
    trace = make_trace(made)
    assert (trace.warnings[0].type, trace.warnings[0].line, trace.marks[0].text) == ("reset", 1, "moved irq 24")
    assert str(trace.warnings[0]) == "irq 25 eth0-tx-0 began again from zero"
    assert "1 warnings" in repr(trace)
    assert trace.slice("10ms", "15ms").marks == trace.marks
    assert trace.slice("13ms", "15ms").marks == ()
    assert trace.slice("31ms").warnings == ()


def test_a_trace_shows_itself(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    assert "40 ms at 1ms" in repr(trace)
    assert "<table>" in trace._repr_html_()


# Parts


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (None, None, 0, 39),
        ("0s", "10ms", 0, 9),
        ("10ms", None, 10, 39),
        ("9.5ms", "10ms", None, None),
        ("9.5ms", "10.5ms", 10, 10),
        ("-10ms", None, 30, 39),
        ("-10ms", "-5ms", 30, 34),
        (timedelta(milliseconds=3), timedelta(milliseconds=-30), 3, 9),
        (BEGIN + timedelta(milliseconds=2), "2023-11-14T22:13:20.004Z", 2, 3),
        ("2023-11-14 22:13:20.002", "2023-11-14T23:13:20.004+01:00", 2, 3),
        ("-1h", "1h", 0, 39),
    ],
)
def test_a_part_holds_the_reads_whose_grid_point_lies_in_it(
    make_trace: Callable[..., Trace],
    start: Any,  # noqa: ANN401 - whatever slice takes
    end: Any,  # noqa: ANN401 - as above
    first: int | None,
    last: int | None,
) -> None:
    samples = make_trace(small_trace(missed=0)).slice(start, end).samples["sample"]
    assert (samples.min(), samples.max()) == (first, last)


@pytest.mark.parametrize(
    ("start", "end"), [("5ms", "5ms"), ("6ms", "5ms"), ("40ms", None), ("1h", "2h"), ("soon", None)]
)
def test_a_part_that_is_none_is_refused_with_what_there_is(
    make_trace: Callable[..., Trace], start: str, end: str
) -> None:
    with pytest.raises(ValueError, match=r"start is not before end|it goes from 2023-11-14T22:13:20|is no duration"):
        make_trace().slice(start, end)


def test_the_whole_is_a_part_of_itself(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    part = trace.slice()
    unknown = {"cpu_ns": 0, "wall_ns": 0, "reads": 0, "sleeps": 0, "spins": 0}
    assert part._meta == {**trace._meta, "span": [0, 40], "cost": unknown}
    for frame in ("deltas", "samples", "lines"):
        assert_frame_equal(getattr(part, frame), getattr(trace, frame))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 40))
def test_parts_conserve_counts_and_follow_one_another(
    tmp_path_factory: pytest.TempPathFactory, seed: int, one: int, two: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    made = small_trace(seed, missed=0.3)
    trace = open_trace(made.save(folder / "t.parquet"))
    edges = sorted({0, one, two, 40})
    parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in itertools.pairwise(edges) if a < trace.info.duration_ns / 1e6]
    assert all(conserved(part) for part in parts)
    assert_frame_equal(pl.concat([part.samples for part in parts]), trace.samples)
    grown = pl.concat([part.deltas.filter(pl.col("delta") > 0) for part in parts])
    assert_frame_equal(grown, trace.deltas.filter(pl.col("delta") > 0))
    for group in ("irq", "arch", "softirq"):
        reads = sum(g.reads for part in parts for g in part.info.groups if g.kind == group)
        assert reads == len(trace.samples.filter(kind=group))
    for part in parts:
        cells = part.deltas.select("line", "cpu").unique()
        groups = part.samples["kind"].unique()
        assert len(cells) == sum({"irq": 6, "arch": 3, "softirq": 2}[kind] for kind in groups)
        first = part.deltas.join(part.lines.select("line", "kind"), on="line")
        begun = first.filter((pl.col("sample") == pl.col("sample").min()).over("kind"))
        assert len(begun) == len(cells)


def test_a_part_knows_the_read_before_it(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(missed=0))
    part = trace.slice("12ms", "20ms")
    assert [(read["kind"], read["sample"]) for read in part._meta["previous"]] == [
        ("irq", 11),
        ("arch", 10),
        ("softirq", 11),
    ]
    inner = part.slice("0s", "2ms")
    assert inner._meta["previous"] == part._meta["previous"]
    assert conserved(inner)


def test_a_part_that_begins_before_a_batch_misses_no_more_than_the_batch(make_trace: Callable[..., Trace]) -> None:
    lines = [MadeLine(0, "irq", "8", "eth0"), MadeLine(1, "softirq", "NET_RX", "NET_RX")]
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 100, {(0, 0): 0}) for n in (20, 21, 23, 24)]
    reads.append(MadeRead("softirq", "proc", 22, 22_100_000, 100, {(1, 0): 0}))
    every = {("irq", "proc"): 1, ("softirq", "proc"): 2}
    previous = [MadeRead("irq", "proc", 19, 19_000_000, 100, {}), MadeRead("softirq", "proc", 18, 18_000_000, 100, {})]
    trace = make_trace(MadeTrace(1_000_000, every, lines, reads, previous=previous))
    for start in ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.010Z", None):
        part = trace.slice(start)
        assert [(group.reads, group.missed) for group in part.info.groups] == [(4, 1), (1, 2)]
    later = trace.slice("1ms", "2ms")
    assert [(read["kind"], read["sample"]) for read in later._meta["previous"]] == [("irq", 20), ("softirq", 18)]


def test_a_last_read_ahead_of_its_time_is_one_more_than_was_due(make_trace: Callable[..., Trace]) -> None:
    lines = [MadeLine(0, "irq", "8", "eth0"), MadeLine(1, "softirq", "NET_RX", "NET_RX")]
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 100, {(0, 0): n and 3}) for n in range(7)]
    reads += [MadeRead("irq", "proc", 7, 6_200_000, 100, {(0, 0): 2})]
    reads += [MadeRead("softirq", "proc", n, n * 1_000_000 + 200, 100, {(1, 0): n and 5}) for n in (0, 5)]
    reads += [MadeRead("softirq", "proc", 7, 6_200_200, 100, {(1, 0): 1})]
    every = {("irq", "proc"): 1, ("softirq", "proc"): 5}
    trace = make_trace(MadeTrace(1_000_000, every, lines, reads, finals=[(0, 0, 7, 20), (1, 0, 7, 6)]))
    for part, expected in ((trace, [8, 3]), (trace.slice(), [8, 3]), (trace.slice("2ms"), [6, 2])):
        quality = irqtrace.quality(part)
        assert quality["expected"].to_list() == quality["reads"].to_list() == expected
        assert quality["late_p50_ns"].min() == 0
    missed = trace.slice("6ms")
    assert [(group.reads, group.missed) for group in missed.info.groups] == [(2, 0), (1, 0)]
    assert trace.samples["late_ns"].min() == -800_000
    assert conserved(trace)
    assert conserved(trace.slice("3ms"))


def test_a_part_is_of_all_the_samples_that_were_asked_for_also_where_they_were_missed(
    make_trace: Callable[..., Trace],
) -> None:
    line = MadeLine(0, "irq", "7", "eth0")
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {(0, 0): n and 4}) for n in (0, 1, 2, 3, 8, 9)]
    trace = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [line], reads))
    part = trace.slice("4ms", "9ms")
    for again in (part, part.slice(), part.slice("-1h", "1h")):
        assert (again.info.begin_ns - T0_NS, again.info.duration) == (4_000_000, timedelta(milliseconds=5))
        assert [(group.reads, group.missed) for group in again.info.groups] == [(1, 4)]
        assert irqtrace.rates(again, "1ms")["count"].to_list() == [None] * 4 + [4]
    unread = trace.slice("4ms", "7ms")
    assert unread.info.duration == timedelta(milliseconds=3)
    assert [(group.reads, group.missed) for group in unread.slice().info.groups] == [(0, 3)]
    assert irqtrace.quality(unread)["missed_share"].to_list() == [1.0]


def test_marks_at_the_ends_of_a_trace_stay_in_its_parts_there(make_trace: Callable[..., Trace]) -> None:
    made = small_trace()
    made.marks += [
        {"sample": -1, "time_ns": T0_NS - 5, "text": "before"},
        {"sample": 20, "time_ns": T0_NS + 20_400_000, "text": "between"},
        {"sample": 39, "time_ns": T0_NS + 90_000_000, "text": "after"},
    ]
    trace = make_trace(made)
    parts = [trace.slice(), trace.slice(None, "10ms"), trace.slice("10ms", "30ms"), trace.slice("30ms")]
    told = [[mark.text for mark in part.marks] for part in parts]
    assert told == [["before", "between", "after"], ["before"], ["between"], ["after"]]


def test_a_part_names_only_lines_and_cells_that_were_there(make_trace: Callable[..., Trace]) -> None:
    lines = [
        MadeLine(0, "irq", "8", "here"),
        MadeLine(1, "irq", "9", "gone", last=3),
        MadeLine(2, "irq", "10", "came", first=6),
    ]
    reads = []
    for n in range(10):
        present: dict[tuple[int, int | None], int] = {(0, 0): n % 2}
        present |= {(1, 0): 1} if n <= 3 else {}
        present |= {(2, 0): 0} if n == 6 else {(2, 0): 2} if n > 6 else {}
        reads.append(MadeRead("irq", "proc", n, n * 1_000_000, 100, present))
    made = MadeTrace(
        1_000_000,
        {("irq", "proc"): 1},
        lines,
        reads,
        baselines=[(0, 0, 0, 50), (1, 0, 0, 70), (2, 0, 6, 90)],
        finals=[(0, 0, 9, 55), (1, 0, 3, 74), (2, 0, 9, 96)],
    )
    trace = make_trace(made)
    assert conserved(trace)
    middle = trace.slice("4ms", "6ms")
    assert middle.lines["name"].to_list() == ["here"]
    assert set(middle.deltas["line"]) == {0}
    early, late = trace.slice("2ms", "5ms"), trace.slice("5ms")
    assert early.lines["last_sample"].to_list() == [None, 3]
    assert late._meta["baselines"] == {"line": [0, 2], "cpu": [0, 0], "sample": [4, 6], "count": [52, 90]}
    assert all(conserved(part) for part in (early, middle, late, late.slice("2ms")))


def test_a_cell_that_came_back_begins_from_its_new_count(make_trace: Callable[..., Trace]) -> None:
    line = MadeLine(0, "irq", "8", "eth0")
    away, back = range(3, 6), 6
    reads = []
    for n in range(9):
        present: dict[tuple[int, int | None], int] = {(0, 0): 1}
        present |= {} if n in away else {(0, 1): 0 if n in (0, back) else 4}
        reads.append(MadeRead("irq", "proc", n, n * 1_000_000, 100, present))
    made = MadeTrace(
        1_000_000,
        {("irq", "proc"): 1},
        [line],
        reads,
        baselines=[(0, 0, 0, 10), (0, 1, 0, 20), (0, 1, back, 0)],
        finals=[(0, 0, 8, 19), (0, 1, 2, 28), (0, 1, 8, 8)],
    )
    trace = make_trace(made)
    parts = [
        trace.slice(a, b) for a, b in (("1ms", "3ms"), ("3ms", "6ms"), ("4ms", None), ("8ms", None), ("0s", "8ms"))
    ]
    assert all(conserved(part) for part in parts)
    assert set(parts[1].deltas["cpu"]) == {0}
    assert parts[2]._meta["baselines"]["count"] == [14, 0]
    assert parts[3]._meta["baselines"] == {"line": [0, 0], "cpu": [0, 1], "sample": [7, 7], "count": [18, 4]}


def test_a_cell_that_came_back_where_all_began_at_zero_begins_from_its_new_count(
    make_trace: Callable[..., Trace],
) -> None:
    counts: list[int | None] = [0, 2, 5, None, None, 5, 8, 8, 9]
    reads = []
    for n, count in enumerate(counts):
        before = counts[n - 1] if n else None
        here: dict[tuple[int, int | None], int] = {} if count is None else {(0, 1): count - (before or count)}
        reads.append(MadeRead("irq", "proc", n, n * 1_000_000, 100, {(0, 0): 0, **here}))
    reads[1].deltas[0, 1] = 2
    trace = make_trace(
        MadeTrace(
            1_000_000,
            {("irq", "proc"): 1},
            [MadeLine(0, "irq", "8", "eth0")],
            reads,
            baselines=[(0, 1, 5, 5)],
            finals=[(0, 1, 2, 5), (0, 1, 8, 9)],
        )
    )
    assert conserved(trace)
    whole, late = trace.slice()._meta, trace.slice("6ms", "8ms")._meta
    assert (whole["baselines"], whole["finals"]) == (trace._meta["baselines"], trace._meta["finals"])
    assert late["baselines"] == {"line": [0], "cpu": [1], "sample": [5], "count": [5]}
    assert late["finals"] == {"line": [0], "cpu": [1], "sample": [7], "count": [8]}


# Files that are no traces


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no trace: empty"),
        (b"time,irq\n", "no trace: not a Parquet"),
        (b"PAR1", "truncated"),
        (b"PAR1" * 3, "damaged"),
    ],
)
def test_what_is_no_trace_is_said_to_be_none(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(TraceFormatError, match=says) as caught:
        open_trace(path)
    assert str(path) in str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = small_trace(samples=3).save(tmp_path / "t.parquet").read_bytes()
    path = tmp_path / "cut.parquet"
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.raises(TraceFormatError, match=r"truncated|empty|not a Parquet"):
            open_trace(path)


def test_another_parquet_file_is_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(TraceFormatError, match="without the key 'irqtrace'"):
        open_trace(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 3}, "schema 3 by irqtrace 0.1.0.*up to schema 2.*a newer irqtrace"),
        ({"schema": 0}, "schema 0 by irqtrace 0.1.0.*schema 1 and 2.*an older irqtrace"),
        ({"schema": "one"}, "names no schema version"),
        ({"lines": None}, "lacks lines"),
    ],
)
def test_a_newer_or_damaged_description_is_told_apart(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    made = small_trace()
    meta = {key: value for key, value in (made.meta() | change).items() if value is not None}
    path = tmp_path / "t.parquet"
    pq.write_table(made.table().replace_schema_metadata({"irqtrace": json.dumps(meta)}), path)
    with pytest.raises(TraceFormatError, match=says):
        open_trace(path)


def test_a_file_that_lacks_a_column_is_damaged(tmp_path: Path) -> None:
    made = small_trace()
    path = tmp_path / "t.parquet"
    table = made.table().drop_columns(["cpu"]).replace_schema_metadata({"irqtrace": json.dumps(made.meta())})
    pq.write_table(table, path)
    with pytest.raises(TraceFormatError, match="lacks the columns cpu"):
        open_trace(path)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.parquet"):
        irqtrace.open_trace(tmp_path / "nowhere.parquet")


def test_damaged_pages_are_said_to_be_damaged(tmp_path: Path) -> None:
    whole = small_trace(samples=200).save(tmp_path / "t.parquet").read_bytes()
    path = tmp_path / "damaged.parquet"
    ways: list[Callable[[Trace], object]] = [
        lambda trace: trace.deltas,
        lambda trace: trace.samples,
        lambda trace: trace.frame(),
        lambda trace: trace.info,
        lambda trace: trace.to_arrow(),
        lambda trace: trace.slice("1ms"),
        lambda trace: trace.write(tmp_path / "copy.parquet", overwrite=True),
        irqtrace.rates,
        irqtrace.quality,
    ]
    said = 0
    for at in range(4, len(whole) // 2, len(whole) // 20):
        path.write_bytes(whole[:at] + b"\xff" * 40 + whole[at + 40 :])
        try:
            trace = open_trace(path)
        except TraceFormatError:
            continue
        for way in ways:
            try:
                way(trace)
            except TraceFormatError as error:
                assert str(error).startswith(f"{path}: damaged: ")  # noqa: PT017 - some damage hits nothing that is read
                said += 1
    assert said > 0


PREVIOUS = {"kind": "irq", "engine": "proc", "sample": 0, "time_ns": 0, "read_ns": 0}
GROUP = {"kind": "irq", "engine": "proc", "every": 1, "reads": 1, "missed": 0}
WARNING = {
    "type": "reset",
    "kind": "irq",
    "engine": "proc",
    "line": None,
    "count": 1,
    "first_sample": 0,
    "last_sample": 0,
    "worst": None,
    "message": "",
}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lines": 5}, "lines"),
        ({"interval_ns": "1ms"}, "interval_ns"),
        ({"interval_ns": 0}, "interval_ns"),
        ({"host": {"host": "a"}}, "host.boot"),
        ({"baselines": {"line": [0], "cpu": ["x"], "sample": [0], "count": [0]}}, r"baselines.cpu\[0\]"),
        ({"previous": [PREVIOUS | {"kind": "irk"}]}, r"previous\[0\].kind"),
        ({"previous": [PREVIOUS | {"engine": None}]}, r"previous\[0\].engine"),
        ({"groups": [GROUP | {"engine": "steam"}]}, r"groups\[0\].engine"),
        ({"warnings": [WARNING | {"kind": "IRQ"}]}, r"warnings\[0\].kind"),
    ],
)
def test_a_description_with_wrong_types_or_words_is_damaged(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    with pytest.raises(TraceFormatError, match=f"damaged: {where} "):
        described(tmp_path, change)


@pytest.mark.parametrize(("column", "value"), [("kind", "hard"), ("engine", "prock"), ("number", -5), ("line", 2**40)])
def test_a_line_that_cannot_be_one_is_damage(tmp_path: Path, column: str, value: object) -> None:
    lines = small_trace().meta()["lines"]
    lines[1] = lines[1] | {column: value}
    for frame in ("lines", "deltas"):
        with pytest.raises(TraceFormatError, match=r"t\.parquet: .*damaged: "):
            getattr(described(tmp_path, {"lines": lines}), frame)


def described(folder: Path, change: dict[str, Any]) -> Trace:
    """A trace whose description has been changed."""
    made = small_trace()
    path = folder / "t.parquet"
    meta = json.dumps(made.meta() | change)
    pq.write_table(made.table().replace_schema_metadata({"irqtrace": meta}), path)
    return open_trace(path)


def test_a_footer_that_is_no_text_is_damage(tmp_path: Path) -> None:
    path = small_trace().save(tmp_path / "t.parquet")
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    at = whole.index(b"delta", footer)
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(TraceFormatError, match="damaged: its Parquet footer"):
        open_trace(path)


def test_a_trace_can_be_copied_and_sent_to_another_process(make_trace: Callable[..., Trace], fake_proc: Path) -> None:
    made = make_trace()
    for trace in (irqtrace.record("5ms", procfs=fake_proc), made, made.slice("5ms")):
        for copied in (pickle.loads(pickle.dumps(trace)), copy.deepcopy(trace), copy.copy(trace)):  # noqa: S301 - our own
            assert copied._meta == trace._meta
            for frame in ("deltas", "samples", "lines"):
                assert_frame_equal(getattr(copied, frame), getattr(trace, frame))
            assert_frame_equal(copied.frame(), trace.frame())
            assert copied.to_arrow().schema == trace.to_arrow().schema


def test_a_name_that_is_not_utf_8_is_refused_before_anything_is_done(tmp_path: Path, fake_proc: Path) -> None:
    name = os.fsencode(tmp_path) + b"/n\xff.parquet"
    trace = open_trace(small_trace().save(tmp_path / "t.parquet"))
    for way in (
        lambda: open_trace(name),
        lambda: trace.write(os.fsdecode(name)),
        lambda: irqtrace.record("5ms", path=os.fsdecode(name), procfs=fake_proc),
    ):
        with pytest.raises(ValueError, match=r"n\\xff\.parquet' is not UTF-8"):
            way()
    assert {path.name for path in tmp_path.iterdir()} == {"t.parquet", "proc"}


def test_a_path_may_be_bytes(tmp_path: Path) -> None:
    path = small_trace().save(tmp_path / "t.parquet")
    assert open_trace(bytes(path)).info == open_trace(path).info


def test_what_cannot_seek_is_named() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(OSError, match=f"save it as a file.*/dev/fd/{reading}"):
        open_trace(f"/dev/fd/{reading}")
    os.close(reading)


@pytest.mark.parametrize("no_trace", [pl.DataFrame(), None])
def test_the_quality_of_what_is_no_trace_names_open_trace(no_trace: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="open_trace"):
        irqtrace.quality(no_trace)


def test_kinds_and_engines_stay_enums_through_arrow_and_tables_can_be_joined(
    make_trace: Callable[..., Trace], fake_proc: Path
) -> None:
    live = irqtrace.record("5ms", procfs=fake_proc)
    tables = [make_trace().to_arrow(), live.to_arrow(), live.slice("0s").to_arrow()]
    for table in tables:
        frame = pl.DataFrame(table)
        assert (frame.schema["kind"], frame.schema["engine"]) == (pl.Enum(KINDS), pl.Enum(ENGINES))
        assert table.schema.equals(FLAT_ARROW, check_metadata=True)
    assert len(pa.concat_tables(tables)) == sum(map(len, tables))
