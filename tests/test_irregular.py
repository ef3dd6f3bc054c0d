"""Traces whose reads are as far apart as somebody captured them: no grid is claimed, and bounds hold."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from captured import (
    FIRST,
    NOON_S,
    UNEVEN,
    after_noon,
    counted,
    log_text,
    saved,
    times_of,
)
from checked import conserved
from irqtrace import Trace, import_text, open_trace
from irqtrace.analyses.nogrid import numbering
from irqtrace.schema import TIME
from made import small_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def irregular(tmp_path: Path) -> Trace:
    """Three reads, with 60 and 127 s between them."""
    log = saved(tmp_path / "a.log", log_text([str(NOON_S + after) for after in UNEVEN]))
    return import_text(log, host="db7")


def test_nothing_is_late_or_missed_where_nothing_was_due(irregular: Trace, tmp_path: Path) -> None:
    irregular.write(tmp_path / "t.parquet")
    for trace in (irregular, open_trace(tmp_path / "t.parquet"), irregular.slice("60s"), irregular.slice(None, "61s")):
        assert trace.info.irregular
        assert trace.samples["late_ns"].null_count() == len(trace.samples)
        assert all(group.missed == 0 for group in trace.info.groups)
        assert trace.warnings == ()
        told = irqtrace.quality(trace)
        for column in ("interval_ns", "expected", "missed", "missed_share", "late_p50_ns", "late_max_ns", "cpu_share"):
            assert told[column].null_count() == len(told)
        assert told["reads"].to_list() == [len(trace.samples) // 3] * 3
        assert "missed" not in repr(trace)
        assert conserved(trace)
    assert_frame_equal(irregular.frame(), open_trace(tmp_path / "t.parquet").frame(), categorical_as_str=True)


@pytest.mark.parametrize("after", [UNEVEN, (0, 1, 604_801), (0, 10, 20), (0, 0.9, 3.7)])
def test_the_flat_table_of_an_imported_trace_is_told_apart_by_its_rows(
    tmp_path: Path, after: tuple[float, float, float]
) -> None:
    text = log_text([f"{NOON_S + seconds:.3f}" for seconds in after])
    trace = import_text(saved(tmp_path / "a.log", text), path=tmp_path / "t.parquet")
    every = timedelta(microseconds=trace.info.interval_ns // 1_000)
    for flat in (trace.frame(), pl.scan_parquet(tmp_path / "t.parquet"), pl.read_parquet(tmp_path / "t.parquet")):
        for analysis in (irqtrace.rates, irqtrace.imbalance):
            for length in (None, every, every * 3):
                assert_frame_equal(analysis(flat, length), analysis(trace, length), categorical_as_str=True)
        assert_frame_equal(irqtrace.storms(flat), irqtrace.storms(trace), categorical_as_str=True)
        with pytest.raises(ValueError, match="jitter is told by reads on a grid"):
            irqtrace.jitter(flat)
    for part in (trace.slice(f"{after[1]}s"), trace.slice(None, f"{after[2]}s")):
        counts = irqtrace.rates(part.frame(), every * 4, ())["count"]
        assert len(counts) <= len(part.samples["sample"].unique()) == 2
        assert counts.null_count() == 0


@pytest.mark.parametrize("seed", range(20))
def test_any_rows_of_an_imported_trace_fit_a_numbering_of_captured_texts(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    times = sorted({chance.choice([chance.randrange(10**12), 10**9 * chance.randrange(1_000)]) for _ in range(30)})
    interval = min(later - time for time, later in pairwise(times))
    rows = [(NOON_S * 10**9 + time, (time - times[0]) // interval) for time in times]
    for kept in (rows, rows[3:], chance.sample(rows, 5), rows[::4]):
        ordered = sorted(kept)
        table = pl.DataFrame(ordered, schema={"time": TIME, "sample": pl.Int64}, orient="row")
        found = numbering(table.with_columns(kind=pl.lit("irq"), engine=pl.lit("replay")).lazy())
        assert found is not None
        interval_ns, t0_ns = found
        assert [(time - t0_ns) // interval_ns for time, _ in ordered] == [sample for _, sample in ordered]
    assert numbering(
        pl.DataFrame(rows, schema={"time": TIME, "sample": pl.Int64}, orient="row")
        .with_columns(kind=pl.lit("irq"), engine=pl.lit("replay"))
        .lazy()
    ) == (interval, rows[0][0])


def test_a_slice_has_the_reads_that_began_in_it(irregular: Trace) -> None:
    parts = [irregular.slice(None, "60s"), irregular.slice("60s", "187s"), irregular.slice("187s")]
    assert [times_of(part) for part in parts] == [[at] for at in after_noon(*UNEVEN)]
    assert [counted(part).get("eth0", 0) for part in parts] == [0, 100, 5]
    assert counted(irregular.slice("186999999999ns", "187000000001ns")) == {
        "eth0": 5,
        "nvme0q1": 2,
        "Local timer interrupts": 60,
    }


def test_rates_have_bounds_that_the_times_of_the_texts_allow(irregular: Trace) -> None:
    rows = irqtrace.rates(irregular, by="name").filter(name="eth0").to_dicts()
    # A time to the second, and a tenth to read.
    (row,) = rows
    assert row["rate"] == pytest.approx(105 / 187)
    assert row["rate_lo"] == pytest.approx(105 / 188.1, abs=1e-6)
    assert row["rate_hi"] == pytest.approx(105 / 185.9, abs=1e-6)
    windows = irqtrace.rates(irregular, "60s", by="name").filter(name="eth0")
    assert windows["count"].to_list() == [0, 100, 5], "where no read was due, there is nothing to tell"
    assert windows["time"].to_list() == after_noon(0, 60, 180)
    assert windows["rate"].to_list()[1:] == pytest.approx([100 / 60, 5 / 127])


def test_the_end_is_that_of_the_last_read(irregular: Trace) -> None:
    assert irregular.info.duration == timedelta(seconds=187 + 1.1)
    assert times_of(irregular.slice("-2s")) == after_noon(187)
    assert times_of(irregular.slice("-128.2s")) == after_noon(60, 187)
    assert times_of(irregular.slice(None, "-1s")) == after_noon(*UNEVEN)
    part = irregular.slice("60s")
    assert (part.info.begin_ns, part.info.end_ns) == ((NOON_S + 60) * 10**9, irregular.info.end_ns)


def steady(path: Path, apart: float, begin: float, *, reads: int, rate: float = 1_000, storm: int = 0) -> Trace:
    """So many interrupts a second, as `date +%s; cat` sees them every so many seconds; and in the middle some more."""
    seconds = [begin + at * apart for at in range(reads)]
    grown = [int(rate * after) + storm * (at >= reads // 2) for at, after in enumerate(seconds)]
    timer = [[int(250 * after)] * 2 for after in seconds]
    texts = tuple(FIRST.grown(eth0=[count, 0], LOC=ticks) for count, ticks in zip(grown, timer, strict=True))
    return import_text(saved(path, log_text([str(NOON_S + int(after)) for after in seconds], texts)))


@pytest.mark.parametrize("apart", [1.05, 1.6, 10.003, 10.4, 10.6, 60.7])
def test_times_to_the_second_make_no_storms(tmp_path: Path, apart: float) -> None:
    assert irqtrace.storms(steady(tmp_path / "a.log", apart, 0.3, reads=200)).is_empty()
    if apart > 10:
        (found,) = irqtrace.storms(steady(tmp_path / "b.log", apart, 0.3, reads=200, storm=20_000)).to_dicts()
        assert found["name"] == "eth0"
        assert found["count"] > 20_000


def test_times_to_the_second_make_no_difference(tmp_path: Path) -> None:
    before = steady(tmp_path / "a.log", 10.04, 0.1, reads=21)
    same = irqtrace.compare(before, steady(tmp_path / "b.log", 10, 1_000.1, reads=21))
    assert not same["significant"].any()
    assert same.select((pl.col("ratio_lo") < 1).all() & (pl.col("ratio_hi") > 1).all()).item()
    more = irqtrace.compare(before, steady(tmp_path / "c.log", 10, 1_000.1, reads=21, rate=1_020))
    assert more.filter(pl.col("significant"), change="faster")["name"].to_list() == ["eth0"]


def test_windows_are_as_many_as_there_are_reads_in_them_and_no_more_than_fit(tmp_path: Path) -> None:
    day_s = 86_400
    log = saved(tmp_path / "a.log", log_text([f"{NOON_S + after}" for after in (0, 60, 365 * day_s)]))
    trace = import_text(log)
    assert irqtrace.rates(trace, every="1m", by="name").filter(name="eth0").height == 3
    assert irqtrace.imbalance(trace, every="1m").filter(name="eth0")["total"].to_list() == [0, 100, 5]
    log.write_text(log_text([f"{NOON_S}.000000000", f"{NOON_S}.000000001", f"{NOON_S + 365 * day_s}.000000000"]))
    fast = import_text(log)
    for analysis in (irqtrace.rates, irqtrace.imbalance, irqtrace.storms):
        with pytest.raises(ValueError, match=r"every 1ns makes 31,536,000,\d+,\d+,\d+ windows .*; take 320ms or more"):
            analysis(fast, every="1ns")


def test_texts_that_follow_fast_have_no_upper_bound_where_nobody_can_know_it(tmp_path: Path) -> None:
    log = saved(tmp_path / "a.log", log_text([f"1767700800.{at}00" for at in range(3)]))
    trace = import_text(log, within="2s")
    ends = trace.samples.select(end=pl.col("time").dt.epoch("ns") + pl.col("read_ns"))["end"].unique().sort()
    noon_ns = NOON_S * 10**9
    # Each was read before the next time was written.
    assert ends.to_list() == [noon_ns + 100_999_999, noon_ns + 200_999_999, noon_ns + 2_200_999_999]
    assert irqtrace.rates(trace, "100ms", by="name").filter(name="eth0")["rate_hi"].to_list()[1] is None


def test_jitter_asks_for_a_grid_and_a_report_does_without(irregular: Trace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="grid"):
        irqtrace.jitter(irregular)
    told = irqtrace.report(irregular)
    assert told.jitter is None
    assert "How regularly" not in repr(told)
    assert "rates" in json.loads(told.to_json())
    recorded = open_trace(small_trace().save(tmp_path / "r.parquet"))
    both = irqtrace.report([irregular, recorded])
    assert_frame_equal(both.jitter, irqtrace.report(recorded).jitter, categorical_as_str=True)  # type: ignore[arg-type]


def test_other_analyses_take_irregular_traces(irregular: Trace) -> None:
    assert irqtrace.imbalance(irregular).filter(name="eth0")["total"].to_list() == [105]
    assert irqtrace.storms(irregular).is_empty()
    assert irqtrace.interference(irregular, cpus=[1]).filter(name="NET_RX")["count"].to_list() == [7]
    after = irregular.slice("60s")
    assert set(irqtrace.compare(irregular, after)["name"]) == {"eth0", "nvme0q1", "Local timer interrupts", "NET_RX"}


def test_windows_of_storms_are_as_wide_as_reads_are_apart(tmp_path: Path) -> None:
    machine, texts, times = FIRST, [], []
    for at in range(40):
        times.append(NOON_S + 60 * at + (at == 1) * -59 + (at > 30) * 10**7)
        machine = machine.grown(eth0=[{1: 1, 20: 10_000}.get(at, 60), 0], LOC=[6_000, 6_000])
        texts.append(machine)
    log = saved(tmp_path / "a.log", log_text([str(at) for at in times], tuple(texts)))
    trace = import_text(log)
    assert trace.info.interval_ns == 10**9
    (storm,) = irqtrace.storms(trace).filter(pl.col("name") == "eth0").to_dicts()
    assert storm["count"] >= 10_000


def test_a_file_of_before_there_were_irregular_traces_is_on_a_grid(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    assert not trace.info.irregular
    assert trace.samples["late_ns"].null_count() == 0
