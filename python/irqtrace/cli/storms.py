"""``irqtrace storms``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.analyses.storms import THRESHOLD, storms
from irqtrace.display.analyses import storms_table

from .output import add_format, add_sources, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "storms",
        help="print when lines came much faster than they usually do",
        description="Prints the intervals in which a line's rate left its own baseline, with its peak and the CPUs "
        "that took it.",
    )
    add_sources(parser)
    parser.add_argument("--every", metavar="DURATION", help="the length of a window (default: 10ms)")
    parser.add_argument(
        "--threshold",
        metavar="SPREADS",
        type=float,
        default=THRESHOLD,
        help="how many spreads above the baseline (default: %(default)g)",
    )
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints them."""
    emit(storms(options.traces, options.every, options.threshold), options, storms_table)
    return 0
