"""``irqtrace repair``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from irqtrace.display.table import console
from irqtrace.display.text import bytes_text, harmless, time_text
from irqtrace.repairing import repair_each
from irqtrace.trace import open_trace

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "repair",
        help="make a trace file of a recording that was cut off",
        description="Makes a plain trace file of a recording whose recorder or machine was stopped midway. What was "
        "flushed is in it; the recording's other files go once it is complete.",
    )
    parser.add_argument("trace", metavar="TRACE", help="its name, or the folder of its segments")
    parser.add_argument("--force", action="store_true", help="replace a file of that name")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Repairs it, and says how much is there."""
    for path, made in repair_each(options.trace, overwrite=options.force):
        if not made:
            said = "was complete; the journal that its recorder left beside it is removed"
            console().print(f"{harmless(path)}: {said}", soft_wrap=True)
            continue
        size = bytes_text(Path(path).stat().st_size)
        duration = time_text(open_trace(path).info.duration_ns)
        console().print(f"{harmless(path)}: {duration}, {size}", soft_wrap=True)
    return 0
