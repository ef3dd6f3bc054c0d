"""A flat table without a description: what of it can be told from its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from irqtrace.frames import GROUP, LINE, first_of_each_read, flat_types
from irqtrace.schema import ENGINES, FLAT, KINDS, TIME
from irqtrace.trace import Trace, flat_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from irqtrace.meta import GroupMeta, LineMeta, Meta

__all__ = ["bare_traces"]

MACHINE = ("host", "boot")

_TEXT = (pl.String, pl.Categorical, pl.Enum)
_TIME = (pl.Datetime, pl.Int64)
_WHOLE = (pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt64, pl.UInt32, pl.UInt16, pl.UInt8)
_TYPES = {"time": _TIME, **dict.fromkeys(("engine", "kind", "irq", "name", "host", "boot"), _TEXT)}


def bare_traces(table: pl.LazyFrame) -> Iterator[Trace]:
    """A trace for each machine and boot in a flat table, described as far as the rows tell.

    The interval is told by the spacing of the samples, the grid by the first read, and the lines by their names. Which
    of two lines of one name a row is of, when a line came, and what the machine is, the rows do not say.

    Raises:
        ValueError: for a column that is missing or of another type, naming it.
    """
    flat = _checked(table)
    machines = flat.select(MACHINE).unique(maintain_order=True).collect().rows()
    for host, boot in machines:
        own = flat if len(machines) == 1 else flat.filter(_is("host", host), _is("boot", boot))
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
            names = " or ".join(dict.fromkeys(_said(dtype) for dtype in wanted))
            raise ValueError(f"column {column!r} of a flat table is {names} and not {found}")
    time = pl.col("time")
    if isinstance(schema["time"], pl.Datetime):
        time = (
            time.dt.replace_time_zone("UTC") if schema["time"].time_zone is None else time.dt.convert_time_zone("UTC")
        )
    kinds = [pl.col(column).cast(pl.String) for column in ("kind", "engine")]
    words = table.select(kinds).unique().collect()
    for column, known in (("kind", KINDS), ("engine", ENGINES)):
        strange = [word for word in words[column].unique() if word not in known]
        if strange:
            raise ValueError(f"column {column!r} of a flat table holds {', '.join(known)} and not {strange[0]!r}")
    return flat_types(table.with_columns(time.cast(TIME), *kinds))


def _said(dtype: Any) -> str:  # noqa: ANN401 - a type of Polars
    return {pl.Datetime: "a time or whole nanoseconds", pl.Int64: "a whole number"}.get(dtype, "") or (
        "text" if dtype in _TEXT else "a whole number"
    )


def _is(column: str, value: str | None) -> pl.Expr:
    return pl.col(column).cast(pl.String).eq_missing(pl.lit(value, dtype=pl.String))


def _trace(flat: pl.LazyFrame, host: str | None, boot: str | None) -> Trace:
    flat = _in_order(flat)
    reads = (
        first_of_each_read(flat)
        .group_by(GROUP, maintain_order=True)
        .agg(
            first=pl.col("sample").first(),
            last=pl.col("sample").last(),
            step=pl.col("sample").diff().min(),
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
    interval_ns, t0_ns = _grid(reads)
    meta: Meta = {
        "schema": 1,
        "irqtrace": "",
        "interval_ns": interval_ns,
        "t0_ns": t0_ns,
        "span": None,
        "groups": [_group(read) for read in reads.iter_rows(named=True)],
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
        "baselines": {"line": [], "cpu": [], "sample": [], "count": []},
        "finals": {"line": [], "cpu": [], "sample": [], "count": []},
        "previous": [],
        "settings": {},
        "cost": {"cpu_ns": 0, "wall_ns": 0, "reads": 0, "sleeps": 0, "spins": 0},
        "warnings": [],
        "marks": [],
    }
    return flat_trace(flat, meta)


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


def _grid(reads: pl.DataFrame) -> tuple[int, int]:
    """Interval and point 0 of the grid. A rounded interval is taken where the reads' lateness leaves it possible."""
    if reads.is_empty():
        return 1, 0
    longest = reads.row(int((reads["last"] - reads["first"]).arg_max() or 0), named=True)
    samples = longest["last"] - longest["first"]
    if samples == 0:
        return 1_000_000, longest["begin"] - longest["first"] * 1_000_000
    exact = (longest["end"] - longest["begin"]) / samples
    rounded = float(f"{exact:.3g}")
    # So much may the lateness of two reads bend it: up to half an interval.
    interval_ns = round(rounded if abs(rounded - exact) * samples <= exact / 2 else exact)
    return max(interval_ns, 1), longest["begin"] - longest["first"] * interval_ns


def _group(read: dict[str, Any]) -> GroupMeta:
    every = read["step"] or 1
    due = (read["last"] - read["first"]) // every + 1
    group: GroupMeta = {
        "kind": read["kind"],
        "engine": read["engine"],
        "every": every,
        "reads": read["reads"],
        "missed": max(due - read["reads"], 0),
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
