"""How many CPUs were there for what some columns tell apart, in each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .counts import EVER, lines_of

if TYPE_CHECKING:
    from .measured import Named
    from .state import State

__all__ = ["online"]

CELL = ["line", "cpu"]


def online(state: State, names: Named, windows: pl.DataFrame) -> pl.DataFrame:
    """what, begin, read, cpus: the windows in which one of its lines was there and due.

    ``windows`` are those of `due` with ``read``, whether there was a read. A CPU is there if one of the lines that are
    there has it in a part of the window; one that was away in all of it is not.
    """
    # A line that was freed and taken again is several, each with its own stay.
    lines = lines_of(state).select("line", "group", "rec", "came", "went", part=names.of_line)
    lines = lines.join(names.parts.select("part", "what"), on="part", maintain_order="left")
    windows = _with_reads(state, windows)
    there = pl.col("came").fill_null(-EVER) < pl.col("high"), pl.col("went").fill_null(EVER) >= pl.col("low")
    seen = (pl.col("came").fill_null(-EVER) <= pl.col("last")) & (pl.col("went").fill_null(EVER) >= pl.col("first"))
    # Where nothing was read, nothing is known of lines that were there; where only others were, there is no row.
    unread = (pl.col("first") > pl.col("last")).fill_null(value=True)
    cells = state["present"].select(CELL).filter(pl.col("cpu").is_not_null()).unique().join(lines, on="line")
    key = ["what", "begin"]
    read = pl.col("read").any().fill_null(value=False)
    of_lines = lines.join(windows, on="group").filter(*there, seen | unread)
    rows = of_lines.group_by(key).agg(read, pl.col("rec").n_unique().alias("recs"), pl.col("rec").first())
    if _is_steady(state, lines, windows) and (rows["recs"] == 1).all():
        # The same CPUs in all windows of a recording.
        of_rec = cells.group_by("what", "rec").agg(cpus=pl.col("cpu").n_unique())
        return rows.join(of_rec, on=["what", "rec"]).select(*key, "read", pl.col("cpus").cast(pl.Int64))
    counted = (
        cells.join(windows, on="group")
        .filter(seen)
        .join(_away(state, windows), on=[*CELL, "window"], how="anti")
        .group_by(key)
        .agg(cpus=pl.col("cpu").n_unique())
    )
    known = rows.join(cells.select("what").unique(), on="what", how="semi")
    cpus = pl.col("cpus").fill_null(0).cast(pl.Int64)
    return known.join(counted, on=key, how="left").select(*key, "read", cpus)


def _with_reads(state: State, windows: pl.DataFrame) -> pl.DataFrame:
    """The windows with ``first`` and ``last``: between which of their samples the parts lie that were read there."""
    parts = state["parts"].select("group", of_first="first_read", of_last="last_read").sort("of_first")
    known = windows.sort("low").join_asof(
        parts, left_on="low", right_on="of_last", by="group", strategy="forward", check_sortedness=False
    )
    known = known.with_columns(first=pl.max_horizontal("low", "of_first")).drop("of_first", "of_last").sort("high")
    known = known.join_asof(
        parts,
        left_on="high",
        right_on="of_first",
        by="group",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return known.with_columns(last=pl.min_horizontal(pl.col("high") - 1, "of_last")).drop("of_first", "of_last")


def _is_steady(state: State, lines: pl.DataFrame, windows: pl.DataFrame) -> bool:
    """Whether all lines, and all their CPUs, were there in every window."""
    soonest = windows.group_by("group").agg(pl.col("last").min())
    late = lines.join(soonest, on="group").filter(pl.col("went").is_not_null() | (pl.col("came") > pl.col("last")))
    return late.is_empty() and _absences(state).is_empty()


def _away(state: State, windows: pl.DataFrame) -> pl.DataFrame:
    """line, cpu, window: the cells that were not there in the whole window."""
    # At the sample that it is back at a cell was seen; absences that meet before, as at a seam between files, are one.
    begins = (pl.col("left") >= pl.col("back").shift().over(CELL)).fill_null(value=True)
    return (
        _absences(state)
        .sort(*CELL, "left")
        .with_columns(run=begins.cum_sum().over(CELL))
        .group_by(*CELL, "run")
        .agg(pl.col("left").min(), pl.col("back").max())
        .join(state["lines"].select("line", "group"), on="line")
        .join(windows, on="group")
        .filter(pl.col("left") < pl.col("first"), pl.col("back") > pl.col("last"))
        .select(*CELL, "window")
    )


def _absences(state: State) -> pl.DataFrame:
    """line, cpu, left, back: those of the state, and the parts in which a cell was not there at all."""
    parts = state["parts"]
    if len(parts) == parts["group"].n_unique():
        return state["absences"]
    parts = parts.sort("group", "first_read").select(
        "group",
        "first_read",
        "last_read",
        left=pl.coalesce("previous", pl.col("first_read") - 1),
        back=pl.col("first_read").shift(-1).over("group").fill_null(EVER),
    )
    missing = (
        state["present"]
        .select(CELL)
        .unique()
        .join(lines_of(state).select("line", "group", "came", "went"), on="line")
        .join(parts, on="group")
        .filter(pl.col("came") <= pl.col("last_read"), pl.col("went").fill_null(EVER) >= pl.col("first_read"))
        .join(state["present"], on=[*CELL, "first_read"], how="anti", nulls_equal=True)
        # Before its line came, and after it went, a cell was away as long as there is.
        .with_columns(
            left=pl.when(pl.col("came") < pl.col("first_read")).then("left").otherwise(-EVER),
            back=pl.when(pl.col("back") <= pl.col("went").fill_null(EVER)).then("back").otherwise(EVER),
        )
    )
    # One that did not come back in its part is back where the next begins, or away there as well, if its line is there.
    later = parts.select("group", next="first_read").sort("next")
    goes_on = (pl.col("back") == EVER) & (pl.col("next") <= pl.col("went").fill_null(EVER))
    known = (
        state["absences"]
        .join(lines_of(state).select("line", "group", "went"), on="line")
        .sort("left")
        .join_asof(
            later,
            left_on="left",
            right_on="next",
            by="group",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .with_columns(back=pl.when(goes_on).then("next").otherwise("back"))
    )
    columns = state["absences"].columns
    return pl.concat([known.select(columns), missing.select(columns)])
