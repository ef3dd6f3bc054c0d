"""How many CPUs were there for what some columns tell apart, in each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .counts import EVER, lines_of
from .stays import absences, edges, runs_of, stays

if TYPE_CHECKING:
    from .measured import Named
    from .state import State

__all__ = ["online"]

CELL = ["line", "cpu"]


def online(state: State, names: Named, windows: pl.DataFrame) -> pl.DataFrame:
    """what, begin, read, cpus: the windows in which one of its lines was there and due.

    ``windows`` are those of `due` with ``read``, whether there was a read. A CPU is there if something is known of what
    one of the lines counted on it: if one read of the window saw both, and the read before did. Of a window that has
    only reads before which nothing was read, those are there that the read and the one after saw.
    """
    # A line that was freed and taken again is several, each with its own stay.
    lines = lines_of(state).select("line", "group", "rec", "came", "went", part=names.of_line)
    lines = lines.join(names.parts.select("part", "what"), on="part", maintain_order="left")
    runs = _with_base(runs_of(state))
    windows = _with_reads(runs, windows)
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
    if away.is_empty() and _is_steady(runs, lines) and (rows["recs"] == 1).all():
        # The same CPUs in all windows of a recording.
        of_rec = cells.group_by("what", "rec").agg(cpus=pl.col("cpu").n_unique())
        return rows.join(of_rec, on=["what", "rec"]).select(*key, "read", pl.col("cpus").cast(pl.Int64))
    counted = (
        _telling(state, runs, stays(cells, away, CELL))
        .join(_by_run(runs, windows), on=["group", "run"])
        .filter(pl.col("told") | pl.col("untold"))
        .filter(pl.col("since") <= pl.col("last"), pl.col("until") >= pl.col("first"))
        .group_by(key)
        .agg(cpus=pl.col("cpu").n_unique())
    )
    known = rows.join(cells.select("what").unique(), on="what", how="semi")
    cpus = pl.col("cpus").fill_null(0).cast(pl.Int64)
    return known.join(counted, on=key, how="left").select(*key, "read", cpus)


def _with_base(runs: pl.DataFrame) -> pl.DataFrame:
    """group, run, first_read, second_read, last_read; base: the first known; tells: the first with a read before it."""
    return runs.with_columns(
        base=pl.coalesce("previous", "first_read"),
        tells=pl.when(pl.col("previous").is_null()).then("second_read").otherwise("first_read"),
    ).select("group", "run", "base", "tells", "first_read", "second_read", "last_read")


def _with_reads(runs: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """The windows with ``first`` and ``last``, between which of their samples the runs lie that were read there.

    And with the numbers of the first and the last of these.
    """
    of_first = runs.select("group", first_run="run", of_first="first_read", of_last="last_read").sort("of_last")
    known = windows.sort("low").join_asof(
        of_first, left_on="low", right_on="of_last", by="group", strategy="forward", check_sortedness=False
    )
    known = known.with_columns(first=pl.max_horizontal("low", "of_first")).drop("of_first", "of_last").sort("high")
    of_last = runs.select("group", last_run="run", of_first="first_read", of_last="last_read").sort("of_first")
    known = known.join_asof(
        of_last,
        left_on="high",
        right_on="of_first",
        by="group",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return known.with_columns(last=pl.min_horizontal(pl.col("high") - 1, "of_last")).drop("of_first", "of_last")


def _by_run(runs: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """group, begin, run, first, last, untold: each window with each run that was read there.

    ``untold``: whether no read of the window tells anything.
    """
    own = windows.select("group", "begin", "low", "high", run=pl.int_ranges("first_run", pl.col("last_run") + 1))
    own = own.explode("run").join(runs, on=["group", "run"])
    return own.select(
        "group",
        "begin",
        "run",
        first=pl.max_horizontal("low", "first_read"),
        last=pl.min_horizontal(pl.col("high") - 1, "last_read"),
        untold=~(pl.col("tells") < pl.col("high")).fill_null(value=False).any().over("group", "begin"),
    )


def _is_steady(runs: pl.DataFrame, lines: pl.DataFrame) -> bool:
    """Whether all lines were there all along."""
    base = runs.group_by("group").agg(pl.col("base").min())
    late = pl.col("went").is_not_null() | (pl.col("came").fill_null(-EVER) > pl.col("base"))
    return lines.join(base, on="group").filter(late).is_empty()


def _telling(state: State, runs: pl.DataFrame, stays_: pl.DataFrame) -> pl.DataFrame:
    """Of each stay and each run of reads: ``since`` and ``until``, the first and the last that tell what it counted.

    A read tells it if the read before, of the same run, saw the cell as well. Of a run before which nothing was read
    there is also its first read, not ``told``, of what the one after saw too.
    """
    came, went = pl.col("came").fill_null(-EVER), pl.col("went").fill_null(EVER)
    after = edges(state).select("group", "next", came="sample")
    own = (
        stays_.join(after, on=["group", "came"], how="left")
        .join(runs, on="group")
        .filter(came <= pl.col("last_read"), went >= pl.col("base"))
    )
    known = own.with_columns(
        since=pl.when(came <= pl.col("base")).then("tells").otherwise("next"),
        until=pl.min_horizontal(went, "last_read"),
        told=pl.lit(value=True),
    )
    begun = own.filter(
        pl.col("base") == pl.col("first_read"),
        came <= pl.col("first_read"),
        went >= pl.coalesce("second_read", "first_read"),
    ).with_columns(since="first_read", until="first_read", told=pl.lit(value=False))
    return pl.concat([known, begun]).filter(pl.col("since") <= pl.col("until"))
