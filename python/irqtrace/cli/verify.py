"""``irqtrace verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.display.table import console
from irqtrace.display.text import harmless
from irqtrace.verifying import verify

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "verify",
        help="check that trace files are what was written",
        description="Reads all of each trace file and checks it by its checksums. Ends at the first that is damaged, "
        "with status 1.",
    )
    parser.add_argument("traces", metavar="TRACE", nargs="+", help="a file, a recording that was cut off, or a folder")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Checks them, and says so of each."""
    for trace in options.traces:
        said = "as it was written" if verify(trace) else "has no checksums: nothing is known of it"
        console().print(f"{harmless(trace)}: {said}", soft_wrap=True)
    return 0
