"""``irqtrace compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.analyses.compare import compare
from irqtrace.display.analyses import compare_table

from .output import add_format, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "compare",
        help="print what changed between two recordings, or at a mark",
        description="Prints, per line, the rates before and after, their ratio with its 95 % interval, and the share "
        "of its interrupts that moved to other CPUs. What chance does not explain comes first and has a star.",
    )
    parser.add_argument("before", metavar="BEFORE", help="a trace file, or a folder or pattern of them")
    parser.add_argument("after", metavar="AFTER", nargs="?", help="likewise; without it, BEFORE between its marks")
    parser.add_argument("--every", metavar="DURATION", help="windows that tell the spread (default: a 20th of a side)")
    parser.add_argument("--by", choices=["line", "cpu"], default="line", help="a row for each (default: %(default)s)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    emit(compare(options.before, options.after, every=options.every, by=options.by), options, compare_table)
    return 0
