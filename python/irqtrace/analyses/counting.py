"""The reduction that most analyses begin with."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from irqtrace.durations import Duration, duration_text, positive_ns
from irqtrace.frames import GROUP, first_of_each_read, lines, telling_columns, with_line
from irqtrace.schema import ENGINE, KIND

from .counts import COUNTS, EVER, unseen, with_next
from .packed import Packed
from .reads import Grid, first_reads, last_reads, read_windows
from .spread import over_gaps
from .state import NUMBER, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

    from .state import State

__all__ = ["reduce_counts"]

MANY, FEW = 5_000_000, 1_000_000
"""Groups: of more than many, a few at a time are made."""

ROWS = 2_000_000
"""At least as many are grouped at a time."""


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


def reduce_counts(
    trace: Trace,
    every: Duration | None = None,
    *,
    cpus: bool = True,
    timed: bool = True,
    only: Iterable[int] | None = None,
    windows: Iterable[int] | None = None,
) -> State:
    """The state of one trace.

    Without ``cpus`` they are not told apart, and without ``timed`` it is not told when the reads of windows were; both
    make less work. For a part of the counts: ``only`` are the CPUs that are wanted; ``windows`` are those to count in,
    and then there are no reads.
    """
    every_ns = checked_every(trace, every)
    return over_gaps(trace, lambda run: _reduced(run, every_ns, cpus=cpus, timed=timed, only=only, windows=windows))


def _reduced(
    trace: Trace,
    every_ns: int | None,
    *,
    cpus: bool,
    timed: bool,
    only: Iterable[int] | None,
    windows: Iterable[int] | None,
) -> State:
    """The state of a trace without a gap."""
    flat, meta, info = trace.scan(), trace._meta, trace.info  # noqa: SLF001 - an analysis knows what a trace is made of
    first, after = ((ns - info.t0_ns) // info.interval_ns for ns in (info.begin_ns, info.end_ns))
    if info.irregular:
        # The end is that of the last read, and no point of a grid.
        after += 1
    grid = Grid(info.interval_ns, every_ns, first, after, irregular=info.irregular)
    groups = _groups(meta)
    known = lines(meta).join(groups.select("group", *GROUP), on=GROUP, maintain_order="left")
    counts = _counts(flat, known, meta, grid, cpus=cpus, only=only, windows=windows)
    if windows is not None:
        firsts, lasts, reads = (pl.DataFrame(schema=COUNTS.tables[name].schema) for name in ("parts", "reads", "reads"))
    else:
        firsts = first_reads(flat, groups, grid)
        lasts = last_reads(flat, groups, replace(grid, every_ns=None))
        if timed:
            reads = lasts if every_ns is None else last_reads(flat, groups, grid)
        else:
            # A last read ahead of its time may be where its group was not due, and have counted nothing.
            of_last = lasts.select("group", window=grid.window(pl.col("last_read")))
            reads = read_windows(flat, groups, grid, pl.concat([_windows(counts, known), of_last]).unique())
    parts = (
        firsts.select("group", "first_read", "first_b", "first_e", "second_read")
        .join(groups.select("group", "previous", "previous_b", "previous_e"), on="group")
        .join(
            lasts.group_by("group").agg(
                pl.col("last_read").max(), last_b=pl.col("b1").max(), last_e=pl.col("e1").max()
            ),
            on="group",
        )
        .with_columns(times=1)
    )
    stays = known.select("line", "group", "irq", "name", came="first_sample", went="last_sample").join(
        parts.select("group", "first_read", "last_read", "previous"),
        on="group",
        how="left",
        maintain_order="left",
    )
    absences = _absences(meta, stays.filter(pl.col("first_read").is_not_null()))
    recording = {
        "rec": 0,
        "host": meta["host"]["host"],
        "boot": meta["host"]["boot"],
        "t0_ns": info.t0_ns,
        "interval_ns": info.interval_ns,
        "first": first,
        "after": after,
        "irregular": int(info.irregular),
        "host_facts": json.dumps(meta["host"]),
    }
    tables = {
        "recordings": pl.DataFrame([recording]),
        "groups": groups,
        "lines": stays.with_columns(last=pl.coalesce("went", "last_read"), order="line"),
        "counts": counts,
        "reads": reads,
        "parts": parts,
        "present": (counts.select("line", "cpu").unique() if cpus else counts.head(0).select("line", "cpu"))
        .join(stays, on="line")
        .drop_nulls("first_read"),
        "ends": _ends(flat, groups, stays, parts, absences if cpus else None),
        "absences": absences,
    }
    return state_of(COUNTS, {"every_ns": every_ns, "timed": int(timed), "cpus": int(cpus)}, tables)


def _groups(meta: Meta) -> pl.DataFrame:
    """The groups, and the last read of each before the trace: previous, previous_b, previous_e."""
    previous = {
        (read["kind"], read["engine"]): (read["sample"], read["time_ns"], read["time_ns"] + read["read_ns"])
        for read in meta["previous"]
    }
    rows = [
        [
            *(number, 0, group["kind"], group["engine"], group["every"], group["reads"], group["missed"]),
            *previous.get((group["kind"], group["engine"]), (None, None, None)),
        ]
        for number, group in enumerate(meta["groups"])
    ]
    before = dict.fromkeys(("previous", "previous_b", "previous_e"), pl.Int64())
    schema = {**COUNTS.tables["groups"].schema, **before, "kind": KIND, "engine": ENGINE}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _counts(
    flat: pl.LazyFrame,
    known: pl.DataFrame,
    meta: Meta,
    grid: Grid,
    *,
    cpus: bool,
    only: Iterable[int] | None,
    windows: Iterable[int] | None,
) -> pl.DataFrame:
    """line, cpu, window, count: what each cell counted in each window."""
    total = flat.select(pl.len()).collect().item() if windows is None and only is None else 0
    if only is not None:
        flat = flat.filter(pl.col("cpu").is_in(list(only)))
    if windows is not None:
        flat = flat.filter(grid.window(pl.col("sample")).is_in(list(windows)))
    telling = telling_columns(known)
    window = grid.window(pl.col("sample")).alias("window")
    key = Packed(known, telling or ["line"], window, grid.windows, cpus=cpus)
    rows = flat if telling else with_line(flat, meta)
    # Rows of no line are one group, if lines are packed: which is sooner left out afterwards.
    if telling and only is None and not key.is_one:
        rows = rows.filter(pl.col("irq").is_not_null())
    cells = len(known) * (len(meta["host"]["cpus_online"] or [0]) if cpus else 1)
    return pl.concat(
        key.unpacked(part.group_by(key.columns).agg(count=pl.col("delta").sum()).collect(engine="streaming"))
        for part in _in_parts(rows, total, cells, grid)
    )


def _windows(counts: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """group, window: those of counts, each once."""
    if known["group"].n_unique() == 1:
        return counts.select(pl.lit(known["group"][0], dtype=NUMBER).alias("group"), pl.col("window").unique())
    of_lines = counts.select("line", "window").unique().join(known.select("line", "group"), on="line")
    return of_lines.select("group", "window").unique()


def _in_parts(rows: pl.LazyFrame, total: int, cells: int, grid: Grid) -> list[pl.LazyFrame]:
    """The rows of some windows at a time: the table that they are grouped in stays small."""
    first, last = grid.windows
    windows = last - first + 1
    groups = min(total, windows * cells)
    if groups <= MANY:
        return [rows]
    at_a_time = max(FEW * windows // groups, ROWS * windows // total, 1)
    samples = [grid.first_of(window) for window in range(first, last + 1, at_a_time)]
    return [
        rows.filter(pl.col("sample") >= low, pl.lit(value=True) if high is None else pl.col("sample") < high)
        for low, high in zip_longest(samples, samples[1:])
    ]


def _ends(
    flat: pl.LazyFrame, groups: pl.DataFrame, stays: pl.DataFrame, parts: pl.DataFrame, absences: pl.DataFrame | None
) -> pl.DataFrame:
    """The reads that saw a line or a cell first or last, the last of all among them; not those that saw all first."""
    none = pl.lit(None, dtype=pl.Int64)
    ends = parts.select("group", sample="last_read", begin="last_b", end="last_e", next=none)
    base = pl.coalesce("previous", pl.col("came").min().over("group"))
    came = stays.filter(pl.col("came") > base)
    wanted = [came.select("group", sample="came"), stays.select("group", sample="went")]
    if absences is not None:
        away = absences.join(stays.select("line", "group"), on="line")
        wanted += [away.select("group", sample=edge) for edge in ("left", "back")]
    # What is no sample is far from all that are.
    samples = pl.concat(wanted).drop_nulls().unique().filter(pl.col("sample").is_between(-EVER // 2, EVER // 2))
    if samples.is_empty():
        return ends
    begin = pl.col("time").dt.epoch("ns")
    reads = first_of_each_read(flat).select(*GROUP, "sample", begin=begin, end=begin + pl.col("read_ns"))
    found = reads.join(samples.join(groups, on="group").lazy(), on=[*GROUP, "sample"])
    found = found.select("group", "sample", "begin", "end")
    if absences is None:
        return pl.concat([ends, found.with_columns(next=none).collect(engine="streaming")]).unique()
    edges, after = pl.collect_all([found, _after(reads, samples["sample"])], engine="streaming")
    edges = with_next(edges, "sample", after.join(groups.select("group", *GROUP), on=GROUP), "next")
    return pl.concat([ends, edges.select(ends.columns)]).group_by("group", "sample").agg(pl.all().min())


def _after(reads: pl.LazyFrame, samples: pl.Series) -> pl.LazyFrame:
    """kind, engine, next: of each group its first read after each of these samples."""
    ordered = samples.unique().sort().to_numpy()

    def passed(sample: pl.Series) -> pl.Series:
        return pl.Series(np.searchsorted(ordered, sample.to_numpy()))

    slot = pl.col("sample").map_batches(passed, return_dtype=pl.Int64(), is_elementwise=True)
    return reads.group_by(*GROUP, slot.alias("slot")).agg(next=pl.col("sample").min())


def _absences(meta: Meta, stays: pl.DataFrame) -> pl.DataFrame:
    """The absences that the direct counts tell of: a cell that goes has a final count, one that is back a baseline."""
    columns = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64()}
    # Before its line came, a cell was away as long as there is; else only the parts before can tell.
    before = pl.when(pl.col("came") < pl.col("first_read")).then(unseen("first_read")).otherwise(-EVER)
    stays = stays.with_columns(before=before)
    began, ended = (
        pl.DataFrame({column: meta[counts][column] for column in columns}, schema=columns).join(stays, on="line")  # type: ignore[literal-required]
        for counts in ("baselines", "finals")
    )
    cell = ["line", "cpu"]
    # What goes on from the read before has its count at that one.
    base = pl.coalesce("previous", "first_read")
    back = began.filter(pl.col("sample") > pl.max_horizontal("came", base))
    left = ended.filter(pl.col("sample") < pl.min_horizontal("last_read", "went"))
    edges: dict[tuple[Any, ...], list[tuple[int, bool]]] = {}
    for rows, is_back in ((left, False), (back, True)):
        for *key, sample in rows.select(*cell, "before", "sample").iter_rows():
            edges.setdefault(tuple(key), []).append((sample, is_back))
    absences = []
    for cell_key, times in edges.items():
        # At one sample it came before it went.
        times.sort(key=lambda time: (time[0], not time[1]))
        if times[0][1]:
            times.insert(0, (cell_key[-1], False))
        ends = [sample for sample, is_back in times if is_back] + [EVER]
        absences += [
            (*cell_key[:-1], sample, next(end for end in ends if end > sample))
            for sample, is_back in times
            if not is_back
        ]
    schema = {**left.select(cell).schema, "left": pl.Int64(), "back": pl.Int64()}
    return pl.DataFrame(absences, schema=schema, orient="row")
