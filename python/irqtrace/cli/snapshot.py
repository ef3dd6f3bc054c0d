"""``irqtrace snapshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from irqtrace.display.snapshot import snapshot_table
from irqtrace.snapshots import snapshot

from .output import add_format, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "snapshot",
        help="print the counts since boot",
        description="Prints one read of everything. Given texts that were captured elsewhere, it reads only those.",
    )
    parser.add_argument("--interrupts", metavar="FILE", help="a captured text of /proc/interrupts")
    parser.add_argument("--softirqs", metavar="FILE", help="a captured text of /proc/softirqs")
    parser.add_argument("--procfs", metavar="DIR", default="/proc", help="read there (default: %(default)s)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    frame = snapshot(options.interrupts, options.softirqs, procfs=options.procfs)
    emit(frame, options, snapshot_table)
    return 0
