"""What this machine allows: found out here, put into words elsewhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import polars as pl

from . import _core
from .durations import duration_text
from .errors import IrqtraceError
from .schema import KINDS
from .settings import shortest_interval_ns

__all__ = ["Check", "Findings", "examine"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a sampler needs or could use."""

    subject: str
    good: bool
    needed: bool
    """Without it nothing can be sampled; the others make sampling finer."""
    finding: str


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found out."""

    checks: tuple[Check, ...]
    costs: tuple[_core.ReadCost, ...]
    shortest_ns: dict[str, int]
    """The shortest sensible interval, by the kinds read: ``irq``, ``irq,arch,softirq``."""

    @property
    def can_sample(self) -> bool:
        """Whether all that is needed is there."""
        return all(check.good for check in self.checks if check.needed)

    def frame(self) -> pl.DataFrame:
        """Everything as one table: subject, good, finding, and for a read its kinds, bytes, median_ns, worst_ns."""
        schema = {
            "subject": pl.String(),
            "good": pl.Boolean(),
            "finding": pl.String(),
            "kinds": pl.String(),
            "bytes": pl.Int64(),
            "median_ns": pl.Int64(),
            "worst_ns": pl.Int64(),
        }
        rows: list[tuple[object, ...]] = [
            (check.subject, check.good, check.finding, None, None, None, None) for check in self.checks
        ]
        rows += [
            (f"read of {cost.source}", True, cost.path, ",".join(cost.kinds), cost.bytes, cost.median_ns, cost.worst_ns)
            for cost in self.costs
        ]
        rows += [
            ("shortest sensible interval", True, duration_text(ns), kinds, None, ns, None)
            for kinds, ns in self.shortest_ns.items()
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")


def examine(procfs: str = "/proc", sysfs: str = "/sys") -> Findings:
    """Looks at what can be sampled here, with what privileges, and measures what a read costs. Changes nothing."""
    if not _core.LIVE:
        built = Check(
            "sampling", good=False, needed=True, finding="this build of irqtrace cannot sample: that needs Linux"
        )
        return Findings((built,), (), {})
    costs, refused = _core.read_costs(procfs, sysfs)
    texts = _texts(procfs, costs, refused)
    costs = [cost for cost in costs if cost.path not in {check.subject for check in texts if not check.good}]
    shortest = {
        ",".join(kinds): interval
        for kinds in combinations(KINDS, 1)
        if (interval := shortest_interval_ns(costs, kinds)) is not None
    }
    if (everything := shortest_interval_ns(costs, KINDS)) is not None:
        shortest[",".join(KINDS)] = everything
    return Findings((*texts, _chosen_lines(sysfs), *_privileges(), *_machine()), tuple(costs), shortest)


def _texts(procfs: str, costs: list[_core.ReadCost], refused: list[str]) -> list[Check]:
    """The kernel's two texts; either is enough to sample something."""
    readable = {cost.path for cost in costs}
    wrong: dict[str, str | None] = {}
    for name in ("interrupts", "softirqs"):
        path = os.path.join(procfs, name)  # noqa: PTH118 - as the core writes it
        if path in readable:
            wrong[path] = _unfit(name, path)
        else:
            said = (sentence for sentence in refused if sentence.startswith(path))
            wrong[path] = next(said, "cannot be read").removeprefix(f"{path}: ")
    nothing = None not in wrong.values()
    return [
        Check(path, good=reason is None, needed=nothing, finding=reason or "readable, no privilege needed")
        for path, reason in wrong.items()
    ]


def _unfit(name: str, path: str) -> str | None:
    """Why a text that can be read cannot be understood."""
    try:
        _core.snapshot(**{name: path})
    except (IrqtraceError, OSError) as error:
        return str(error).removeprefix(f"{path}: ")
    return None


def _chosen_lines(sysfs: str) -> Check:
    per_line = next(Path(sysfs, "kernel/irq").glob("*/per_cpu_count"), None)
    finding = (
        "a few chosen lines (--irqs) are read on their own, which costs less"
        if per_line
        else "not here: chosen lines (--irqs) are read with all the others"
    )
    return Check(f"{sysfs}/kernel/irq", good=per_line is not None, needed=False, finding=finding)


def _privileges() -> list[Check]:
    fifo, latency, memory = _core.can_fifo(), _core.can_dma_latency(), _core.can_lock_memory()
    return [
        Check(
            "real-time priority (--fifo)",
            good=fifo is None,
            needed=False,
            finding=fifo or "allowed: the sampler may go before everything else on its CPU",
        ),
        Check(
            "latency request (--dma-latency)",
            good=latency is None,
            needed=False,
            finding=latency or "allowed: CPUs may be kept from sleeping deeply while sampling",
        ),
        Check(
            "locked memory (--lock-memory)",
            good=memory is None,
            needed=False,
            finding=memory or "allowed: the sampler's memory may be kept from being paged out",
        ),
    ]


def _machine() -> list[Check]:
    allowed = sorted(os.sched_getaffinity(0))
    online = os.cpu_count() or len(allowed)
    finding = (
        f"any of the {online} CPUs"
        if len(allowed) == online
        else f"only CPUs {', '.join(map(str, allowed))} of {online}: something restricts this process"
    )
    return [Check("CPU to run on (--pin)", good=True, needed=False, finding=finding)]
