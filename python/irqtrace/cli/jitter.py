"""``irqtrace jitter``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.analyses.jitter import jitter
from irqtrace.display.analyses import jitter_table

from .output import add_format, add_sources, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "jitter",
        help="print how regularly interrupts came",
        description="Prints, per line and CPU, the times between interrupts where the sampling resolves them and says "
        "so where it does not; and what needs no resolving: the Fano factor of the longest windows, the dominant "
        "period. JSON and Parquet hold the whole ladder of Fano factors and Allan deviations.",
    )
    add_sources(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    emit(jitter(options.traces), options, jitter_table)
    return 0
