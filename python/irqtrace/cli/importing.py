"""``irqtrace import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from irqtrace.display.summary import print_summary
from irqtrace.display.table import console
from irqtrace.display.text import bytes_text, harmless
from irqtrace.importing import import_sources

from .progress import import_shown
from .signals import on_signals

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "import",
        help="make a trace file of captured texts",
        description="Makes a trace of texts of /proc/interrupts and /proc/softirqs that were captured with other "
        "means, and prints a summary: copies with times in their names, logs as loops of `date; cat` make them, "
        "folders of these, and unpacked sosreports. A time that cannot be known is asked for and never guessed.",
    )
    parser.add_argument("sources", metavar="SOURCE", nargs="*", help="files, folders and reports, in any order")
    parser.add_argument(
        "--at",
        metavar=("TIME", "SOURCE"),
        nargs=2,
        action="append",
        default=[],
        help="a file or report and when it was captured, like 2026-01-01T12:00:00Z; as often as wanted",
    )
    parser.add_argument(
        "--times",
        choices=("names", "mtimes"),
        help="of files and reports without times in them: from names (the default), or when each was last changed",
    )
    parser.add_argument(
        "--since-1970",
        action="store_true",
        help="numbers that may as well be dates, or would be yet to come, are seconds since 1970",
    )
    parser.add_argument("--zone", metavar="ZONE", help="of times that name none: UTC, Europe/Berlin, +01:00")
    parser.add_argument("--host", metavar="NAME", help="the machine's name, where no report tells it")
    parser.add_argument(
        "--same-machine",
        action="store_true",
        help="all are of one start of one machine, also where drivers have begun anew and nothing else tells, or "
        "counts grew too fast",
    )
    parser.add_argument(
        "--within",
        metavar="DURATION",
        default="100ms",
        help="a text was read this long after its time at most, or before its last change (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", default="trace.parquet", help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument("--quiet", action="store_true", help="print neither progress nor summary")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Imports, and says what came of it."""
    try:
        return _import(options)
    except _Ended as ended:
        return 128 + ended.number


def _import(options: argparse.Namespace) -> int:
    sources = [*((source, None) for source in options.sources), *((source, at) for at, source in options.at)]
    with import_shown(quiet=options.quiet) as show, on_signals(_end):
        trace = import_sources(
            sources,
            times=options.times,
            since_1970=options.since_1970,
            zone=options.zone,
            host=options.host,
            same_machine=options.same_machine,
            within=options.within,
            path=options.output,
            overwrite=options.force,
            progress=show,
        )
    if not options.quiet:
        screen = console()
        print_summary(screen, trace)
        screen.print()
        screen.print(f"{harmless(options.output)}: {bytes_text(Path(options.output).stat().st_size)}", soft_wrap=True)
    return 0


class _Ended(KeyboardInterrupt):
    """By a signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _end(number: int) -> None:
    """What asks a program to end is heard between two texts; nothing of the file remains then."""
    raise _Ended(number)
