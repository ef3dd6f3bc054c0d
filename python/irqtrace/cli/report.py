"""``irqtrace report``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.analyses.report import report
from irqtrace.display.report import print_report
from irqtrace.display.table import console

from .output import add_sources

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "report",
        help="print all that the analyses tell of a recording",
        description="Prints a page: how fast, how evenly, how regularly, storms, what interrupted isolated CPUs, and "
        "how good the recording is.",
    )
    add_sources(parser)
    parser.add_argument("--format", choices=["table", "json"], default="table", help="(default: %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    made = report(options.traces)
    if options.format == "json":
        print(made.to_json())
    else:
        print_report(console(), made)
    return 0
