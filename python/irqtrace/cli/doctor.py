"""``irqtrace doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from irqtrace.display.table import console, table
from irqtrace.display.text import bytes_text, harmless, time_text
from irqtrace.doctor import Findings, examine
from irqtrace.durations import duration_text

from .output import add_format, as_options, emit

if TYPE_CHECKING:
    import argparse

    from rich.console import Console


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "doctor",
        help="tell what this machine allows",
        description="Tells whether interrupts can be sampled here, how often, and what would make it finer. It changes "
        "nothing. Exit status 1 says that nothing can be sampled.",
    )
    parser.add_argument("--procfs", metavar="DIR", default="/proc", help="read there (default: %(default)s)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it."""
    findings = examine(options.procfs)
    if options.format == "table" and options.output is None:
        _print(console(), findings)
    else:
        emit(findings.frame(), options)
    return 0 if findings.can_sample else 1


def _print(screen: Console, findings: Findings) -> None:
    for check in findings.checks:
        sign = "yes" if check.good else "NO " if check.needed else "no "
        line = Text(f"{sign}  {harmless(check.subject)}: {harmless(as_options(check.finding))}")
        line.stylize("green" if check.good else "red" if check.needed else "yellow", 0, 3)
        screen.print(line)
    if findings.costs:
        screen.print()
        screen.print(
            table(
                [
                    ("one read of", False),
                    ("gives kinds", False),
                    ("size", True),
                    ("usually takes", True),
                    ("at worst", True),
                ],
                (
                    [
                        cost.source,
                        ", ".join(cost.kinds),
                        bytes_text(cost.bytes),
                        time_text(cost.median_ns),
                        time_text(cost.worst_ns),
                    ]
                    for cost in findings.costs
                ),
                screen.width,
            ),
            crop=False,
        )
    screen.print()
    if not findings.can_sample:
        screen.print("Nothing can be sampled here until what is marked NO is put right.")
        return
    screen.print("A sample has to be over before the next one is due. The shortest sensible interval here is")
    for kinds, ns in findings.shortest_ns.items():
        every = kinds.count(",") == 2  # noqa: PLR2004 - all three kinds
        screen.print(f"  {duration_text(ns):>6}  for {'all kinds' if every else f'--kinds {kinds}'}")
    kinds, ns = next(iter(findings.shortest_ns.items()), ("", 0))
    if kinds:
        screen.print(f"Try: irqtrace record 5s --interval {duration_text(max(ns * 2, 250_000))} --kinds {kinds}")
