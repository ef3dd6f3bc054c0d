"""``irqtrace rates``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from irqtrace.analyses.rates import rates
from irqtrace.display.table import frame_table

from .output import add_format, add_sources, emit

if TYPE_CHECKING:
    import argparse

    from rich.table import Table


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "rates",
        help="print how fast interrupts came",
        description="Prints interrupts per second with the bounds between which the true rate lies, per window of time "
        "and per line. As a table without --every, the fastest come first.",
    )
    add_sources(parser)
    parser.add_argument("--every", metavar="DURATION", help="the length of a window, like 100ms (default: all of it)")
    parser.add_argument(
        "--by",
        metavar="COLUMNS",
        default="kind,irq,name",
        help="what to tell apart, of kind,engine,line,irq,name,cpu,host,boot (default: %(default)s)",
    )
    parser.add_argument("--dense", action="store_true", help="also what never had an interrupt")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints them."""
    by = [column.strip() for column in options.by.split(",") if column.strip()]
    frame = rates(options.traces, options.every, by, dense=options.dense)
    emit(frame, options, frame_table if options.every else _fastest_first)
    return 0


def _fastest_first(frame: pl.DataFrame, width: int) -> Table:
    ordered = frame.sort(pl.col("rate").fill_null(-1), descending=True, maintain_order=True)
    return frame_table(ordered.drop("time"), width)
