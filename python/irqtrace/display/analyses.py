"""The frames of analyses as tables that fit a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from .table import table
from .text import bounded_text, count_text, number_text, rate_text, share_text, time_text, when_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

__all__ = ["busiest_table", "compare_table", "interference_table", "jitter_table", "storms_table"]

_NAMES = ("before", "after", "host", "boot", "kind", "irq", "name", "cpu")

Row = dict[str, Any]
Column = tuple[str, "Callable[[Row], str]"]


def busiest_table(rates: pl.DataFrame, width: int) -> Table:
    """Rates of whole recordings, with their bounds."""
    return _table(
        rates,
        width,
        [
            ("count", lambda row: count_text(row["count"])),
            ("per second", lambda row: bounded_text(row["rate"], row["rate_lo"], row["rate_hi"])),
        ],
    )


def jitter_table(jitter: pl.DataFrame, width: int) -> Table:
    """Times between events, and what is known without them."""
    return _table(
        jitter,
        width,
        [
            ("events", lambda row: count_text(row["events"])),
            ("verdict", lambda row: row["verdict"]),
            ("mean gap", lambda row: time_text(row["mean_ns"])),
            ("std", lambda row: time_text(row["std_ns"])),
            ("p99", lambda row: time_text(row["p99_ns"])),
            ("max", lambda row: time_text(row["max_ns"])),
            ("Fano", lambda row: number_text(_last(row["fano"]))),
            ("period: strength", _period),
        ],
        texts=("verdict",),
    )


def storms_table(storms: pl.DataFrame, width: int) -> Table:
    """When a line came much faster than it does otherwise, and where."""
    return _table(
        storms,
        width,
        [
            ("begin (UTC)", lambda row: when_text(row["begin"])),
            ("lasted", lambda row: time_text(row["end"] - row["begin"])),
            ("peak / s", lambda row: rate_text(row["peak"])),
            ("usually", lambda row: rate_text(row["baseline"])),
            ("count", lambda row: count_text(row["count"])),
            ("CPU: share", _cpus),
        ],
        texts=("CPU: share", "begin (UTC)"),
    )


def interference_table(interference: pl.DataFrame, width: int) -> Table:
    """What interrupted CPUs that were to be left alone."""
    return _table(
        interference,
        width,
        [
            ("count", lambda row: count_text(row["count"])),
            ("per second", lambda row: bounded_text(row["rate"], row["rate_lo"], row["rate_hi"])),
            ("share of kind", lambda row: share_text(row["share"])),
        ],
        first="cpu",
    )


def compare_table(compare: pl.DataFrame, width: int) -> Table:
    """What changed, what of it may be chance."""
    return _table(
        compare,
        width,
        [
            ("before / s", lambda row: rate_text(row["rate_before"])),
            ("after / s", lambda row: rate_text(row["rate_after"])),
            ("ratio", lambda row: number_text(row["ratio"])),
            ("95 % interval", _interval),
            ("moved", lambda row: share_text(row["moved_share"])),
            ("change", _change),
        ],
        texts=("change",),
    )


def _table(
    frame: pl.DataFrame, width: int, columns: list[Column], texts: tuple[str, ...] = (), first: str | None = None
) -> Table:
    names = [name for name in _NAMES if name in frame.columns and name != first]
    names = [*([first] if first else []), *names]
    rows = [
        [*("–" if row[name] is None else str(row[name]) for name in names), *(shown(row) for _, shown in columns)]
        for row in _plain(frame).iter_rows(named=True)
    ]
    heads = [(name, False) for name in names]
    return table([*heads, *((heading, heading not in texts) for heading, _ in columns)], rows, width)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Datetime).dt.epoch("ns"))


def _last(values: list[float | None] | None) -> float | None:
    return next((value for value in reversed(values or []) if value is not None), None)


def _period(row: Row) -> str:
    return "–" if row["period_ns"] is None else f"{time_text(row['period_ns'])}: {number_text(row['strength'])}"


def _cpus(row: Row) -> str:
    if row["cpus"] is None:
        return "–"
    shown = [f"{took['cpu']}: {share_text(took['share'])}" for took in row["cpus"][:2]]
    left = len(row["cpus"]) - len(shown)
    return ", ".join(shown) + (f", +{left}" if left > 0 else "")


def _interval(row: Row) -> str:
    lowest, highest = row["ratio_lo"], row["ratio_hi"]
    if lowest is None:
        return "–"
    low = number_text(lowest, "lo")
    return f"over {low}" if highest is None else f"{low} to {number_text(highest, 'hi')}"


def _change(row: Row) -> str:
    change = row["change"] or "–"
    return f"{change} *" if row["significant"] else change
