"""``irqtrace lines``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from irqtrace.trace import open_trace

from .output import add_format, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "lines",
        help="print the lines that a trace is of",
        description="Prints every counter row of a trace: its label, name, chip, trigger and handlers, and the samples "
        "between which it was there.",
    )
    parser.add_argument("trace", metavar="TRACE", help="a trace file")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints them."""
    frame = open_trace(options.trace).lines
    if options.format in {"table", "csv"}:
        frame = frame.with_columns(pl.col("actions").list.join(", "))
    emit(frame, options)
    return 0
