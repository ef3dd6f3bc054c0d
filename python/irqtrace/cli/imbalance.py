"""``irqtrace imbalance``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.analyses.imbalance import COLUMNS, imbalance
from irqtrace.display.imbalance import imbalance_table

from .output import add_format, add_sources, emit

if TYPE_CHECKING:
    import argparse

    import polars as pl
    from rich.table import Table


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "imbalance",
        help="print how evenly the CPUs shared the interrupts",
        description="Prints, per line and window of time, how many CPUs took a line's interrupts and how evenly: the "
        "busiest one's share, its count over the mean, coefficient of variation, Gini coefficient, and how many evenly "
        "sharing CPUs would be as even.",
    )
    add_sources(parser)
    parser.add_argument("--every", metavar="DURATION", help="the length of a window, like 100ms (default: all of it)")
    parser.add_argument("--by", choices=list(COLUMNS), default="irq", help="what to tell apart (default: %(default)s)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    frame = imbalance(options.traces, options.every, options.by)
    emit(frame, options, imbalance_table if options.every else _busiest_first)
    return 0


def _busiest_first(frame: pl.DataFrame, width: int) -> Table:
    return imbalance_table(frame.sort("total", descending=True, nulls_last=True, maintain_order=True), width)
