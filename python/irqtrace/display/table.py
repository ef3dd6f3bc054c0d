"""Frames as tables that fit the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import polars as pl
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .text import count_text, harmless, rate_text, share_text, time_text, when_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO

    from .text import Bound

__all__ = ["console", "frame_table", "table", "time_column"]

_FILE_WIDTH = 400
"""Wide enough that nothing is cut in a file or pipe."""

_GAP = 2
"""Blanks between columns."""

_SHRINKING = {"name": 10, "finding": 20, "CPU: share": 8, "subject": 20}
"""The columns that may be cut, and how narrow they may get."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leaves it to the command: rich would end the process with a status of its own."""
        raise BrokenPipeError


def console(file: TextIO | None = None) -> Console:
    """Where tables go: as wide as the terminal, and uncut where there is none."""
    stream = sys.stdout if file is None else file
    return _Console(
        file=stream, width=None if stream.isatty() else _FILE_WIDTH, highlight=False, emoji=False, markup=False
    )


def table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], width: int) -> Table:
    """A table of ready texts that fits ``width``; each column is a heading and whether it holds numbers.

    Numbers are never cut: where the room is short, names are, then headings are folded, and what still finds no room
    makes the table wider; print it with ``crop=False``.
    """
    texts = [[harmless(cell) for cell in row] for row in rows]
    headings = [harmless(heading) for heading, _ in columns]
    widths = [max(map(cell_len, column)) for column in zip(headings, *texts, strict=True)]
    over = sum(widths) + _GAP * (len(widths) - 1) - width
    for heading, narrowest in _SHRINKING.items():
        if heading in headings and over > 0:
            at = headings.index(heading)
            cut = min(over, max(widths[at] - narrowest, 0))
            widths[at] -= cut
            over -= cut
    for at, (_, numbers) in enumerate(columns):
        if numbers and over > 0:
            # Headings are folded between words, which read well, and not inside them.
            longest = max((cell_len(row[at]) for row in texts), default=0)
            word = max(map(cell_len, headings[at].split()), default=0)
            cut = min(over, max(widths[at] - max(longest, word), 0))
            widths[at] -= cut
            over -= cut
    needed = sum(widths) + _GAP * (len(widths) - 1) if over > 0 else None
    made = Table(width=needed, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 0, 0, _GAP - 1))
    for (_, numbers), heading, fits in zip(columns, headings, widths, strict=True):
        made.add_column(
            Text(heading, no_wrap=False, overflow="fold"),
            justify="right" if numbers else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=max(fits, 1),
        )
    for row in texts:
        made.add_row(*map(Text, row))
    return made


def frame_table(frame: pl.DataFrame, width: int) -> Table:
    """Any frame of the library, its numbers in the units that their columns name."""
    columns = [(_heading(name), dtype.is_numeric()) for name, dtype in frame.schema.items()]
    one_day = all(times.dt.date().n_unique() <= 1 for times in frame.select(pl.col(pl.Datetime)))
    shown = frame.with_columns(pl.col(pl.Datetime).dt.epoch("ns"))
    rows = (
        [_cell(name, value, time_of_day=one_day) for name, value in row.items()] for row in shown.iter_rows(named=True)
    )
    return table(columns, rows, width)


def time_column(frame: pl.DataFrame) -> list[str] | None:
    """The texts of the column time; None where there is one time alone, which nobody wants to see in every row."""
    if frame["time"].n_unique() <= 1:
        return None
    one_day = frame["time"].dt.date().n_unique() <= 1
    texts = (when_text(ns) for ns in frame["time"].dt.epoch("ns"))
    return [text.split(" ")[-1] if one_day else text for text in texts]


def _heading(column: str) -> str:
    if column == "time":
        return "time (UTC)"
    return column.removesuffix("_ns").replace("_", " ")


def _bound(column: str) -> Bound:
    return "lo" if column.endswith("_lo") else "hi" if column.endswith("_hi") else None


def _cell(column: str, value: Any, *, time_of_day: bool) -> str:  # noqa: ANN401, PLR0911 - whatever a frame holds
    if value is None:
        return "–"
    if column == "time":
        return when_text(value).split(" ")[-1] if time_of_day else when_text(value)
    if column.endswith("_ns"):
        return time_text(value)
    if column.endswith("share"):
        return share_text(value)
    if isinstance(value, float):
        return rate_text(value, _bound(column))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if column in {"cpu", "line"} else count_text(value)
    return str(value)
