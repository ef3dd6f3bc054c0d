"""The state that most analyses begin with: what each cell counted in each window, and the reads around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from irqtrace.frames import LINE

from .reads import due_windows
from .state import NUMBER, Kind, Table, Values, expect, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .state import State

__all__ = [
    "COUNTS",
    "EVER",
    "description",
    "due",
    "every_of",
    "expect_counts",
    "groups_of",
    "lines_of",
    "machines",
    "refuse_twice",
    "unseen",
    "whole",
    "with_next",
]

_TEXT, _WHOLE, _CPU = pl.String(), pl.Int64(), pl.UInt16()


def description(of_recording: Values, of_group: Values, of_line: Values) -> dict[str, Table]:
    """The tables that name recordings, groups and lines by number, and what else is kept of each."""
    return {
        "recordings": Table({"host": _TEXT, "boot": _TEXT, "t0_ns": _WHOLE}, of_recording, number="rec"),
        "groups": Table({"rec": NUMBER, "kind": _TEXT, "engine": _TEXT}, of_group, number="group"),
        "lines": Table({"group": NUMBER, "irq": _TEXT, "name": _TEXT, "came": _WHOLE}, of_line, number="line"),
    }


def _no_part_twice(tables: Mapping[str, pl.DataFrame]) -> None:
    """What two sources have in common would be counted twice."""
    parts = tables["parts"].sort("group", "first_read")
    overlaps = pl.col("first_read") <= pl.col("last_read").shift().over("group")
    refuse_twice(parts.filter((pl.col("times") > 1) | overlaps), tables)


def refuse_twice(twice: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> None:
    """Raises ValueError if there are any parts (group, first_read) that are given more than once."""
    if len(twice):
        of_part = twice.head(1).join(tables["groups"], on="group").join(tables["recordings"], on="rec")
        host, sample = of_part.select("host", "first_read").row(0)
        raise ValueError(
            f"two of the sources have reads in common: a recording of {host or 'one machine'} is given twice from its "
            f"sample {sample} on; give each part once"
        )


EVER = 2**62
"""More than any sample."""

COUNTS = Kind(
    "counts",
    {
        **description(
            of_recording={
                "interval_ns": (_WHOLE, "max"),
                "first": (_WHOLE, "min"),
                "after": (_WHOLE, "max"),
                "irregular": (_WHOLE, "max"),
                "host_facts": (_TEXT, "max"),
            },
            of_group={"every": (_WHOLE, "max"), "reads": (_WHOLE, "sum"), "missed": (_WHOLE, "sum")},
            of_line={"last": (_WHOLE, "max"), "order": (_WHOLE, "min")},
        ),
        "counts": Table({"line": NUMBER, "cpu": _CPU, "window": _WHOLE}, {"count": (_WHOLE, "sum")}),
        "reads": Table(
            {"group": NUMBER, "window": _WHOLE},
            {
                "last_read": (_WHOLE, "max"),
                "b1": (_WHOLE, "max"),
                "e1": (_WHOLE, "max"),
            },
        ),
        "parts": Table(
            {"group": NUMBER, "first_read": _WHOLE},
            {
                "first_b": (_WHOLE, "min"),
                "first_e": (_WHOLE, "min"),
                "second_read": (_WHOLE, "min"),
                "previous": (_WHOLE, "max"),
                "previous_b": (_WHOLE, "max"),
                "previous_e": (_WHOLE, "max"),
                "last_read": (_WHOLE, "max"),
                "last_b": (_WHOLE, "max"),
                "last_e": (_WHOLE, "max"),
                "times": (_WHOLE, "sum"),
            },
        ),
        "ends": Table(
            {"group": NUMBER, "sample": _WHOLE},
            {"begin": (_WHOLE, "min"), "end": (_WHOLE, "min"), "next": (_WHOLE, "min")},
        ),
        "present": Table({"line": NUMBER, "cpu": _CPU, "first_read": _WHOLE}),
        "absences": Table({"line": NUMBER, "cpu": _CPU, "left": _WHOLE}, {"back": (_WHOLE, "max")}),
    },
    check=_no_part_twice,
)
"""Tables of the state.

- recordings: the samples that it is of, ``first`` up to but not ``after``, whether no read of it was due
  (``irregular``), and what is known of the machine, in JSON. Samples of two recordings say nothing of each other.
- lines: ``came`` and ``last`` are the samples of the first and the last read that saw a line, ``order`` is where it
  stands in its trace.
- counts: what a cell counted in a window; 0 names a cell that is there. Windows are numbered from the grid's point 0.
- reads: of each window the last read, with begin and end (UTC ns); these are null unless the setting ``timed`` is 1.
- parts: of each trace its first, second and last read, and the one before it, with begin and end (UTC ns). Where a
  part's last read is the one before another, they follow one another; else nothing is known of the time between.
- ends: the reads that saw a line or a cell first or last, and the last of all. ``next`` is the sample of the read
  after, where CPUs are told apart and the part has one.
- present: the cells that a part (``first_read``) has.
- absences: cells that were not there while their line was: ``left`` is the last sample before, or `unseen` of the part
  if neither it nor the read before it tells of one; ``back`` is the first after, or `EVER` for one that did not come
  back in its part.
"""


def unseen(first_read: str) -> pl.Expr:
    """Stands for the last sample before a part, of a cell not seen there: less than any, and of each part another."""
    return pl.col(first_read) - EVER


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
    last_read = state["parts"].group_by("group").agg(pl.col("last_read").max())
    went = pl.when(pl.col("last") < pl.col("last_read")).then("last")
    return (
        state["lines"]
        .join(last_read, on="group", how="left", maintain_order="left")
        .join(groups_of(state), on="group", maintain_order="left")
        .select("line", "came", "order", "group", "rec", "host", "boot", *LINE, went=went)
    )


def with_next(rows: pl.DataFrame, sample: str, later: pl.DataFrame, after: str) -> pl.DataFrame:
    """The rows, by ``sample``, and ``after``: the sample of their group in ``later`` that comes next."""
    return rows.sort(sample).join_asof(
        later.select("group", after).sort(after),
        left_on=sample,
        right_on=after,
        by="group",
        strategy="forward",
        allow_exact_matches=False,
        coalesce=False,
        check_sortedness=False,
    )


def expect_counts(state: State, *, cpus: bool = False) -> None:
    """Checks what is to be finished, and that it tells CPUs apart where these are wanted.

    Raises:
        TypeError: for what is no state.
        ValueError: for one that does not say what is wanted.
    """
    expect(state, COUNTS)
    if cpus and not state.settings["cpus"]:
        raise ValueError("this state does not tell CPUs apart: reduce with the analysis, and the by, that finish it")


def whole(state: State) -> State:
    """The same with each recording as one window."""
    if state.settings["every_ns"] is None:
        return state
    counts, reads = state["counts"], state["reads"]
    window = pl.lit(0, dtype=pl.Int64).alias("window")
    tables = {
        **state.tables,
        "counts": counts.group_by("line", "cpu").agg(pl.col("count").sum()).with_columns(window),
        "reads": reads.group_by("group").agg(pl.col("last_read", "b1", "e1").max()).with_columns(window),
    }
    return state_of(COUNTS, {**state.settings, "every_ns": None}, tables)


def machines(state: State) -> tuple[str, ...]:
    """The columns that tell machines apart, where there is more than one. One of which counts tell no read is none."""
    read = state["groups"]
    if "parts" in state.tables:
        read = read.join(state["parts"], on="group", how="semi")
    machines_ = state["recordings"].join(read, on="rec", how="semi").select("host", "boot")
    return ("host", "boot") if machines_.n_unique() > 1 else ()


def due(state: State) -> pl.DataFrame:
    """A row for every window in which a read of the group was due, or came, by group and window.

    group, window; begin (UTC ns); low and high: the first point of the grid in it, and the first after it.
    """
    every_ns = every_of(state)
    groups = groups_of(state)
    interval_ns, window = pl.col("interval_ns"), pl.col("window")
    if every_ns is None:
        begin, low, high = pl.col("t0_ns") + pl.col("first") * interval_ns, pl.col("first"), pl.col("after")
    else:
        begin = pl.col("t0_ns") + window * every_ns
        low, high = (((window + n) * every_ns + interval_ns - 1) // interval_ns for n in (0, 1))
    # A last read ahead of its time may lie in a window in which its group was not due; and irregular ones never were.
    on_grid = groups if every_ns is None else groups.filter(pl.col("irregular") == 0)
    return (
        pl.concat([due_windows(on_grid, every_ns), state["reads"].select("group", "window")])
        .unique()
        .sort("group", "window")
        .join(groups, on="group", maintain_order="left")
        .select("group", "window", begin=begin, low=low, high=high)
    )
