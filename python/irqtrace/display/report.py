"""A report as a page: for a terminal, for a notebook."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.text import Text

from .analyses import busiest_table, compare_table, interference_table, jitter_table, storms_table
from .imbalance import imbalance_table
from .summary import headline, print_quality, print_warnings
from .text import harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from irqtrace.analyses.report import Report

__all__ = ["print_report", "report_html", "report_text"]

_ROWS = 12
_SHOWN_TRACES = 5

SECTIONS: dict[str, tuple[str, Callable[[pl.DataFrame, int], Table]]] = {
    "rates": ("How fast", busiest_table),
    "imbalance": ("How evenly the CPUs shared them", imbalance_table),
    "jitter": ("How regularly they came", jitter_table),
    "storms": ("When lines came much faster than usual", storms_table),
    "interference": ("What interrupted the isolated CPUs", interference_table),
    "compare": ("What changed at the marks", compare_table),
}


def print_report(screen: Console, report: Report) -> None:
    """All of it."""
    for trace in report.traces[:_SHOWN_TRACES]:
        screen.print(Text(headline(trace)))
    if (left := len(report.traces) - _SHOWN_TRACES) > 0:
        screen.print(f"and {left} more {'trace' if left == 1 else 'traces'}")
    for name, (title, as_table) in SECTIONS.items():
        frame = report.frames.get(name)
        if frame is None:
            continue
        screen.print()
        screen.print(Text(title, style="bold"))
        if frame.is_empty():
            screen.print("nothing")
            continue
        shown = _most(name, frame)
        screen.print(as_table(shown, screen.width), crop=False)
        if (left := len(frame) - len(shown)) > 0:
            screen.print(f"and {left} more {'row' if left == 1 else 'rows'}")
    if len(report.traces) == 1:
        screen.print()
        screen.print(Text("How good the recording is", style="bold"))
        print_quality(screen, report.quality)
        print_warnings(screen, report.traces[0])


def report_text(report: Report) -> str:
    """The page as text."""
    screen = Console(file=io.StringIO(), width=100, color_system=None, highlight=False, emoji=False, markup=False)
    print_report(screen, report)
    assert isinstance(screen.file, io.StringIO)  # noqa: S101 - as it was made
    return screen.file.getvalue().rstrip()


def report_html(report: Report) -> str:
    """The page as tables of a notebook."""
    parts = [f"<p>{html.escape(headline(trace))}</p>" for trace in report.traces[:_SHOWN_TRACES]]
    for name, (title, _) in SECTIONS.items():
        frame = report.frames.get(name)
        if frame is not None:
            safe = _most(name, frame).with_columns(
                pl.col(pl.Categorical).cast(pl.String).map_elements(harmless, return_dtype=pl.String)
            )
            parts.append(f"<h4>{html.escape(title)}</h4>{safe._repr_html_()}")
    return "".join(parts)


def _most(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows that matter most."""
    order = {"jitter": "events", "storms": "peak"}
    if name in order:
        frame = frame.sort(order[name], descending=True, nulls_last=True, maintain_order=True)
    return frame.head(_ROWS)
