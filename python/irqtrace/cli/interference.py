"""``irqtrace interference``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from irqtrace.analyses.interference import interference
from irqtrace.display.analyses import interference_table

from .output import add_format, add_sources, emit

if TYPE_CHECKING:
    import argparse


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "interference",
        help="print what interrupted CPUs that are to be left alone",
        description="Prints everything that interrupted the given CPUs, most first; without --cpus, those that the "
        "traces' hosts were told to leave alone (isolated and nohz_full).",
    )
    add_sources(parser)
    parser.add_argument("--cpus", metavar="LIST", type=_cpus, help="CPUs, like 2,3 or 4-7")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    emit(interference(options.traces, options.cpus), options, interference_table)
    return 0


MOST_CPUS = 1 << 16
"""More than any kernel has."""


def _cpus(text: str) -> list[int]:
    """``2,4-7``, as the kernel writes lists of CPUs."""
    cpus: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < MOST_CPUS):
            raise ArgumentTypeError(f"{text!r} is no list of CPUs, like 2,3 or 4-7")
        cpus += range(int(first), int(last or first) + 1)
    return cpus
