"""When a cell was there: a line's CPU may go and come back while the line stays, and nothing is claimed for between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .counts import EVER, lines_of, unseen, with_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .state import State

__all__ = ["STAY", "absences", "edges", "runs_of", "stays"]

CELL = ["line", "cpu"]
STAY = ("came", "went")


def absences(state: State) -> pl.DataFrame:
    """line, cpu, left, back: between which samples a cell was not there, each time once.

    Those of the state, and the parts in which a cell was not there at all. `left` saw it last and `back` saw it again;
    before all that is known, and after, they are -`EVER` and `EVER`, or as far from any sample.
    """
    away = _of_parts(state)
    if away.is_empty():
        return away
    # At the sample that it is back at a cell was seen; absences that meet before, as at a seam between files, are one.
    begins = (pl.col("left") >= pl.col("back").cum_max().shift().over(CELL)).fill_null(value=True)
    return (
        away.sort(*CELL, "left")
        .with_columns(run=begins.cum_sum().over(CELL))
        .group_by(*CELL, "run", maintain_order=True)
        .agg(pl.col("left").min(), pl.col("back").max())
        .drop("run")
    )


def stays(cells: pl.DataFrame, away: pl.DataFrame, cell: Sequence[str]) -> pl.DataFrame:
    """The cells with a row for each time that they were there: from the read ``came`` to the read ``went``.

    They have those of their lines; ``away`` are their absences. The columns ``cell`` tell cells apart.
    """
    if away.is_empty():
        return cells
    parted = cells.join(away, on=cell, nulls_equal=True).sort(*cell, "left")
    before = parted.with_columns(came=pl.coalesce(pl.col("back").shift().over(cell), "came"), went="left")
    after = parted.group_by(cell, maintain_order=True).last().select(parted.columns).with_columns(came="back")
    there = pl.col("came").fill_null(-EVER) <= pl.col("went").fill_null(EVER - 1)
    whole = cells.join(away, on=cell, how="anti", nulls_equal=True)
    return pl.concat([whole, *(rows.filter(there).select(cells.columns) for rows in (before, after))]).sort(
        *cell, "came", nulls_last=True
    )


def edges(state: State) -> pl.DataFrame:
    """group, sample, begin, end, next: the reads at which cells may have come or gone, and the read after each."""
    parts = state["parts"]
    before = parts.select("group", sample="previous", begin="previous_b", end="previous_e", next="first_read")
    first = parts.select("group", sample="first_read", begin="first_b", end="first_e", next="second_read")
    reads = pl.concat([state["ends"], first, before.drop_nulls("sample")])
    reads = reads.group_by("group", "sample").agg(pl.col("begin", "end", "next").min())
    known = with_next(reads, "sample", parts.select("group", later="first_read"), "later")
    return known.select("group", "sample", "begin", "end", next=pl.coalesce("next", "later"))


def runs_of(state: State) -> pl.DataFrame:
    """group, run, and the values of `parts` but ``times``: a row for each run of parts that follow one another."""
    follows = pl.col("previous") == pl.col("last_read").shift().over("group")
    parts = state["parts"].sort("group", "first_read").with_columns(run=(~follows.fill_null(value=False)).cum_sum())
    # The second read of all may be the first of the next part.
    second = pl.coalesce("second_read", pl.col("first_read").shift(-1).over("group", "run"))
    return (
        parts.with_columns(second_read=second)
        .group_by("group", "run", maintain_order=True)
        .agg(
            pl.col("first_read", "first_b", "first_e", "second_read", "previous", "previous_b", "previous_e").first(),
            pl.col("last_read", "last_b", "last_e").last(),
        )
    )


def _of_parts(state: State) -> pl.DataFrame:
    parts = state["parts"]
    if len(parts) == parts["group"].n_unique():
        return state["absences"]
    # Behind a missing part a cell was last seen before that, if at all.
    parts = parts.sort("group", "first_read").select(
        "group",
        "first_read",
        "last_read",
        "previous",
        left=pl.col("last_read").shift().over("group").fill_null(-EVER),
        next=pl.col("first_read").shift(-1).over("group"),
    )
    missing = (
        state["present"]
        .select(CELL)
        .unique()
        .join(lines_of(state).select("line", "group", "came", "went"), on="line")
        .join(parts, on="group")
        .filter(pl.col("came") <= pl.col("last_read"), pl.col("went").fill_null(EVER) >= pl.col("first_read"))
        .join(state["present"], on=[*CELL, "first_read"], how="anti", nulls_equal=True)
        # Before its line came a cell was away as long as there is.
        .with_columns(
            left=pl.when(pl.col("came") < pl.col("first_read")).then("left").otherwise(-EVER),
            back=pl.lit(EVER),
        )
    )
    known = (
        state["absences"]
        .join(lines_of(state).select("line", "group", "went"), on="line")
        .join(parts.select("group", left=unseen("first_read"), seen="left"), on=["group", "left"], how="left")
        .with_columns(left=pl.coalesce("seen", "left"))
    )
    known = with_next(known, "left", parts.select("group", next="first_read"), "next")
    columns = [*CELL, "left", "back", "next", "went"]
    # One that did not come back in its part is back where the next begins, or away there as well, if its line is there.
    goes_on = (pl.col("back") == EVER) & (pl.col("next") <= pl.col("went").fill_null(EVER))
    return (
        pl.concat([known.select(columns), missing.select(columns)])
        .join(_resumed(state, parts), on=[*CELL, "next"], how="left", nulls_equal=True)
        .with_columns(back=pl.when(goes_on).then(pl.coalesce("resumed", "next")).otherwise("back"))
        .select(*CELL, "left", "back")
    )


def _resumed(state: State, parts: pl.DataFrame) -> pl.DataFrame:
    """line, cpu, next, resumed: the read before the part ``next`` that saw the cells which go on from there.

    Of a part that follows another, that other tells it.
    """
    unseen_before = state["absences"].select(*CELL, before="left")
    after_lost = pl.col("previous") > pl.col("last_read").shift().over("group")
    lost = parts.filter(after_lost).select("group", next="first_read", resumed="previous")
    return (
        state["present"]
        .select(*CELL, next="first_read")
        .join(state["lines"].select("line", "group"), on="line")
        .join(lost, on=["group", "next"])
        .with_columns(before=unseen("next"))
        .join(unseen_before, on=[*CELL, "before"], how="anti", nulls_equal=True)
        .select(*CELL, "next", "resumed")
    )
