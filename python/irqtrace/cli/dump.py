"""``irqtrace dump``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from irqtrace.display.table import console
from irqtrace.display.text import bytes_text, harmless, time_text
from irqtrace.dumping import dump

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "dump",
        help="write the last of a recording into one file",
        description="Writes a recording, complete or under way, in one piece or in segments, into one trace file: all "
        "of it, or the last of it. The recording stays as it is and goes on.",
    )
    parser.add_argument("recording", metavar="RECORDING", help="its name, or the folder or a pattern of its segments")
    parser.add_argument("--last", metavar="DURATION", help="how much of it, like 10min (default: all that there is)")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes it, and says how much it is."""
    trace = dump(options.recording, options.output, last=options.last, overwrite=options.force)
    size = bytes_text(Path(options.output).stat().st_size)
    console().print(f"{harmless(options.output)}: {time_text(trace.info.duration_ns)}, {size}", soft_wrap=True)
    return 0
