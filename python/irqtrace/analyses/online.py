"""How many CPUs were there for what some columns tell apart, in each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .counts import EVER, lines_of
from .stays import absences, edges, stays

if TYPE_CHECKING:
    from .measured import Named
    from .state import State

__all__ = ["online"]

CELL = ["line", "cpu"]


def online(state: State, names: Named, windows: pl.DataFrame) -> pl.DataFrame:
    """what, begin, read, cpus: the windows in which one of its lines was there and due.

    ``windows`` are those of `due` with ``read``, whether there was a read. A CPU is there if something is known of what
    one of the lines counted on it: if one read of the window saw both, and the read before did.
    """
    # A line that was freed and taken again is several, each with its own stay.
    lines = lines_of(state).select("line", "group", "rec", "came", "went", part=names.of_line)
    lines = lines.join(names.parts.select("part", "what"), on="part", maintain_order="left")
    windows = _with_reads(state, windows)
    came, went = pl.col("came").fill_null(-EVER), pl.col("went").fill_null(EVER)
    there = came < pl.col("high"), went >= pl.col("low")
    seen = (came <= pl.col("last")) & (went >= pl.col("first"))
    # Where nothing was read, nothing is known of lines that were there; where only others were, there is no row.
    unread = (pl.col("first") > pl.col("last")).fill_null(value=True)
    cells = state["present"].select(CELL).filter(pl.col("cpu").is_not_null()).unique().join(lines, on="line")
    key = ["what", "begin"]
    read = pl.col("read").any().fill_null(value=False)
    of_lines = lines.join(windows, on="group").filter(*there, seen | unread)
    rows = of_lines.group_by(key).agg(read, pl.col("rec").n_unique().alias("recs"), pl.col("rec").first())
    away = absences(state)
    if away.is_empty() and _is_steady(state, lines, windows) and (rows["recs"] == 1).all():
        # The same CPUs in all windows of a recording.
        of_rec = cells.group_by("what", "rec").agg(cpus=pl.col("cpu").n_unique())
        return rows.join(of_rec, on=["what", "rec"]).select(*key, "read", pl.col("cpus").cast(pl.Int64))
    counted = (
        _telling(state, stays(cells, away, CELL))
        .join(windows, on="group")
        .filter(pl.col("since") <= pl.min_horizontal("last", "until"), pl.col("until") >= pl.col("first"))
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
    """Whether all lines were there in every window."""
    soonest = windows.group_by("group").agg(pl.col("last").min())
    late = pl.col("went").is_not_null() | (pl.col("since") > pl.col("last"))
    return _telling(state, lines).join(soonest, on="group").filter(late).is_empty()


def _telling(state: State, stays_: pl.DataFrame) -> pl.DataFrame:
    """Adds ``since`` and ``until``: the first and the last read that tell what a cell counted.

    A read tells it if the read before saw the cell as well: the one that saw it first does not.
    """
    parts = state["parts"].sort("first_read")
    first = parts.group_by("group").agg(base=pl.coalesce("previous", "first_read").first())
    came = edges(state).select("group", came="sample", since=pl.col("next").fill_null(EVER))
    began = pl.col("came").fill_null(-EVER) <= pl.col("base")
    # Nor does one before which nothing was read.
    alone = parts.filter(pl.col("previous").is_null()).select(
        "group", went="first_read", until=pl.col("first_read") - 1
    )
    return (
        stays_.join(first, on="group")
        .join(came, on=["group", "came"], how="left")
        .join(alone, on=["group", "went"], how="left")
        .with_columns(
            since=pl.when(began).then(-EVER).otherwise(pl.coalesce("since", "came")),
            until=pl.coalesce("until", "went", pl.lit(EVER)),
        )
    )
