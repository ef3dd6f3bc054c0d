"""How evenly CPUs shared interrupts, as a table that fits a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .table import table, time_column
from .text import count_text, number_text, share_text

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

__all__ = ["imbalance_table"]

_MEASURES = {"max_over_mean": "max/mean", "cv": "cv", "gini": "gini", "effective_cpus": "even CPUs"}


def imbalance_table(frame: pl.DataFrame, width: int) -> Table:
    """The frame of `imbalance`: of how many CPUs how many were used, which one most, and the measures."""
    names = [column for column in ("kind", "irq", "name", "host", "boot") if column in frame.columns]
    times = time_column(frame)
    heads = [(name, False) for name in (*(["time (UTC)"] if times else []), *names)]
    heads += [("total", True), ("CPUs used", True), ("busiest: share", True)]
    heads += [(heading, True) for heading in _MEASURES.values()]
    off_node = frame["off_node_share"].max() not in {None, 0}
    if off_node:
        heads.append(("off node", True))
    rows = []
    for at, row in enumerate(frame.iter_rows(named=True)):
        used = "–" if row["cpus"] is None else f"{row['active_cpus']} of {row['cpus']}"
        busiest = "–" if row["busiest_cpu"] is None else f"{row['busiest_cpu']}: {share_text(row['busiest_share'])}"
        cells = [times[at]] if times else []
        cells += [*(str(row[name]) for name in names), count_text(row["total"]), used, busiest]
        cells += [number_text(row[column]) for column in _MEASURES]
        rows.append([*cells, share_text(row["off_node_share"])] if off_node else cells)
    return table(heads, rows, width)
