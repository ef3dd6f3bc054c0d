"""Flat tables that come without our description: what the rows alone tell, and what they must not be."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from counted import MS
from irqtrace.analyses.bare import bare_traces
from made import MadeLine, MadeRead, MadeTrace, in_memory, small_trace
from test_analyses import of_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace

CPUS = ("kind", "irq", "name", "cpu")


# What they are


def test_a_flat_table_is_what_its_trace_is_however_it_comes(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(missed=0))
    frame = trace.frame()
    expected = irqtrace.rates(trace, "10ms")["count"]
    plain = frame.with_columns(pl.col("time").dt.epoch("ns"), pl.col(pl.Enum, pl.Categorical).cast(pl.String))
    tables: list[Any] = [frame, frame.lazy(), trace.to_arrow(), plain, plain.with_columns(pl.col("cpu").cast(pl.Int64))]
    with duckdb.connect() as connection:
        tables.append(connection.from_arrow(trace.to_arrow()).to_arrow_table())
    for table in tables:
        assert irqtrace.rates(table, "10ms")["count"].to_list() == expected.to_list()


def test_the_order_of_rows_changes_nothing(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace().frame()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    for analysis in (irqtrace.rates, irqtrace.imbalance):
        left, right = (analysis(table, "5ms").sort(pl.all()) for table in (frame, shuffled))
        assert_frame_equal(left, right, categorical_as_str=True)


@pytest.mark.parametrize("analysis", [irqtrace.rates, irqtrace.imbalance])
def test_where_samples_are_counted_from_changes_nothing(
    make_trace: Callable[..., Trace], analysis: Callable[..., pl.DataFrame]
) -> None:
    frame = make_trace(small_trace(samples=100)).frame()
    for by in (-20, -2_000, 10**9):
        other = frame.with_columns(pl.col("sample") + by)
        for every in ("1ms", "4ms", "20ms"):
            # Where windows begin is told to 10 µs.
            assert_frame_equal(analysis(other, every).drop("time"), analysis(frame, every).drop("time"))


def test_machines_are_told_apart_where_there_are_several() -> None:
    first, second = of_machine(small_trace(1), "one"), of_machine(small_trace(2), "two")
    both = irqtrace.rates(pl.concat([first, second]), "10ms")
    assert both.columns[-6:-4] == ["host", "boot"]
    for host, table in (("one", first), ("two", second)):
        alone = irqtrace.rates(table, "10ms")
        own = both.filter(pl.col("host").cast(pl.String) == host).drop("host", "boot")
        assert_frame_equal(own, alone, categorical_as_str=True, check_row_order=False)
    assert irqtrace.imbalance([first, second])["host"].cast(pl.String).unique().sort().to_list() == ["one", "two"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.drop("cpu"), "column 'cpu', which this one lacks"),
        (lambda frame: frame.with_columns(pl.col("delta").cast(pl.String)), "column 'delta' .* a whole number"),
        (lambda frame: frame.with_columns(time=pl.lit("now")), "column 'time' .* a time or whole nanoseconds"),
        (lambda frame: frame.with_columns(kind=pl.lit("hard")), "column 'kind' .* and not 'hard'"),
    ],
)
def test_a_table_that_is_not_flat_is_refused_by_its_column(
    make_trace: Callable[..., Trace], change: Callable[[pl.DataFrame], pl.DataFrame], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        irqtrace.rates(change(make_trace().frame()))


# Parts of a recording


def steady(late: int = 3) -> pl.DataFrame:
    """The flat table of a line of exactly 10,000 Hz, read each millisecond for a second.

    A read is up to so many tenths of a millisecond late, so that it always comes when one interrupt has just been.
    """
    chance = np.random.default_rng(1)
    begins = np.arange(1_000) * MS + chance.integers(0, late, 1_000) * 100_000
    growth = np.diff(begins // 100_000, prepend=0)
    reads = [
        MadeRead("irq", "proc", sample, begin, 20_000, {(0, 0): delta})
        for sample, (begin, delta) in enumerate(zip(begins.tolist(), growth.tolist(), strict=True))
    ]
    return pl.DataFrame(MadeTrace(MS, {("irq", "proc"): 1}, [MadeLine(0, "irq", "24", "eth0")], reads).table())


def holds(frame: pl.DataFrame) -> bool:
    """Whether the bounds of every rate hold the true one, which lies near it."""
    known = frame.drop_nulls("rate")
    assert len(known) > 0
    return known.select((pl.col("rate_lo") <= 10_000) & (pl.col("rate_hi") >= 10_000)).to_series().all()


@pytest.mark.parametrize("first", [0, 1, 90, 997])
def test_the_first_read_of_a_part_claims_nothing(first: int) -> None:
    part = steady().filter(pl.col("sample") >= first)
    for table in (part, part.lazy(), part.sample(fraction=1, shuffle=True, seed=1)):
        for answer in (irqtrace.rates(table), irqtrace.rates(table, "2ms"), irqtrace.interference(table, cpus=0)):
            assert holds(answer)
        growth = part.filter(pl.col("sample") > first)["delta"].sum()
        assert irqtrace.rates(table)["count"].sum() == growth


def test_the_first_read_of_each_group_is_its_own(make_trace: Callable[..., Trace]) -> None:
    # Sample 11 is one at which arch, which is read at each fifth, was not.
    part = make_trace(small_trace(missed=0)).frame().filter(pl.col("sample") >= 11)
    (trace,) = bare_traces(part.lazy())
    begun = pl.col("sample") == pl.col("sample").min().over("kind")
    expected = part.with_columns(delta=pl.when(begun).then(0).otherwise("delta"))
    assert expected["delta"].sum() < part["delta"].sum()
    assert_frame_equal(trace.frame(), expected)
    assert irqtrace.rates(part)["count"].sum() == expected["delta"].sum()


def test_the_events_of_a_part_are_those_after_its_first_reads(make_trace: Callable[..., Trace]) -> None:
    part = make_trace(small_trace(missed=0)).frame().filter(pl.col("sample") >= 7)
    known = part.filter(pl.col("sample") > pl.col("sample").min().over("kind"))
    counted = known.filter(pl.col("delta") > 0).group_by("name", "cpu").agg(pl.col("delta").sum())
    rows = irqtrace.jitter(part).join(counted, on=["name", "cpu"], nulls_equal=True)
    assert len(rows) == len(counted)
    assert rows["events"].to_list() == rows["delta"].to_list()
    assert (rows["gaps"] <= rows["events"] - 1).all()


@pytest.mark.parametrize("late", [1, 3], ids=["one grid", "other grids"])
@pytest.mark.parametrize("edges", [[0, 500, 1000], [0, 333, 334, 900, 1000], list(range(0, 1001, 10))])
def test_parts_of_one_table_say_nothing_of_the_time_between_them(late: int, edges: list[int]) -> None:
    table = steady(late)
    # One in two, so that there are gaps; and all, so that there are none.
    for step in (1, 2):
        parts = [
            table.filter(pl.col("sample").is_between(first, after, closed="left"))
            for first, after in list(pairwise(edges))[::step]
        ]
        whole = irqtrace.rates(parts)
        assert len(whole) == len(parts)
        for answer in (whole, irqtrace.rates(parts, "5ms"), irqtrace.interference(parts, cpus=0)):
            assert holds(answer)


# Tables without rows


@pytest.mark.parametrize(
    "analysis",
    [
        irqtrace.rates,
        partial(irqtrace.rates, every="10ms", by=CPUS),
        irqtrace.imbalance,
        partial(irqtrace.imbalance, every="10ms"),
        irqtrace.jitter,
        irqtrace.storms,
        lambda source: irqtrace.compare(source, source),
        lambda source: irqtrace.report(source).rates,
    ],
)
def test_a_table_without_rows_gives_what_a_trace_without_reads_gives(
    analysis: Callable[[Any], pl.DataFrame], make_trace: Callable[..., Trace]
) -> None:
    empty = make_trace(MadeTrace(MS, {("irq", "proc"): 1}, [], []))
    frame = empty.frame()
    assert len(frame) == 0
    answer = analysis(empty)
    assert len(answer) == 0
    for table in (frame, frame.lazy(), empty.to_arrow(), pl.DataFrame(schema=dict.fromkeys(frame.columns, pl.Null))):
        assert_frame_equal(analysis(table), answer)


def test_a_table_without_rows_has_neither_cpus_nor_marks(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace().frame().clear()
    with pytest.raises(ValueError, match="give cpus"):
        irqtrace.interference(frame)
    with pytest.raises(ValueError, match="no mark"):
        irqtrace.compare(frame)


# What values there can be


def spoilt(column: str, value: object, dtype: Any = None) -> Callable[[pl.DataFrame], pl.DataFrame]:  # noqa: ANN401
    """Puts a value into two rows of a table, as a column of a type that holds it."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        wanted = dtype or (pl.String if isinstance(frame[column].dtype, pl.Enum | pl.Categorical) else pl.Int64)
        values = frame[column].cast(wanted)
        row = pl.int_range(pl.len())
        return frame.with_columns(
            pl.when(row.is_in([7, 9])).then(pl.lit(value, wanted)).otherwise(values).alias(column)
        )

    return change


@pytest.mark.parametrize(
    ("column", "value", "dtype", "says"),
    [
        ("delta", -5, None, "growth from 0 to 9223372036854775807 and not -5"),
        ("delta", 2**63, pl.UInt64, f"growth from 0 to {2**63 - 1} and not {2**63}"),
        ("delta", None, None, "growth from 0 .* and not null"),
        ("sample", None, None, "ordinals .* and not null"),
        ("sample", 2**63, pl.UInt64, f"ordinals .* and not {2**63}"),
        ("sample", 2**61, None, f"ordinals .* and not {2**61}, since"),
        ("sample", -(2**61), None, f"ordinals .* and not {-(2**61)}, since"),
        ("time", None, None, "times from 1823 to 2116.* and not null"),
        ("time", None, pl.Datetime("ns"), "times from 1823 to 2116.* and not null"),
        ("time", 2**63, pl.UInt64, f"times from 1823 to 2116.* and not {2**63}"),
        ("time", 2**61, pl.Datetime("us"), f"times .* as us since 1970 .* and not {2**61}"),
        ("read_ns", None, None, "lengths in ns from 0 to 4294967295 and not null"),
        ("read_ns", -1, None, "lengths in ns from 0 to 4294967295 and not -1"),
        ("read_ns", 2**32, None, "lengths in ns from 0 to 4294967295 and not 4294967296"),
        ("kind", None, None, "irq, arch, softirq and not null"),
        ("kind", "hard", None, "irq, arch, softirq and not 'hard'"),
        ("engine", None, None, "proc, sysfs, bpf, replay and not null"),
        ("engine", "perf", pl.Categorical, "proc, sysfs, bpf, replay and not 'perf'"),
        ("cpu", -1, None, "ids from 0 to 65535, or null, and not -1"),
        ("cpu", 2**16, pl.UInt32, "ids from 0 to 65535, or null, and not 65536"),
        ("irq", None, None, "a label in each row with a name or growth and not null"),
        ("name", None, None, "a name in each row with an irq and not null"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_column(
    make_trace: Callable[..., Trace],
    column: str,
    value: object,
    dtype: Any,  # noqa: ANN401
    says: str,
) -> None:
    frame = spoilt(column, value, dtype)(make_trace().frame())
    for table in (frame, frame.lazy(), frame.to_arrow()):
        for analysis in (irqtrace.rates, irqtrace.jitter):
            with pytest.raises(ValueError, match=f"column '{column}' of a flat table holds {says}") as error:
                analysis(table)
            assert type(error.value) is ValueError


def test_a_last_read_ahead_of_its_time_does_not_hide_how_often_a_group_was_read() -> None:
    lines = [MadeLine(0, "irq", "24", "eth0"), MadeLine(1, "arch", "LOC", "Local timer interrupts")]
    reads = [MadeRead("irq", "proc", at, at * MS, 9_000, {(0, 0): int(at > 0)}) for at in range(4_004)]
    reads += [
        MadeRead("arch", "proc", at, at * MS + 20_000, 9_000, {(1, 0): at % 7 + int(at > 0)})
        for at in (*range(0, 4_001, 100), 4_003)
    ]
    made = MadeTrace(MS, {("irq", "proc"): 1, ("arch", "proc"): 100}, lines, sorted(reads, key=lambda read: read.begin))
    trace = in_memory(made)
    frame = trace.frame()
    for every in (None, "500ms"):
        counts = [irqtrace.rates(source, every).select("irq", "count") for source in (trace, frame)]
        assert_frame_equal(counts[1], counts[0])
    ladders = [irqtrace.jitter(source).select("irq", "window_ns", "windows", "fano") for source in (trace, frame)]
    assert_frame_equal(ladders[1], ladders[0])
    with pytest.raises(ValueError, match="the smallest here"):
        irqtrace.rates(frame, "500us")


@pytest.mark.parametrize(("by", "is_told"), [(10**6, True), (2**31, False), (2**40, False)])
def test_jitter_of_samples_far_apart_is_right_or_refused(
    make_trace: Callable[..., Trace], by: int, *, is_told: bool
) -> None:
    frame = make_trace(small_trace(samples=100)).frame()
    time = (pl.col("time").dt.epoch("ns") + by * MS).cast(frame.schema["time"])
    far = pl.concat([frame, frame.tail(1).with_columns(pl.col("sample") + by, time)])
    if is_told:
        assert irqtrace.jitter(far)["events"].sum() == far["delta"].sum()
        return
    with pytest.raises(ValueError, match="are too far apart, as jitter looks at every point in between"):
        irqtrace.jitter(far)


def test_growth_beyond_64_bits_in_all_is_refused(make_trace: Callable[..., Trace]) -> None:
    frame = (
        make_trace(small_trace()).frame().with_columns(delta=pl.when(pl.col("irq").is_null()).then(0).otherwise(2**62))
    )
    with pytest.raises(ValueError, match=r"column 'delta' of a flat table holds growth of .* in all at most"):
        irqtrace.rates(frame)


def test_times_that_do_not_grow_with_the_samples_are_refused(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace(small_trace(samples=100)).frame()
    time = pl.col("time").dt.epoch("ns")
    turned = frame.with_columns(
        time=pl.when(pl.col("sample").is_between(20, 30)).then(time - 15 * MS).otherwise(time).cast(pl.Int64)
    )
    for source in (turned, turned.lazy(), turned.sample(fraction=1, shuffle=True, seed=1)):
        with pytest.raises(ValueError, match="column 'time' of a flat table holds instants that grow with 'sample'"):
            irqtrace.jitter(source)


@pytest.mark.parametrize("column", ["sample", "time", "read_ns", "kind", "engine", "delta", "irq", "name"])
def test_a_column_of_nothing_is_refused(make_trace: Callable[..., Trace], column: str) -> None:
    frame = make_trace().frame().with_columns(pl.lit(None).alias(column))
    with pytest.raises(ValueError, match=f"column '{column}' of a flat table holds .* and not null"):
        irqtrace.rates(frame)


@pytest.mark.parametrize("offset", [2**60, -(2**60)])
def test_samples_whose_instants_do_not_fit_are_refused(make_trace: Callable[..., Trace], offset: int) -> None:
    frame = make_trace().frame().with_columns(pl.col("sample") + offset)
    with pytest.raises(ValueError, match=rf"column 'sample' .* ordinals from .* 1000000 ns .* and not {offset}$"):
        irqtrace.rates(frame, "10ms")


def test_whole_nanoseconds_and_samples_may_be_of_any_type_and_size(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace(small_trace(missed=0)).frame()
    expected = irqtrace.rates(frame, "10ms", CPUS)
    time_ns = frame["time"].dt.epoch("ns")
    for dtype in (pl.Int64, pl.UInt64):
        plain = frame.with_columns(time_ns.cast(dtype).alias("time"), pl.col("read_ns").cast(dtype))
        for small in (dtype, pl.Int8, pl.UInt8):
            table = plain.with_columns(pl.col("sample", "cpu", "delta").cast(small))
            assert_frame_equal(irqtrace.rates(table, "10ms", CPUS), expected)
    for offset in (-1_000, 2**32):
        moved = frame.with_columns(pl.col("sample") + offset * 10)
        counts = irqtrace.rates(moved, "10ms", CPUS).drop("time")
        assert_frame_equal(counts, expected.drop("time"))


# The grid


def test_the_interval_is_the_roundest_that_lateness_leaves_possible(make_trace: Callable[..., Trace]) -> None:
    for seed in range(60):
        trace = make_trace(small_trace(seed))
        (bare,) = bare_traces(trace.scan())
        assert bare.info.interval_ns == MS, seed
        # By the order of windows, since when a grid begins is known no better than a read is late.
        for every in ("5ms", "7ms"):
            wanted, found = (
                irqtrace.rates(source, every, CPUS, dense=True)
                .drop_nulls("count")
                .with_columns(pl.col("time").rank("dense"))
                for source in (trace, trace.frame())
            )
            key = ["time", *CPUS]
            left, right = (frame.select(*key, "count").sort(key) for frame in (wanted, found))
            assert_frame_equal(left, right, categorical_as_str=True)


@pytest.mark.parametrize("interval_ns", [10_000, 50_000, 125_000, 250_000, 1_000_000, 1_250_000, 20_000_000])
def test_an_interval_of_more_digits_is_found_where_there_are_samples_enough(interval_ns: int) -> None:
    chance = np.random.default_rng(interval_ns)
    for samples in (500, 10_000):
        late = chance.integers(0, interval_ns // 3, 2).tolist()
        ends = ((0, late[0]), (samples, samples * interval_ns + late[1]))
        reads = [MadeRead("irq", "proc", sample, begin, 1_000, {}) for sample, begin in ends]
        table = MadeTrace(interval_ns, {("irq", "proc"): 1}, [], reads).table()
        (bare,) = bare_traces(pl.DataFrame(table).lazy())
        assert bare.info.interval_ns == interval_ns


def test_an_empty_table_beside_others_is_no_other_machine(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace(small_trace()).frame()
    for analysis in (irqtrace.rates, irqtrace.imbalance):
        assert_frame_equal(analysis([frame, frame.clear()]), analysis(frame))


def test_several_recordings_of_one_boot_are_one_table_to_nobody(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace().frame()
    later = frame.with_columns(pl.col("time").dt.offset_by("1h"))
    nothing_idle = frame.filter(pl.col("cpu").is_not_null())
    for table in (pl.concat([frame, later]), pl.concat([frame, frame]), pl.concat([nothing_idle] * 2).sort("sample")):
        for analysis in (irqtrace.rates, irqtrace.jitter):
            with pytest.raises(ValueError, match=r"sample \d+ of \w+ twice: .* given as a list"):
                analysis(table)
    assert len(irqtrace.rates([frame, later])) > len(irqtrace.rates(frame))


def test_growth_of_no_line_is_refused(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace().frame()
    of_none = frame.with_columns(delta=pl.when(pl.col("irq").is_null()).then(1).otherwise("delta"))
    assert of_none["irq"].null_count() > 0
    with pytest.raises(
        ValueError, match="column 'irq' of a flat table holds a label in each row with a name or growth"
    ):
        irqtrace.rates(of_none)
