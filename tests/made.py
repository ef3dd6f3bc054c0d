"""Traces made by hand: what was read, in plain Python, and the file that says so as docs/format.md demands."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from irqtrace.frames import flat_types
from irqtrace.meta import SCHEMA, parse_meta
from irqtrace.schema import FLAT_ARROW
from irqtrace.trace import flat_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from irqtrace import Trace

KIND_ORDER = ("irq", "arch", "softirq")
T0_NS = 1_700_000_000_000_000_000

Group = tuple[str, str]
Cell = tuple[int, int | None]


@dataclass(frozen=True)
class MadeLine:
    """A counter row."""

    line: int
    kind: str
    irq: str
    name: str
    first: int = 0
    last: int | None = None
    engine: str = "proc"


@dataclass(frozen=True)
class MadeRead:
    """A reading of a group: its window, counted from t0, and the growth of the cells that have a row."""

    kind: str
    engine: str
    sample: int
    begin: int
    length: int
    deltas: dict[Cell, int]


@dataclass
class MadeTrace:
    """All that a trace file holds."""

    interval_ns: int
    every: dict[Group, int]
    lines: list[MadeLine]
    reads: list[MadeRead]
    baselines: list[tuple[int, int | None, int, int]] = field(default_factory=list)
    """line, cpu, sample, count."""
    finals: list[tuple[int, int | None, int, int]] = field(default_factory=list)
    previous: list[MadeRead] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    host: str = "testhost"

    def meta(self) -> dict[str, Any]:
        """The JSON object of the file."""
        return {
            "schema": SCHEMA,
            "irqtrace": "0.1.0",
            "recording": None,
            "segment": None,
            "irregular": False,
            "interval_ns": self.interval_ns,
            "t0_ns": T0_NS,
            "span": None,
            "groups": [self._group(group, every) for group, every in self.every.items()],
            "anchors": [{"mono_ns": 0, "real_ns": T0_NS, "boot_ns": 0, "raw_ns": 0, "bracket_ns": 80}],
            "host": {
                "host": self.host,
                "boot": "b007",
                "kernel": "6.18.0",
                "arch": "x86_64",
                "cpus_online": [0, 1],
                "cpus_possible": [0, 1],
                "numa_nodes": {"0": [0, 1]},
                "isolated": [],
                "nohz_full": [],
            },
            "lines": [
                {
                    "line": line.line,
                    "kind": line.kind,
                    "engine": line.engine,
                    "irq": line.irq,
                    "name": line.name,
                    "number": int(line.irq) if line.kind == "irq" else None,
                    "chip": None,
                    "hwirq": None,
                    "trigger": None,
                    "actions": [line.name] if line.kind == "irq" else [],
                    "first_sample": line.first,
                    "last_sample": line.last,
                }
                for line in self.lines
            ],
            "baselines": _columns(self.baselines),
            "finals": _columns(self.finals),
            "previous": [
                {
                    "kind": read.kind,
                    "engine": read.engine,
                    "sample": read.sample,
                    "time_ns": T0_NS + read.begin,
                    "read_ns": read.length,
                }
                for read in self.previous
            ],
            "settings": {"kinds": {}, "irqs": None, "pin": None, "fifo": None, "lock_memory": False}
            | {"dma_latency_us": None, "spin_ns": 0, "batch_every_ns": 100_000_000},
            "cost": {"cpu_ns": 50_000, "wall_ns": 1_000_000, "reads": len(self.reads), "sleeps": 20, "spins": 0},
            "warnings": self.warnings,
            "marks": self.marks,
        }

    def rows(self) -> list[tuple[Any, ...]]:
        """The flat table, a tuple a row."""
        lines = {line.line: line for line in self.lines}
        rows: list[tuple[Any, ...]] = []
        for read in sorted(self.reads, key=lambda read: (read.sample, KIND_ORDER.index(read.kind))):
            head = (read.sample, T0_NS + read.begin, read.length, read.engine, read.kind)
            cells = sorted(read.deltas.items(), key=lambda item: (item[0][0], item[0][1] is None, item[0][1] or 0))
            rows += [
                (*head, lines[line].irq, lines[line].name, cpu, delta, self.host, "b007")
                for (line, cpu), delta in cells
            ] or [(*head, None, None, None, 0, self.host, "b007")]
        return rows

    def table(self) -> pa.Table:
        """The flat table in Arrow."""
        rows = self.rows()
        columns = [_array([row[at] for row in rows], field.type) for at, field in enumerate(FLAT_ARROW)]
        return pa.Table.from_arrays(columns, schema=FLAT_ARROW)

    def cells(self) -> Iterator[tuple[MadeRead, tuple[MadeLine, int | None], int]]:
        """Every growth that was read: when, of what line on what CPU, and how much."""
        lines = {line.line: line for line in self.lines}
        for read in self.reads:
            for (line, cpu), delta in read.deltas.items():
                yield read, (lines[line], cpu), delta

    def sums(self) -> dict[tuple[str, int | None], int]:
        """What each name counted on each CPU."""
        sums: Counter[tuple[str, int | None]] = Counter()
        for _, (line, cpu), delta in self.cells():
            sums[line.name, cpu] += delta
        return dict(sums)

    def save(self, path: Path) -> Path:
        """Writes the file."""
        table = self.table().replace_schema_metadata({"irqtrace": json.dumps(self.meta())})
        pq.write_table(table, path)
        return path

    def _group(self, group: Group, every: int) -> dict[str, Any]:
        samples = [read.sample for read in self.reads if (read.kind, read.engine) == group]
        last = max((read.sample for read in self.reads), default=-1)
        due = len(range(0, last + 1, every))
        missed = max(due - len(samples), 0)
        return {"kind": group[0], "engine": group[1], "every": every, "reads": len(samples), "missed": missed}


def in_memory(made: MadeTrace) -> Trace:
    """The trace without a file."""
    return flat_trace(flat_types(pl.DataFrame(made.table()).lazy()), parse_meta(json.dumps(made.meta()), "made"))


def small_trace(seed: int = 1, samples: int = 40, missed: float = 0.1) -> MadeTrace:
    """Two CPUs, three groups at different intervals, windows of different lengths, and some samples missed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    lines = [
        MadeLine(0, "irq", "24", "eth0-rx-0"),
        MadeLine(1, "irq", "25", "eth0-tx-0"),
        MadeLine(2, "irq", "131", "nvme0q1"),
        MadeLine(3, "arch", "LOC", "Local timer interrupts"),
        MadeLine(4, "arch", "ERR", "ERR"),
        MadeLine(5, "softirq", "NET_RX", "NET_RX"),
    ]
    every = {("irq", "proc"): 1, ("arch", "proc"): 5, ("softirq", "proc"): 1}
    cells: dict[str, list[Cell]] = {
        "irq": [(line, cpu) for line in (0, 1, 2) for cpu in (0, 1)],
        "arch": [(3, 0), (3, 1), (4, None)],
        "softirq": [(5, 0), (5, 1)],
    }
    counts = {cell: chance.choice([0, chance.randrange(10**6)]) for kind in cells.values() for cell in kind}
    counts[2, 0] = counts[2, 1] = 0
    baselines = [(*cell, 0, count) for cell, count in counts.items() if count]
    reads: list[MadeRead] = []
    last_read: dict[str, int] = {}
    for sample in range(samples):
        late = chance.randrange(5_000, 90_000)
        for kind, _ in every:
            if sample % every[kind, "proc"] or (sample and chance.random() < missed):
                continue
            length = chance.randrange(1_000, 60_000)
            grown = {cell: chance.choice([0, 0, 1, 7]) if cell[0] != 2 else 0 for cell in cells[kind]}
            deltas = dict.fromkeys(cells[kind], 0) if sample == 0 else {c: d for c, d in grown.items() if d}
            for cell, delta in deltas.items():
                counts[cell] += delta
            reads.append(MadeRead(kind, "proc", sample, sample * 1_000_000 + late, length, deltas))
            last_read[kind] = sample
            late += length
    kind_of = {cell: kind for kind, some in cells.items() for cell in some}
    finals = [(*cell, last_read[kind_of[cell]], count) for cell, count in counts.items() if count]
    return MadeTrace(1_000_000, every, lines, reads, baselines, finals)


def _columns(entries: list[tuple[int, int | None, int, int]]) -> dict[str, list[Any]]:
    return {name: [entry[at] for entry in entries] for at, name in enumerate(("line", "cpu", "sample", "count"))}


def _array(values: list[Any], dtype: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(dtype):
        return pa.array(values, dtype)
    known = {value: at for at, value in enumerate(dict.fromkeys(value for value in values if value is not None))}
    indices = pa.array([None if value is None else known[value] for value in values], dtype.index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(known), dtype.value_type))
