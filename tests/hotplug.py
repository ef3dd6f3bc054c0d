"""Traces of machines whose lines and CPUs come and go, written down as a recorder would."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.frames import flat_types
from irqtrace.meta import parse_meta
from irqtrace.trace import flat_trace
from made import Cell, MadeLine, MadeRead, MadeTrace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from irqtrace import Trace

MS = 1_000_000

Nodes = dict[str, list[int]] | None


@dataclass(frozen=True)
class Life:
    """A line while it is there: from one sample up to but not another. ``lone``: its counts are of no CPU."""

    kind: str
    irq: str
    name: str
    first: int = 0
    after: int = 1 << 30
    lone: bool = False


@dataclass(frozen=True)
class Recorded:
    """A trace, and what each of its reads saw."""

    made: MadeTrace
    layouts: dict[tuple[str, int], set[Cell]]
    """Of a kind and a sample: the cells that were there."""
    host: str = "testhost"
    boot: str = "b007"
    nodes: Nodes = None
    later_ns: int = 0
    """By how much its point 0 is later than that of other traces."""

    def trace(self) -> Trace:
        """The same without a file."""
        meta = parse_meta(json.dumps(self.made.meta()), "made")
        meta["host"] = {**meta["host"], "host": self.host, "boot": self.boot, "numa_nodes": self.nodes}
        meta["t0_ns"] += self.later_ns
        flat = flat_types(pl.DataFrame(self.made.table()).lazy())
        moved = flat.with_columns(
            pl.col("time") + pl.duration(nanoseconds=self.later_ns),
            *(
                pl.lit(value, dtype=pl.Categorical).alias(name)
                for name, value in (("host", self.host), ("boot", self.boot))
            ),
        )
        return flat_trace(moved, meta)


def recorded(
    lives: Sequence[Life],
    online: Callable[[int], Collection[int]],
    growth: Callable[[int, int | None, int], int],
    reads: Mapping[str, Sequence[int]],
    every: Mapping[str, int] | None = None,
    possible: Collection[int] | None = None,
) -> Recorded:
    """What a recorder makes of such a machine, given the samples at which each kind was read.

    ``online`` are the CPUs at a sample, ``growth`` is that of a life (its place) on a CPU. Softirqs are counted on all
    CPUs that are possible, the others on those online.
    """
    lines: dict[int, MadeLine] = {}
    for at, life in enumerate(lives):
        seen = [sample for sample in reads[life.kind] if life.first <= sample < life.after]
        if seen:
            last = None if seen[-1] == reads[life.kind][-1] else seen[-1]
            lines[at] = MadeLine(len(lines), life.kind, life.irq, life.name, seen[0], last)
    places = {line.line: at for at, line in lines.items()}

    def layout(kind: str, sample: int) -> list[Cell]:
        cpus = possible if kind == "softirq" and possible is not None else online(sample)
        there = [at for at, life in enumerate(lives) if life.kind == kind and life.first <= sample < life.after]
        return [(lines[at].line, cpu) for at in there for cpu in ([None] if lives[at].lone else sorted(cpus))]

    steps = {(kind, "proc"): (every or {}).get(kind, 1) for kind in reads}
    made = MadeTrace(MS, steps, list(lines.values()), [])
    layouts = {(kind, sample): set(layout(kind, sample)) for kind, samples in reads.items() for sample in samples}
    for kind, samples in reads.items():
        counts: dict[Cell, int] = {}
        for before, sample in zip([-1, *samples], samples, strict=False):
            cells = layout(kind, sample)
            deltas = {cell: growth(places[cell[0]], cell[1], sample) if cell in counts else 0 for cell in cells}
            # What is new starts at its first count.
            now = {cell: counts.get(cell, 7 * (cell[1] or 0)) + deltas[cell] for cell in cells}
            # A zero stands too where the line was there before, or stays.
            old = {line for line, _ in counts}
            made.baselines += [
                (*cell, sample, now[cell]) for cell in cells if cell not in counts and (now[cell] or cell[0] in old)
            ]
            stays = {line for line, _ in now}
            made.finals += [
                (*cell, before, count)
                for cell, count in counts.items()
                if cell not in now and (count or cell[0] in stays)
            ]
            is_epoch = now.keys() != counts.keys()
            grown = {cell: delta for cell, delta in deltas.items() if delta or is_epoch}
            made.reads.append(MadeRead(kind, "proc", sample, sample * MS + 20_000, 10_000, grown))
            counts = now
        made.finals += [(*cell, samples[-1], count) for cell, count in counts.items() if count]
    return Recorded(made, layouts)


def changing_machine(seed: int, samples: int = 24) -> Recorded:
    """Up to five CPUs of which some vanish and come back, lines that come and go, one freed and taken again."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    cpus = sorted(chance.sample(range(8), chance.randint(1, 5)))
    away: dict[int, set[int]] = {cpu: set() for cpu in cpus}
    for cpu in cpus[1:]:
        for _ in range(chance.choice([0, 1, 1, 2])):
            left, back = sorted(chance.sample(range(samples + 1), 2))
            away[cpu] |= set(range(left, back))
    freed = chance.randrange(2, samples)
    came, went = sorted(chance.sample(range(samples + 1), 2))
    lives = [
        Life("irq", "24", "eth0"),
        Life("irq", "25", "nvme0", after=freed),
        Life("irq", "25", "nvme0", first=chance.choice([freed, freed + 2])),
        Life("irq", "26", "eth0", first=came, after=went),
        Life("irq", "27", "silent"),
        Life("irq", "28", "gone", after=came),
        Life("arch", "LOC", "Local timer interrupts"),
        Life("arch", "ERR", "ERR", lone=True),
        Life("softirq", "NET_RX", "NET_RX"),
        Life("softirq", "HI", "HI"),
    ]
    every = {"irq": 1, "arch": 3, "softirq": chance.choice([1, 2])}
    reads = {
        kind: [n for n in range(0, samples, step) if not n or chance.random() > chance.choice([0.1, 0.6])]
        for kind, step in every.items()
    }

    def growth(life: int, cpu: int | None, _: int) -> int:
        weights = {0: [0, 0, 0, 9], 4: [0], 5: [3, 5]}.get(life, [0, 0, 1, 40])
        return chance.choice(weights) if cpu is None or cpu != cpus[-1] or life % 2 else 0

    def online(sample: int) -> list[int]:
        return [cpu for cpu in cpus if sample not in away[cpu]]

    return recorded(lives, online, growth, reads, every, possible=cpus)
