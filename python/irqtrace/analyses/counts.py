"""The reduction that most analyses begin with: what each cell counted in each window, and the reads around it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from irqtrace.durations import Duration, duration_text, positive_ns
from irqtrace.frames import GROUP, LINE, first_of_each_read, lines, with_line
from irqtrace.schema import ENGINE, KIND

from .state import Kind, State, Table

if TYPE_CHECKING:
    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

__all__ = [
    "CELL",
    "COUNTS",
    "OF_GROUP",
    "OF_LINE",
    "REC",
    "WINDOW",
    "begin_of_window",
    "checked_every",
    "due",
    "every_of",
    "lines_of",
    "machines",
    "reduce_counts",
]

REC = ("host", "boot", "t0_ns")
"""What tells recordings apart: samples of two recordings say nothing of each other."""

CELL = (*LINE, "cpu")
OF_GROUP = (*REC, *GROUP)
OF_LINE = (*REC, *LINE, "came")
WINDOW = (*OF_GROUP, "window")

_TEXT, _WHOLE = pl.String(), pl.Int64()
_REC = {"host": _TEXT, "boot": _TEXT, "t0_ns": _WHOLE}
_GROUP = {**_REC, "kind": _TEXT, "engine": _TEXT}
_LINE = {**_GROUP, "irq": _TEXT, "name": _TEXT, "came": _WHOLE}

COUNTS = Kind(
    "counts",
    {
        "recordings": Table(
            _REC,
            {
                "interval_ns": (_WHOLE, "max"),
                "first": (_WHOLE, "min"),
                "after": (_WHOLE, "max"),
                "host_facts": (_TEXT, "max"),
            },
        ),
        "groups": Table(_GROUP, {"every": (_WHOLE, "max"), "reads": (_WHOLE, "sum"), "missed": (_WHOLE, "sum")}),
        "lines": Table(_LINE, {"last": (_WHOLE, "max"), "line": (_WHOLE, "min")}),
        "counts": Table({**_LINE, "cpu": pl.UInt16(), "window": _WHOLE}, {"count": (_WHOLE, "sum")}),
        "reads": Table(
            {**_GROUP, "window": _WHOLE},
            {
                "first_read": (_WHOLE, "min"),
                "first_b": (_WHOLE, "min"),
                "first_e": (_WHOLE, "min"),
                "last_read": (_WHOLE, "max"),
                "b1": (_WHOLE, "max"),
                "e1": (_WHOLE, "max"),
            },
        ),
        "before": Table(_GROUP, {"previous_b": (_WHOLE, "min"), "previous_e": (_WHOLE, "min")}),
        "ends": Table({**_GROUP, "sample": _WHOLE}, {"begin": (_WHOLE, "min"), "end": (_WHOLE, "min")}),
        "absences": Table({**_LINE, "cpu": pl.UInt16(), "left": _WHOLE}, {"back": (_WHOLE, "max")}),
    },
)
"""Tables of the state.

- recordings: the samples that it is of, ``first`` up to but not ``after``, and what is known of the machine, in JSON.
- lines: ``came`` and ``last`` are the samples of the first and the last read that saw a line.
- counts: what a cell counted in a window; 0 names a cell that is there. Windows are numbered from the grid's point 0.
- reads: of each window the first read and the last one, with begin and end (UTC ns).
- before: the last read before all of these.
- ends: the reads that saw a line first or last, and the last of all.
- absences: cells that were not there while their line was: ``left`` is the last sample before, ``back`` the first after
  or the end.
"""


def checked_every(trace: Trace, every: Duration | None) -> int | None:
    """The length of a window in ns; None for the whole.

    Raises:
        ValueError: if it is no duration, or shorter than the interval: then there would be windows without a read.
    """
    if every is None:
        return None
    every_ns = positive_ns(every, "every")
    info = trace.info
    fastest = min((group.interval_ns for group in info.groups), default=info.interval_ns)
    if every_ns < fastest:
        raise ValueError(
            f"every {duration_text(every_ns)} is shorter than the interval, which leaves windows without a read; "
            f"the smallest here is {duration_text(fastest)}"
        )
    return every_ns


def reduce_counts(trace: Trace, every: Duration | None = None, keys: tuple[str, ...] = CELL) -> State:
    """The state of one trace.

    ``keys`` are the columns of a cell that have to be told apart: the others may be null, which makes less work.
    """
    every_ns = checked_every(trace, every)
    flat, meta, info = trace.scan(), trace._meta, trace.info  # noqa: SLF001 - an analysis knows what a trace is made of
    stays = lines(meta).select("line", *LINE, came="first_sample", went="last_sample")
    came = stays.group_by(GROUP).agg(pl.col("came").min(), times=pl.col("came").n_unique())
    together = came.filter(pl.col("times") > 1).is_empty()
    if not together or stays["went"].null_count() < len(stays):
        # What comes or goes is measured line by line.
        keys = tuple(key for key in CELL if key in {*keys, *LINE})
    counted, reads, ends = pl.collect_all(
        [
            _counts(flat, meta, None if together else stays, keys, every_ns),
            _reads(flat, info.interval_ns, every_ns),
            _ends(flat, stays, came, meta),
        ],
        engine="streaming",
    )
    if together:
        counted = counted.join(came.drop("times"), on=GROUP, how="left")
    first, after = ((ns - info.t0_ns) // info.interval_ns for ns in (info.begin_ns, info.end_ns))
    recording = {
        "interval_ns": info.interval_ns,
        "first": first,
        "after": after,
        "host_facts": json.dumps(meta["host"]),
    }
    ends_of_reads = reads.group_by(GROUP).agg(pl.col("first_read").min(), pl.col("last_read").max())
    null = [pl.lit(None, dtype=pl.String).alias(key) for key in ("irq", "name") if key not in keys]
    tables = {
        "recordings": pl.DataFrame([recording]),
        "groups": pl.DataFrame(meta["groups"]),
        "lines": stays.with_columns(null)
        .join(ends_of_reads, on=GROUP, how="left", maintain_order="left")
        .with_columns(last=pl.coalesce("went", "last_read"))
        .group_by(*LINE, "came", maintain_order=True)
        .agg(pl.col("last").max(), pl.col("line").min()),
        "counts": counted,
        "reads": reads,
        "before": _before(meta),
        "ends": ends,
        "absences": _absences(meta, stays.with_columns(null).join(ends_of_reads, on=GROUP), after),
    }
    rec = {
        "host": pl.lit(meta["host"]["host"], dtype=pl.String),
        "boot": pl.lit(meta["host"]["boot"], dtype=pl.String),
        "t0_ns": pl.lit(info.t0_ns, dtype=pl.Int64),
    }
    return State(
        COUNTS,
        {"every_ns": every_ns},
        {name: _typed(frame.with_columns(**rec), COUNTS.tables[name]) for name, frame in tables.items()},
    )


def every_of(state: State) -> int | None:
    """The length of a state's windows in ns; None where each recording is one."""
    every_ns = state.settings["every_ns"]
    return every_ns if isinstance(every_ns, int) else None


def lines_of(state: State) -> pl.DataFrame:
    """The lines, with ``went``: the sample of the last read that saw it, null where that is the last of all."""
    last_read = state["reads"].group_by(OF_GROUP).agg(pl.col("last_read").max())
    went = pl.when(pl.col("last") < pl.col("last_read")).then("last")
    return (
        state["lines"]
        .join(last_read, on=OF_GROUP, how="left", nulls_equal=True, maintain_order="left")
        .select(*OF_LINE, went=went, line=pl.col("line").cast(pl.UInt32))
    )


def machines(state: State) -> tuple[str, ...]:
    """The columns that tell machines apart, where there is more than one."""
    return ("host", "boot") if state["recordings"].select("host", "boot").n_unique() > 1 else ()


def begin_of_window(state: State) -> pl.Expr:
    """When a window begins (UTC ns), of rows that have the columns of their recording."""
    every_ns = every_of(state)
    return pl.col("t0_ns") + (
        pl.col("first") * pl.col("interval_ns") if every_ns is None else pl.col("window") * every_ns
    )


def due(state: State) -> pl.DataFrame:
    """host, boot, t0_ns, kind, engine, window: a row for every window in which a read of the group was due, or came."""
    every_ns = every_of(state)
    groups = state["groups"].join(state["recordings"], on=REC, nulls_equal=True)
    every = pl.col("every")
    groups = groups.with_columns(low=-(-pl.col("first") // every) * every).filter(pl.col("low") < pl.col("after"))
    if every_ns is None:
        windows = [groups.select(*OF_GROUP, window=pl.lit(0, dtype=pl.Int64))]
    else:
        high = (pl.col("after") - 1) // every * every
        is_often = every * pl.col("interval_ns") <= every_ns
        low_window, high_window, own = (
            sample * pl.col("interval_ns") // every_ns for sample in (pl.col("low"), high, pl.col("sample"))
        )
        windows = [
            groups.filter(is_often)
            .select(*OF_GROUP, window=pl.int_ranges(low_window, high_window + 1))
            .explode("window"),
            groups.filter(~is_often)
            .select(*OF_GROUP, "interval_ns", sample=pl.int_ranges("low", "after", every))
            .explode("sample")
            .select(*OF_GROUP, window=own),
        ]
    # A last read ahead of its time may lie in a window in which its group was not due.
    return pl.concat([*windows, state["reads"].select(WINDOW)]).unique(maintain_order=True)


def _typed(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    if frame.is_empty():
        return pl.DataFrame(schema=table.schema)
    return frame.select(pl.col(column).cast(dtype) for column, dtype in table.schema.items())


def _window(interval_ns: int, every_ns: int | None) -> pl.Expr:
    """The window of a row."""
    if every_ns is None:
        return pl.lit(0, dtype=pl.Int64).alias("window")
    return (pl.col("sample") * interval_ns // every_ns).alias("window")


def _counts(
    flat: pl.LazyFrame, meta: Meta, stays: pl.DataFrame | None, keys: tuple[str, ...], every_ns: int | None
) -> pl.LazyFrame:
    """What each cell counted. ``stays`` are given where lines of one name have to be told apart by when they came."""
    if stays is None:
        rows = flat.filter(pl.col("irq").is_not_null())
    else:
        rows = with_line(flat, meta).join(stays.lazy().select("line", "came"), on="line", how="left")
    wanted = [*GROUP, *(key for key in keys if key not in GROUP), *(["came"] if stays is not None else [])]
    null = {"irq": pl.String(), "name": pl.String(), "cpu": pl.UInt16()}
    return (
        rows.group_by(*wanted, _window(meta["interval_ns"], every_ns))
        .agg(count=pl.col("delta").sum())
        .with_columns(pl.lit(None, dtype=dtype).alias(key) for key, dtype in null.items() if key not in keys)
    )


def _reads(flat: pl.LazyFrame, interval_ns: int, every_ns: int | None) -> pl.LazyFrame:
    begin, end = pl.col("time").dt.epoch("ns"), pl.col("time").dt.epoch("ns") + pl.col("read_ns")
    return (
        first_of_each_read(flat)
        .select(*GROUP, _window(interval_ns, every_ns), "sample", begin=begin, end=end)
        .group_by(*GROUP, "window")
        .agg(
            first_read=pl.col("sample").min(),
            first_b=pl.col("begin").min(),
            first_e=pl.col("end").min(),
            last_read=pl.col("sample").max(),
            b1=pl.col("begin").max(),
            e1=pl.col("end").max(),
        )
    )


def _before(meta: Meta) -> pl.DataFrame:
    """The last read of each group before the trace."""
    return pl.DataFrame(
        [
            (read["kind"], read["engine"], read["sample"], read["time_ns"], read["time_ns"] + read["read_ns"])
            for read in meta["previous"]
        ],
        schema={
            "kind": KIND,
            "engine": ENGINE,
            "previous": pl.Int64(),
            "previous_b": pl.Int64(),
            "previous_e": pl.Int64(),
        },
        orient="row",
    )


def _ends(flat: pl.LazyFrame, stays: pl.DataFrame, came: pl.DataFrame, meta: Meta) -> pl.LazyFrame:
    """The reads that saw a line first or last, the last of all among them; not those that saw all lines first."""
    base = came.join(_before(meta), on=GROUP, how="left").select(*GROUP, base=pl.coalesce("previous", "came"))
    later = stays.join(base, on=GROUP).filter(pl.col("came") > pl.col("base")).select(*GROUP, sample="came")
    wanted = pl.concat([later, stays.select(*GROUP, sample="went")]).drop_nulls().unique()
    begin = pl.col("time").dt.epoch("ns")
    reads = first_of_each_read(flat).select(*GROUP, "sample", begin=begin, end=begin + pl.col("read_ns"))
    last = reads.group_by(GROUP).agg(pl.all().last())
    if wanted.is_empty():
        return last
    return pl.concat([last, reads.join(wanted.lazy(), on=[*GROUP, "sample"], how="semi")]).unique()


def _absences(meta: Meta, stays: pl.DataFrame, after: int) -> pl.DataFrame:
    """The absences that the direct counts tell of: a cell that goes has a final count, one that is back a baseline."""
    columns = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64()}
    began, ended = (
        pl.DataFrame({column: meta[counts][column] for column in columns}, schema=columns).join(stays, on="line")  # type: ignore[literal-required]
        for counts in ("baselines", "finals")
    )
    cell = [*LINE, "came", "cpu"]
    back = began.filter(pl.col("sample") > pl.max_horizontal("came", "first_read"))
    left = ended.filter(pl.col("sample") < pl.min_horizontal("last_read", "went"))
    edges: dict[tuple[Any, ...], list[tuple[int, bool]]] = {}
    for rows, is_back in ((left, False), (back, True)):
        for *key, sample in rows.select(*cell, "first_read", "sample").iter_rows():
            edges.setdefault(tuple(key), []).append((sample, is_back))
    absences = []
    for cell_key, times in edges.items():
        times.sort()
        if times[0][1]:
            times.insert(0, (cell_key[-1] - 1, False))
        ends = [sample for sample, is_back in times if is_back] + [after]
        absences += [
            (*cell_key[:-1], sample, next(end for end in ends if end > sample))
            for sample, is_back in times
            if not is_back
        ]
    schema = {**left.select(cell).schema, "left": pl.Int64(), "back": pl.Int64()}
    return pl.DataFrame(absences, schema=schema, orient="row")
