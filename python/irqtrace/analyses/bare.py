"""A flat table without a description: what of it can be told from its rows."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from irqtrace.frames import GROUP, LINE, first_of_each_read, flat_types
from irqtrace.meta import SCHEMA
from irqtrace.schema import ENGINES, FLAT, KINDS, TIME
from irqtrace.trace import Trace, flat_trace

from .epochs import comings_and_goings
from .nogrid import is_captured, numbering

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from irqtrace.meta import GroupMeta, LineMeta, Meta

__all__ = ["bare_traces"]

MACHINE = ("host", "boot")

_TEXT = (pl.String, pl.Categorical, pl.Enum)
_TIME = (pl.Datetime, pl.Int64, pl.UInt64)
_WHOLE = (pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt64, pl.UInt32, pl.UInt16, pl.UInt8)
_TYPES = {"time": _TIME, **dict.fromkeys(("engine", "kind", "irq", "name", "host", "boot"), _TEXT)}

_MOST = 2**63 - 1
_FAR_NS = 2**62
"""As far from 1970, and from point 0, an instant may lie: so that 64 bits hold it however the two are added."""

_UNIT_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000}

_LOOKED_AT = 1_000_000
"""Rows at each end of a table in which cells are looked for that are there twice."""

APART_NS = 10_007
"""Point 0 of a grid is known no better than a read is late, which leaves so much to tell two parts of a table apart.

A prime, since parts are cut at round numbers.
"""


def bare_traces(table: pl.LazyFrame) -> Iterator[Trace]:
    """A trace for each machine and boot in a flat table, described as far as the rows tell.

    The interval is told by the spacing of the samples, the grid by the first read, and the lines by their names. When a
    CPU came or went is told by the rows that a change of the layout has. Which of two lines of one name a row is of,
    when a line came, that segments are missing, and what the machine is, the rows do not say. Nor do they say since
    when the first read of a group counts, where a table is a part of a recording: that read is the base of the others
    and claims no growth of its own, and two parts of one table are recordings that say nothing of the time between
    them. A table without rows is a trace without reads. That captured texts were read on no grid is told by their
    engine.

    Raises:
        ValueError: for a column that is missing, of another type, or holds what it cannot, naming it.
    """
    flat = _checked(table)
    machines = flat.select(MACHINE).unique(maintain_order=True).collect().rows()
    for host, boot in machines or [(None, None)]:
        own = flat if len(machines) <= 1 else flat.filter(_is("host", host), _is("boot", boot))
        yield _trace(own, host, boot)


def _checked(table: pl.LazyFrame) -> pl.LazyFrame:
    schema = table.collect_schema()
    for column in FLAT:
        if column not in schema:
            raise ValueError(
                f"a flat table has a column {column!r}, which this one lacks; its columns are {list(schema)}"
            )
        wanted = _TYPES.get(column, _WHOLE)
        found = schema[column]
        if not isinstance(found, wanted) and found != pl.Null:
            is_text = wanted == _TEXT
            right = "a time or whole nanoseconds" if column == "time" else "text" if is_text else "a whole number"
            raise ValueError(f"column {column!r} of a flat table is {right} and not {found}")
    # A column of nothing but null has no type, and what follows wants one.
    table = table.with_columns(pl.col(column).cast(FLAT[column]) for column in FLAT if schema[column] == pl.Null)
    _check_values(table)
    time = pl.col("time")
    if isinstance(schema["time"], pl.Datetime):
        time = (
            time.dt.replace_time_zone("UTC") if schema["time"].time_zone is None else time.dt.convert_time_zone("UTC")
        )
    return flat_types(table.with_columns(time.cast(TIME)))


def _check_values(table: pl.LazyFrame) -> None:
    """That each value can be what its column says: all columns in one look at the rows."""
    unit = getattr(table.collect_schema()["time"], "time_unit", "ns")
    time, far = pl.col("time").to_physical(), _FAR_NS // _UNIT_NS[unit]
    irq, name = pl.col("irq").is_null(), pl.col("name").is_null()
    checks = {
        "sample": (_beyond("sample", -_FAR_NS, _FAR_NS), f"ordinals from {-_FAR_NS} to {_FAR_NS}"),
        "time": (
            time.is_null() | ~time.is_between(-far, far),
            f"times from 1823 to 2116, as {unit} since 1970 from {-far} to {far},",
        ),
        "read_ns": (_beyond("read_ns", 0, 2**32 - 1), f"lengths in ns from 0 to {2**32 - 1}"),
        "engine": (_other_than("engine", ENGINES), ", ".join(ENGINES)),
        "kind": (_other_than("kind", KINDS), ", ".join(KINDS)),
        "irq": (irq & (~name | (pl.col("delta") > 0)), "a label in each row with a name or growth"),
        "name": (name & ~irq, "a name in each row with an irq"),
        "cpu": (_beyond("cpu", 0, 2**16 - 1) & pl.col("cpu").is_not_null(), f"ids from 0 to {2**16 - 1}, or null,"),
        "delta": (_beyond("delta", 0, _MOST), f"growth from 0 to {_MOST}"),
    }
    all_delta = pl.col("delta").cast(pl.Float64).sum().alias("")
    found = table.select(all_delta, *(is_bad.any().alias(column) for column, (is_bad, _) in checks.items()))
    total, *is_bad_of = found.collect(engine="streaming").row(0)
    for column, is_bad in zip(checks, is_bad_of, strict=True):
        if is_bad:
            _refuse(table, column, *checks[column])
    if total > _MOST:
        raise ValueError(f"column 'delta' of a flat table holds growth of {_MOST} in all at most and not {total:.0f}")


def _beyond(column: str, least: int, most: int) -> pl.Expr:
    return pl.col(column).is_null() | ~pl.col(column).is_between(least, most)


def _other_than(column: str, known: Sequence[str]) -> pl.Expr:
    return pl.col(column).is_null() | ~pl.col(column).is_in(known)


def _refuse(table: pl.LazyFrame, column: str, is_bad: pl.Expr, right: str) -> NoReturn:
    """The error that says what is right, and what the first row has that is not."""
    value = table.filter(is_bad).select(pl.col(column).to_physical() if column == "time" else column).first().collect()
    said = "null" if value.item() is None else repr(value.item())
    raise ValueError(f"column {column!r} of a flat table holds {right} and not {said}")


def _is(column: str, value: str | None) -> pl.Expr:
    return pl.col(column).cast(pl.String).eq_missing(pl.lit(value, dtype=pl.String))


def _trace(flat: pl.LazyFrame, host: str | None, boot: str | None) -> Trace:
    flat = _in_order(flat)
    _check_reads(flat)
    reads = (
        first_of_each_read(flat)
        .group_by(GROUP, maintain_order=True)
        .agg(
            first=pl.col("sample").first(),
            last=pl.col("sample").last(),
            # The last may be a read ahead of the next point, as a recording ends with.
            step=pl.coalesce(pl.col("sample").diff().head(pl.len() - 1).min(), pl.col("sample").diff().min()),
            back=pl.col("sample").filter(pl.col("time").diff().dt.total_nanoseconds() < 0).first(),
            reads=pl.len(),
            begin=pl.col("time").first().dt.epoch("ns"),
            end=pl.col("time").last().dt.epoch("ns"),
        )
        .sort(GROUP)
        .collect()
    )
    named = flat.filter(pl.col("irq").is_not_null())
    lines = named.select(LINE).unique(maintain_order=True).collect().sort("kind", "engine", maintain_order=True)
    first = int(reads["first"].min() or 0) if len(reads) else 0  # type: ignore[arg-type]
    # Where they fit no numbering of captured texts, a grid is all that can be told.
    numbered = numbering(flat) if is_captured(reads) else None
    interval_ns, t0_ns = _grid(reads) if numbered is None else numbered
    if numbered is not None and first != 0:
        t0_ns = _apart(t0_ns, reads)
    _check_grid(flat, reads, interval_ns)
    for kind, sample in reads.select("kind", "back").drop_nulls().iter_rows():
        raise ValueError(
            f"column 'time' of a flat table holds instants that grow with 'sample', "
            f"and that of sample {sample} of {kind} is before the one before it"
        )
    flat = _from_first_read(flat, reads)
    baselines, finals = comings_and_goings(flat, lines)
    meta: Meta = {
        "schema": SCHEMA,
        "irqtrace": "",
        "recording": None,
        "segment": None,
        "interval_ns": interval_ns,
        "irregular": numbered is not None,
        "t0_ns": t0_ns,
        "span": None,
        "groups": [_group(read, irregular=numbered is not None) for read in reads.iter_rows(named=True)],
        "anchors": [],
        "host": {
            "host": host or "",
            "boot": boot,
            "kernel": None,
            "arch": None,
            "cpus_online": None,
            "cpus_possible": None,
            "numa_nodes": None,
            "isolated": None,
            "nohz_full": None,
        },
        "lines": [_line(at, row, first) for at, row in enumerate(lines.iter_rows(named=True))],
        "baselines": baselines,
        "finals": finals,
        "previous": [],
        "settings": {},
        "cost": {"cpu_ns": 0, "wall_ns": 0, "reads": 0, "sleeps": 0, "spins": 0},
        "warnings": [],
        "marks": [],
    }
    return flat_trace(flat, meta)


def _check_reads(flat: pl.LazyFrame) -> None:
    """That a read was at one time, and has each cell once: two recordings of one boot have the same samples.

    A cell is looked for among the first and the last rows, where whole recordings begin and end.
    """
    same = pl.all_horizontal(pl.col(column).eq_missing(pl.col(column).shift()) for column in ("sample", *GROUP))
    differs = pl.col("time").ne_missing(pl.col("time").shift()) & same.fill_null(value=False)
    twice = flat.filter(differs.fill_null(value=False)).select("sample", "kind").head(1).collect(engine="streaming")
    cell = ["sample", *LINE, "cpu"]
    for rows in (flat.head(_LOOKED_AT), flat.tail(_LOOKED_AT)):
        if not twice.is_empty():
            break
        cells = rows.filter(pl.col("cpu").is_not_null()).select(cell).collect()
        twice = cells.filter(cells.is_duplicated()).select("sample", "kind").head(1)
    for sample, kind in twice.iter_rows():
        raise ValueError(
            f"a flat table is of one recording of each boot, and this one has sample {sample} of {kind} twice: "
            f"those of several recordings are given as a list, and each once"
        )


def _in_order(flat: pl.LazyFrame) -> pl.LazyFrame:
    """The rows in the order of reads: other tools may have changed it."""
    read = ["sample", *GROUP]
    begun = first_of_each_read(flat).select(read)
    stood, sorted_, there = pl.collect_all(
        [
            begun.select(pl.len()),
            begun.select((pl.col("sample").diff() >= 0).all()),
            flat.select(read).unique().select(pl.len()),
        ]
    )
    if stood.item() == there.item() and sorted_.item():
        return flat
    return flat.sort(read, maintain_order=True)


def _from_first_read(flat: pl.LazyFrame, reads: pl.DataFrame) -> pl.LazyFrame:
    """The rows, but that the first read of each group claims nothing."""
    firsts = [
        (pl.col("sample") == first) & (pl.col("kind") == kind) & (pl.col("engine") == engine)
        for kind, engine, first in reads.select(*GROUP, "first").rows()
    ]
    is_first = reduce(or_, firsts, pl.lit(value=False))
    # Of a recording from its begin nothing is claimed there anyway, and its rows are taken as they are.
    grown = flat.filter(is_first, pl.col("delta") > 0).select(pl.len())
    if not grown.collect(engine="streaming").item():
        return flat
    return flat.with_columns(delta=pl.when(is_first).then(0).otherwise("delta"))


def _grid(reads: pl.DataFrame) -> tuple[int, int]:
    """Interval and point 0 of the grid.

    Raises:
        ValueError: if samples and times go together with none.
    """
    if reads.is_empty():
        return 1, 0
    longest = reads.row(int((reads["last"] - reads["first"]).arg_max() or 0), named=True)
    samples = longest["last"] - longest["first"]
    span_ns = longest["end"] - longest["begin"]
    if span_ns < samples:
        far = max(longest["last"], longest["first"], key=abs)
        raise ValueError(
            f"column 'sample' of a flat table holds ordinals of a grid with an interval of 1 ns or more and not {far}, "
            f"since no more than {span_ns} ns lie between the first and the last of {samples + 1}"
        )
    interval_ns = _interval_ns(span_ns, samples) if samples else 1_000_000
    return interval_ns, _apart(longest["begin"] - longest["first"] * interval_ns, reads)


def _apart(t0_ns: int, reads: pl.DataFrame) -> int:
    """A point 0 that is no other part's.

    Two recordings are one where their points 0 are. Parts of one table must not be, since what came between them is in
    neither: they differ in the samples of their first reads.
    """
    part: int = sum(at * first for at, first in enumerate(reads["first"], 1))
    return (t0_ns // APART_NS - 1) * APART_NS + part % APART_NS


def _interval_ns(span_ns: int, samples: int) -> int:
    """The roundest interval that the lateness of the two reads at the ends leaves possible."""
    exact = span_ns / samples
    # The fewest significant digits that do. Lateness may bend it by so much: half an interval over all samples.
    rounded = (float(f"{exact:.{digits}e}") for digits in range(17))
    return round(next(interval for interval in rounded if abs(interval - exact) * samples <= exact / 2))


def _check_grid(flat: pl.LazyFrame, reads: pl.DataFrame, interval_ns: int) -> None:
    """That 64 bits hold the instants of the grid."""
    far = _FAR_NS // interval_ns
    if any(abs(sample) > far for column in ("first", "last") for sample in reads[column]):
        right = f"ordinals from {-far} to {far}, where {interval_ns} ns lie between two of them,"
        _refuse(flat, "sample", _beyond("sample", -far, far), right)


def _group(read: dict[str, Any], *, irregular: bool) -> GroupMeta:
    every = 1 if irregular else read["step"] or 1
    due = (read["last"] - read["first"]) // every + 1
    group: GroupMeta = {
        "kind": read["kind"],
        "engine": read["engine"],
        "every": every,
        "reads": read["reads"],
        "missed": 0 if irregular else max(due - read["reads"], 0),
    }
    return group


def _line(at: int, row: dict[str, Any], first: int) -> LineMeta:
    return {
        "line": at,
        "kind": row["kind"],
        "engine": row["engine"],
        "irq": row["irq"],
        "name": row["name"],
        "number": int(row["irq"]) if row["kind"] == "irq" and row["irq"].isdecimal() else None,
        "chip": None,
        "hwirq": None,
        "trigger": None,
        "actions": [],
        "first_sample": first,
        "last_sample": None,
    }
