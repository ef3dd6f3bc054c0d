"""What lines counted in each window, and over how much time: what comparisons of windows begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from irqtrace.frames import GROUP

from .measured import measured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from irqtrace.trace import Trace

    from .measured import Named
    from .state import State

__all__ = ["line_windows", "slowest_ns"]

MOST = 100_000
"""Windows, most of which are without a read where irregular reads pause for long."""


def line_windows(state: State, names: Named, *, dense: bool = False) -> Iterator[pl.DataFrame]:
    """A row for each window, with a read and some time in it, of each line that is named, in frames of whole lines.

    In the order of what, rec and window.

    what, rec, window; count; begin and end (UTC ns), between which all of it came; seconds, between the middles of the
    read before and of the last one, as for `rates`. Of several lines together, a window goes from the first of their
    begins to the last of their ends.

    unsure_before and unsure_after: by how many seconds it may be longer or shorter at each end. 0 on a grid, where
    reads are short and each has an error of its own; those of captured texts may all err in the same way.
    """
    irregular = state["recordings"].filter(pl.col("irregular") == 1)["rec"]
    unsure = {
        f"unsure_{side}": pl.when(pl.col("rec").is_in(irregular.implode()))
        .then((pl.col(e) - pl.col(b)) / 2e9)
        .otherwise(0.0)
        if len(irregular)
        else pl.lit(0.0)
        for side, b, e in (("before", "b0", "e0"), ("after", "b1", "e1"))
    }
    edges = {"b0": pl.col("b0").min(), "e0": pl.col("e0").min(), "b1": pl.col("b1").max(), "e1": pl.col("e1").max()}
    seconds = (pl.col("b1") + pl.col("e1") - pl.col("b0") - pl.col("e0")) / 2e9
    key = ["what", "rec", "window"]
    for frame in measured(state, names, dense=dense):
        rows = frame.lazy().filter(pl.col("b1").is_not_null(), ~pl.col("brief"))
        if not names.is_single:
            rows = rows.group_by(key).agg(pl.col("count").sum(), **edges).sort(key)
        windows = rows.select(*key, "count", begin="b0", end="e1", seconds=seconds, **unsure)
        yield windows.filter(pl.col("seconds") > 0).collect()


def slowest_ns(traces: Sequence[Trace]) -> int:
    """The longest interval at which anything is read: shorter windows may be without a read."""
    infos = [trace.info for trace in traces]
    intervals = [ns for info in infos for ns in (info.interval_ns, *(g.interval_ns for g in info.groups))]
    return max([*intervals, *(_usual_ns(trace) for trace in traces if trace.info.irregular)], default=1)


def _usual_ns(trace: Trace) -> int:
    """How far irregular reads of a group are apart, as a median; with long pauses, more, for fewer windows."""
    time = pl.col("time").dt.epoch("ns")
    apart = trace.samples.group_by(GROUP).agg(usual=time.diff().median(), least=(time.max() - time.min()) / MOST)
    return int(apart.select(pl.max_horizontal("usual", "least").max()).item() or 1)
