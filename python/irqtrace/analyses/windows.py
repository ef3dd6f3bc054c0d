"""What lines counted in each window, and over how much time: what comparisons of windows begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .counts import REC, every_of
from .rates import measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from irqtrace.trace import Trace

    from .state import State

__all__ = ["line_windows", "of_window", "slowest_ns", "with_order"]


def of_window(columns: Iterable[str]) -> list[str]:
    """The columns by which the windows of what `columns` tell apart are told apart."""
    return list(dict.fromkeys([*REC, *columns, "window"]))


def line_windows(state: State, columns: tuple[str, ...], *, dense: bool = False) -> pl.DataFrame:
    """A row for each window, with a read and some time in it, of what these columns of a line tell apart.

    Columns: those of `of_window`; count; begin and end (UTC ns), between which all of it came; seconds, between the
    middles of the read before and of the last one, as for `rates`. Of several lines together, a window goes from the
    first of their begins to the last of their ends.
    """
    edges = {"b0": pl.col("b0").min(), "e0": pl.col("e0").min(), "b1": pl.col("b1").max(), "e1": pl.col("e1").max()}
    seconds = (pl.col("b1") + pl.col("e1") - pl.col("b0") - pl.col("e0")) / 2e9
    return (
        measured(state, columns, every_of(state), dense=dense)
        .filter(pl.col("b1").is_not_null(), ~pl.col("brief"))
        .group_by(of_window(columns))
        .agg(pl.col("count").sum(), **edges)
        .select(*of_window(columns), "count", begin="b0", end="e1", seconds=seconds)
        .filter(pl.col("seconds") > 0)
    )


def with_order(rows: pl.DataFrame, state: State, columns: tuple[str, ...]) -> pl.DataFrame:
    """Adds ``order``: where what these columns name stands among the lines of the trace."""
    order = state["lines"].group_by(columns).agg(order=pl.col("line").min())
    return rows.join(order, on=columns, how="left", nulls_equal=True, maintain_order="left")


def slowest_ns(traces: Sequence[Trace]) -> int:
    """The longest interval at which anything is read: shorter windows may be without a read."""
    infos = [trace.info for trace in traces]
    return max((ns for info in infos for ns in (info.interval_ns, *(g.interval_ns for g in info.groups))), default=1)
