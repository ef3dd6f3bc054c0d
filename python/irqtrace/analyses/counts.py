"""The reduction that most analyses begin with: what each cell counted in each window, and the reads around it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from irqtrace.durations import Duration, duration_text, positive_ns
from irqtrace.frames import GROUP, LINE, first_of_each_read, lines, telling_columns, with_line
from irqtrace.schema import ENGINE, KIND

from .state import NUMBER, Kind, State, Table, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

__all__ = ["COUNTS", "checked_every", "due", "every_of", "groups_of", "lines_of", "machines", "reduce_counts"]

_TEXT, _WHOLE, _CPU = pl.String(), pl.Int64(), pl.UInt16()

COUNTS = Kind(
    "counts",
    {
        "recordings": Table(
            {"host": _TEXT, "boot": _TEXT, "t0_ns": _WHOLE},
            {
                "interval_ns": (_WHOLE, "max"),
                "first": (_WHOLE, "min"),
                "after": (_WHOLE, "max"),
                "host_facts": (_TEXT, "max"),
            },
            number="rec",
        ),
        "groups": Table(
            {"rec": NUMBER, "kind": _TEXT, "engine": _TEXT},
            {
                "every": (_WHOLE, "max"),
                "reads": (_WHOLE, "sum"),
                "missed": (_WHOLE, "sum"),
                "previous_b": (_WHOLE, "min"),
                "previous_e": (_WHOLE, "min"),
            },
            number="group",
        ),
        "lines": Table(
            {"group": NUMBER, "irq": _TEXT, "name": _TEXT, "came": _WHOLE},
            {"last": (_WHOLE, "max"), "order": (_WHOLE, "min")},
            number="line",
        ),
        "counts": Table({"line": NUMBER, "cpu": _CPU, "window": _WHOLE}, {"count": (_WHOLE, "sum")}),
        "reads": Table(
            {"group": NUMBER, "window": _WHOLE},
            {
                "first_read": (_WHOLE, "min"),
                "first_b": (_WHOLE, "min"),
                "first_e": (_WHOLE, "min"),
                "last_read": (_WHOLE, "max"),
                "b1": (_WHOLE, "max"),
                "e1": (_WHOLE, "max"),
            },
        ),
        "ends": Table({"group": NUMBER, "sample": _WHOLE}, {"begin": (_WHOLE, "min"), "end": (_WHOLE, "min")}),
        "absences": Table({"line": NUMBER, "cpu": _CPU, "left": _WHOLE}, {"back": (_WHOLE, "max")}),
    },
)
"""Tables of the state.

- recordings: the samples that it is of, ``first`` up to but not ``after``, and what is known of the machine, in JSON.
  Samples of two recordings say nothing of each other.
- groups: with begin and end (UTC ns) of the last read before all of these.
- lines: ``came`` and ``last`` are the samples of the first and the last read that saw a line, ``order`` is where it
  stands in its trace.
- counts: what a cell counted in a window; 0 names a cell that is there. Windows are numbered from the grid's point 0.
- reads: of each window the first read and the last one, with begin and end (UTC ns).
- ends: the reads that saw a line first or last, and the last of all.
- absences: cells that were not there while their line was: ``left`` is the last sample before, ``back`` the first after
  or the end.
"""

LONG = 64
"""Intervals of a window from which on counts and reads are told in one go: of shorter ones that is too much memory."""


def checked_every(trace: Trace, every: Duration | None) -> int | None:
    """The length of a window in ns; None for the whole.

    Raises:
        ValueError: if it is no duration, or shorter than the interval: then there would be windows without a read.
    """
    if every is None:
        return None
    every_ns = positive_ns(every, "every")
    fastest = _fastest_ns(trace)
    if every_ns < fastest:
        raise ValueError(
            f"every {duration_text(every_ns)} is shorter than the interval, which leaves windows without a read; "
            f"the smallest here is {duration_text(fastest)}"
        )
    return every_ns


def reduce_counts(
    trace: Trace, every: Duration | None = None, *, cpus: bool = True, windows: Iterable[int] | None = None
) -> State:
    """The state of one trace.

    Without ``cpus`` they are not told apart, which makes less work; ``windows`` are the only ones to count in.
    """
    every_ns = checked_every(trace, every)
    flat, meta, info = trace.scan(), trace._meta, trace.info  # noqa: SLF001 - an analysis knows what a trace is made of
    groups = _groups(meta)
    known = lines(meta).join(groups.select("group", *GROUP), on=GROUP, maintain_order="left")
    window = _window(meta["interval_ns"], every_ns)
    if windows is not None:
        flat = flat.filter(window.is_in(list(windows)))
    counts, reads = _counts_and_reads(
        flat, known, meta, window, cpus=cpus, at_once=every_ns is None or every_ns >= LONG * _fastest_ns(trace)
    )
    ends_of_reads = reads.group_by("group").agg(pl.col("first_read").min(), pl.col("last_read").max())
    stays = known.select("line", "group", "irq", "name", came="first_sample", went="last_sample").join(
        ends_of_reads, on="group", how="left", maintain_order="left"
    )
    first, after = ((ns - info.t0_ns) // info.interval_ns for ns in (info.begin_ns, info.end_ns))
    recording = {
        "rec": 0,
        "host": meta["host"]["host"],
        "boot": meta["host"]["boot"],
        "t0_ns": info.t0_ns,
        "interval_ns": info.interval_ns,
        "first": first,
        "after": after,
        "host_facts": json.dumps(meta["host"]),
    }
    tables = {
        "recordings": pl.DataFrame([recording]),
        "groups": groups,
        "lines": stays.with_columns(last=pl.coalesce("went", "last_read"), order="line"),
        "counts": counts,
        "reads": reads,
        "ends": _ends(flat, groups, stays, reads),
        "absences": _absences(meta, stays.filter(pl.col("first_read").is_not_null()), after),
    }
    return state_of(COUNTS, {"every_ns": every_ns}, tables)


def every_of(state: State) -> int | None:
    """The length of a state's windows in ns; None where each recording is one."""
    every_ns = state.settings["every_ns"]
    return every_ns if isinstance(every_ns, int) else None


def groups_of(state: State) -> pl.DataFrame:
    """The groups, with all that is known of their recordings."""
    return state["groups"].join(state["recordings"], on="rec", maintain_order="left")


def lines_of(state: State) -> pl.DataFrame:
    """line, came, order, and ``went``: the sample of the last read that saw it, null where that is the last of all.

    And what tells lines apart: group, rec, host, boot, kind, engine, irq, name.
    """
    last_read = state["reads"].group_by("group").agg(pl.col("last_read").max())
    went = pl.when(pl.col("last") < pl.col("last_read")).then("last")
    return (
        state["lines"]
        .join(last_read, on="group", how="left", maintain_order="left")
        .join(groups_of(state), on="group", maintain_order="left")
        .select("line", "came", "order", "group", "rec", "host", "boot", *LINE, went=went)
    )


def machines(state: State) -> tuple[str, ...]:
    """The columns that tell machines apart, where there is more than one."""
    return ("host", "boot") if state["recordings"].select("host", "boot").n_unique() > 1 else ()


def due(state: State) -> pl.DataFrame:
    """A row for every window in which a read of the group was due, or came, by group and window.

    group, window; begin (UTC ns); low and high: the first point of the grid in it, and the first after it.
    """
    every_ns = every_of(state)
    groups = groups_of(state)
    every, interval_ns, window = pl.col("every"), pl.col("interval_ns"), pl.col("window")
    known = groups.select("group", "t0_ns", "interval_ns", "first", "after")
    if every_ns is None:
        windows = [groups.filter(_next_due() < pl.col("after")).select("group", window=pl.lit(0, dtype=pl.Int64))]
        begin, low, high = pl.col("t0_ns") + pl.col("first") * interval_ns, pl.col("first"), pl.col("after")
    else:
        groups = groups.with_columns(low=_next_due()).filter(pl.col("low") < pl.col("after"))
        last = (pl.col("after") - 1) // every * every
        is_often = every * interval_ns <= every_ns
        low_window, high_window, own = (
            sample * interval_ns // every_ns for sample in (pl.col("low"), last, pl.col("sample"))
        )
        windows = [
            groups.filter(is_often)
            .select("group", window=pl.int_ranges(low_window, high_window + 1))
            .explode("window"),
            groups.filter(~is_often)
            .select("group", "interval_ns", sample=pl.int_ranges("low", "after", every))
            .explode("sample")
            .select("group", window=own),
        ]
        begin = pl.col("t0_ns") + window * every_ns
        low, high = (((window + n) * every_ns + interval_ns - 1) // interval_ns for n in (0, 1))
    # A last read ahead of its time may lie in a window in which its group was not due.
    return (
        pl.concat([*windows, state["reads"].select("group", "window")])
        .unique()
        .sort("group", "window")
        .join(known, on="group", maintain_order="left")
        .select("group", "window", begin=begin, low=low, high=high)
    )


def _next_due() -> pl.Expr:
    """The first sample of the recording at which the group was due."""
    return -(-pl.col("first") // pl.col("every")) * pl.col("every")


def _fastest_ns(trace: Trace) -> int:
    return min((group.interval_ns for group in trace.info.groups), default=trace.info.interval_ns)


def _window(interval_ns: int, every_ns: int | None) -> pl.Expr:
    """The window of a row."""
    if every_ns is None:
        return pl.lit(0, dtype=pl.Int64).alias("window")
    return (pl.col("sample") * interval_ns // every_ns).alias("window")


def _groups(meta: Meta) -> pl.DataFrame:
    """The groups, and the last read of each before the trace."""
    previous = {
        (read["kind"], read["engine"]): (read["time_ns"], read["time_ns"] + read["read_ns"], read["sample"])
        for read in meta["previous"]
    }
    rows = [
        [
            *(number, 0, group["kind"], group["engine"], group["every"], group["reads"], group["missed"]),
            *previous.get((group["kind"], group["engine"]), (None, None, None)),
        ]
        for number, group in enumerate(meta["groups"])
    ]
    schema = {**COUNTS.tables["groups"].schema, "previous": _WHOLE, "kind": KIND, "engine": ENGINE}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _counts_and_reads(
    flat: pl.LazyFrame, known: pl.DataFrame, meta: Meta, window: pl.Expr, *, cpus: bool, at_once: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What each cell counted in each window, and the reads of these. Each read has a row, be it one without a line."""
    begin = pl.col("time").dt.epoch("ns")
    end = begin + pl.col("read_ns")
    edges = {
        "first_read": pl.col("sample").min(),
        "first_b": begin.min(),
        "first_e": end.min(),
        "last_read": pl.col("sample").max(),
        "b1": begin.max(),
        "e1": end.max(),
    }
    key = telling_columns(known) or ["line"]
    rows = with_line(flat, meta) if key == ["line"] else flat.filter(pl.col("irq").is_not_null())
    counting = rows.group_by(*key, *(["cpu"] if cpus else []), window).agg(
        count=pl.col("delta").sum(), **(edges if at_once else {})
    )
    reading = flat.filter(pl.col("irq").is_null()) if at_once else flat
    counts, reads = pl.collect_all([counting, reading.group_by(*GROUP, window).agg(**edges)], engine="streaming")
    counts = counts.join(known.select(list(dict.fromkeys([*key, "line", "group"]))), on=key)
    if not cpus:
        counts = counts.with_columns(cpu=pl.lit(None, dtype=pl.UInt16))
    reads = reads.join(known.select("group", *GROUP).unique(), on=GROUP)
    if at_once:
        columns = ["group", "window", *edges]
        both = pl.concat([counts.select(columns), reads.select(columns)])
        reads = COUNTS.tables["reads"].joined([both], distinct=False)
    return counts, reads


def _ends(flat: pl.LazyFrame, groups: pl.DataFrame, stays: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """The reads that saw a line first or last, the last of all among them; not those that saw all lines first."""
    last = reads.group_by("group").agg(pl.col("last_read", "b1", "e1").max())
    ends = last.select("group", sample="last_read", begin="b1", end="e1")
    base = pl.coalesce("previous", pl.col("came").min().over("group"))
    came = stays.join(groups.select("group", "previous"), on="group").filter(pl.col("came") > base)
    wanted = pl.concat([came.select("group", sample="came"), stays.select("group", sample="went")]).drop_nulls()
    if wanted.is_empty():
        return ends
    begin = pl.col("time").dt.epoch("ns")
    found = (
        first_of_each_read(flat)
        .select(*GROUP, "sample", begin=begin, end=begin + pl.col("read_ns"))
        .join(wanted.unique().join(groups, on="group").lazy(), on=[*GROUP, "sample"])
        .select(ends.columns)
        .collect(engine="streaming")
    )
    return pl.concat([ends, found]).unique()


def _absences(meta: Meta, stays: pl.DataFrame, after: int) -> pl.DataFrame:
    """The absences that the direct counts tell of: a cell that goes has a final count, one that is back a baseline."""
    columns = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64()}
    began, ended = (
        pl.DataFrame({column: meta[counts][column] for column in columns}, schema=columns).join(stays, on="line")  # type: ignore[literal-required]
        for counts in ("baselines", "finals")
    )
    cell = ["line", "cpu"]
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
