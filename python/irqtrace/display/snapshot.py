"""Counts since boot as people know them from /proc/interrupts: a line a row, a CPU a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .table import table
from .text import count_text

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["snapshot_table"]

_MOST_CPUS = 8
"""More columns than that are read by nobody; the total and the busiest CPU say more."""


def snapshot_table(frame: pl.DataFrame, width: int) -> Table:
    """A snapshot, a row per line: with a column per CPU where there are few, else with its busiest CPU."""
    cpus = frame["cpu"].drop_nulls().unique().sort().to_list()
    # Two lines of a text may have the same label and name: what tells them apart is where a CPU comes up again.
    again = pl.int_range(pl.len()).over("kind", "irq", "name", "cpu")
    lines = frame.with_columns(again=again).group_by("kind", "irq", "name", "again", maintain_order=True)
    heads = [("kind", False), ("irq", False), ("name", False), ("total", True)]
    if len(cpus) <= _MOST_CPUS:
        rows = []
        for (kind, irq, name, _), cells in lines:
            counts = dict(zip(cells["cpu"], cells["count"], strict=True))
            row = [str(kind), str(irq), str(name), count_text(sum(cells["count"]))]
            rows.append(row + [count_text(counts[cpu]) if cpu in counts else "" for cpu in cpus])
        return table([*heads, *((f"CPU{cpu}", True) for cpu in cpus)], rows, width)
    most = lines.agg(
        total=pl.col("count").sum(),
        on=(pl.col("count") > 0).sum(),
        busiest=pl.col("cpu").get(pl.col("count").arg_max()),
        top=pl.col("count").max(),
    )
    return table(
        [*heads, ("CPUs with any", True), ("busiest CPU", True), ("its count", True)],
        (
            [row["kind"], row["irq"], row["name"], count_text(row["total"]), str(row["on"])]
            + ([_cpu(row["busiest"]), count_text(row["top"])] if row["total"] else ["", ""])
            for row in most.iter_rows(named=True)
        ),
        width,
    )


def _cpu(cpu: int | None) -> str:
    return "" if cpu is None else str(cpu)
