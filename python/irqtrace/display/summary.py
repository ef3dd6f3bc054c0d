"""What a recording came to: the busiest lines, how good it is, what it cost, what to know."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.text import Text

from irqtrace.analyses.quality import quality
from irqtrace.analyses.rates import rates

from .table import table
from .text import bounded_text, count_text, harmless, rate_text, share_text, time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from irqtrace.info import TraceWarning
    from irqtrace.trace import Trace

__all__ = ["busiest_table", "headline", "length_text", "print_quality", "print_summary", "print_warnings"]

_BUSIEST = 12
_LINE = ["kind", "irq", "name"]


def print_summary(console: Console, trace: Trace) -> None:
    """All of it."""
    console.print(Text(headline(trace)))
    console.print()
    console.print(busiest_table(trace, console.width), crop=False)
    console.print()
    print_quality(console, quality(trace))
    print_warnings(console, trace)


def headline(trace: Trace) -> str:
    """One sentence: how long, how often, where."""
    info = trace.info
    cpus = info.host.cpus_online
    where = "" if cpus is None else f", {len(cpus)} {'CPU' if len(cpus) == 1 else 'CPUs'}"
    kernel = f", Linux {info.host.kernel}" if info.host.kernel else ""
    host = info.host.host or "a host without a name"
    return harmless(f"{length_text(trace)} on {host}{kernel}{where}")


def length_text(trace: Trace, interval_text: Callable[[int], str] = time_text) -> str:
    """How long, and how often: ``5 s at 1 ms``, ``3,600 s in 61 reads``."""
    info = trace.info
    if not info.irregular:
        return f"{time_text(info.duration_ns)} at {interval_text(info.interval_ns)}"
    times = trace.samples["time"].dt.epoch("ns").unique()
    lasted_ns = int(times.max() - times.min()) if len(times) else 0  # type: ignore[operator,arg-type]
    return "1 read" if len(times) == 1 else f"{time_text(lasted_ns)} in {count_text(len(times))} reads"


def busiest_table(trace: Trace, width: int) -> Table:
    """The lines with the highest rates, with their bounds and the CPUs that served them."""
    busiest = rates(trace).filter(pl.col("count") > 0).sort("count", descending=True, maintain_order=True)
    cells = rates(trace, by=(*_LINE, "cpu")).filter(pl.col("count") > 0)
    rows = []
    for row in busiest.head(_BUSIEST).iter_rows(named=True):
        own = cells.filter(pl.col(column) == row[column] for column in _LINE).sort("count", descending=True)
        rate = bounded_text(row["rate"], row["rate_lo"], row["rate_hi"])
        names = [row[column] for column in _LINE]
        rows.append([*names, count_text(row["count"]), rate, _cpus(own, row["count"])])
    left = len(busiest) - len(rows)
    made = table(
        [
            *((column, False) for column in _LINE),
            *((heading, True) for heading in ("count", "per second")),
            ("CPU: share", False),
        ],
        rows,
        width,
    )
    if left > 0:
        made.caption = Text(f"and {left} {'line' if left == 1 else 'lines'} less busy")
        made.caption_justify = "left"
    return made


def print_quality(console: Console, frame: pl.DataFrame) -> None:
    """How good a recording is, one column per group."""
    groups = frame.to_dicts()
    facts: dict[str, Callable[[dict[str, Any]], str]] = {
        "reads per second": lambda row: f"{rate_text(row['achieved_hz'])} of {rate_text(1e9 / row['interval_ns'])}",
        "missed": lambda row: f"{count_text(row['missed'])} of {count_text(row['expected'])}",
        "missed share": lambda row: share_text(row["missed_share"]),
    }
    # Reads at times of their own were due at none.
    is_grid = any(row["interval_ns"] is not None for row in groups)
    if not is_grid:
        facts = {"reads": lambda row: count_text(row["reads"])}
    for what in ("late", "read") if is_grid else ("read",):
        for name in ("p50", "p90", "p99", "max"):
            facts[f"{what} {name}"] = partial(_time, f"{what}_{name}_ns")
    headings = [("quality", False), *((f"{row['kind']} ({row['engine']})", True) for row in groups)]
    rows = ([name, *map(fact, groups)] for name, fact in facts.items())
    console.print(table(headings, rows, console.width), crop=False)
    if groups and groups[0]["cpu_share"] is not None:
        own = groups[0]
        console.print()
        console.print(
            Text(
                f"the sampler itself: {share_text(own['cpu_share'])} of one CPU, "
                f"{time_text(own['cpu_ns_per_sample'])} a sample, about "
                f"{count_text(own['own_timer_interrupts'])} of the timer interrupts above"
            )
        )


def print_warnings(console: Console, trace: Trace) -> None:
    """What a person must know, one line for each type and line; what several groups have in common is told once."""
    alike: dict[tuple[str, int | None], list[TraceWarning]] = {}
    for warning in trace.warnings:
        alike.setdefault((warning.type, warning.line), []).append(warning)
    if alike:
        console.print()
    for warnings in alike.values():
        worst = max(warnings, key=lambda warning: warning.count)
        others = ", ".join(sorted({str(other.kind) for other in warnings} - {str(worst.kind)}))
        also = f" (also {others})" if others else ""
        console.print(Text(f"warning: {harmless(worst.message)}{also}"))


def _time(column: str, row: dict[str, Any]) -> str:
    return time_text(row[column])


def _cpus(cells: pl.DataFrame, total: int) -> str:
    shown = [
        f"{'all' if cell['cpu'] is None else cell['cpu']}: {share_text(cell['count'] / total)}"
        for cell in cells.head(2).iter_rows(named=True)
    ]
    left = len(cells) - len(shown)
    return ", ".join(shown) + (f", +{left}" if left > 0 else "")
