"""``irqtrace quality``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.analyses.quality import quality
from irqtrace.display.summary import headline, print_quality, print_warnings
from irqtrace.display.table import console
from irqtrace.trace import open_trace

from .output import add_format, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "quality",
        help="print how good a recording is and what it cost",
        description="Prints, per kind, how many samples were missed, how late reads began and how long they took, what "
        "the sampler itself cost, and what there is to know about the trace.",
    )
    parser.add_argument("trace", metavar="TRACE", help="a trace file")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    trace = open_trace(options.trace)
    frame = quality(trace)
    if options.format == "table" and options.output is None:
        screen = console()
        screen.print(headline(trace))
        screen.print()
        print_quality(screen, frame)
        print_warnings(screen, trace)
    else:
        emit(frame, options)
    return 0
