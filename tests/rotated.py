"""Recordings in segments, written down as a recorder would that begins a new file now and then."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

import irqtrace
from hotplug import changing_machine
from made import Cell, Group, MadeLine, MadeRead, MadeTrace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hotplug import Recorded
    from irqtrace import Trace

__all__ = ["SAMPLES", "anew", "counted", "known", "rotated", "save", "small", "steady"]

SAMPLES = 24

Entry = tuple[int, int | None, int, int]


def rotated(
    machine: Recorded, cuts: Sequence[int], *, recording: str = "r1", names_gone: bool = True
) -> list[tuple[dict[str, Any], MadeTrace]]:
    """The description and the rows of each segment: they end before the samples ``cuts``, and the last with the last.

    ``names_gone``: a segment still names a line that went with its first read.
    """
    whole = machine.made
    newest = max(read.sample for read in whole.reads)
    state = _State(machine)
    segments = []
    for number, (low, after) in enumerate(pairwise([0, *cuts, newest + 1]), 1):
        before = dict(state.last)
        baselines: list[Entry] = [] if number == 1 else state.counted()
        finals: list[Entry] = []
        reads = []
        for read in whole.reads:
            if low <= read.sample < after:
                is_first = number > 1 and before.get(_group(read)) is state.last.get(_group(read))
                deltas = state.take(read, baselines, finals)
                reads.append(replace(read, deltas=deltas if is_first else read.deltas))
        lines = [
            replace(line, last=state.gone.get(line.line))
            for line in whole.lines
            if line.line in state.known and line.line not in state.told
        ]
        if not names_gone:
            lines = [line for line in lines if line.last is None or line.last > _sample_before(line, before)]
        state.told |= set(state.gone)
        finals += state.counted()
        made = MadeTrace(whole.interval_ns, whole.every, lines, reads, baselines, finals, list(before.values()))
        made.marks = [mark for mark in whole.marks if low <= mark["sample"] < after]
        meta = made.meta()
        meta |= {"recording": recording, "segment": number, "span": None if number == 1 else [low, after]}
        meta["groups"] = [
            {
                "kind": kind,
                "engine": engine,
                "every": every,
                "reads": (count := sum(_group(read) == (kind, engine) for read in reads)),
                "missed": len(range(-(-low // every), -(-after // every))) - count,
            }
            for (kind, engine), every in whole.every.items()
        ]
        # The rows name lines that are gone by now too.
        segments.append((meta, replace(made, lines=whole.lines)))
    return segments


def save(
    folder: Path, segments: Sequence[tuple[dict[str, Any], MadeTrace]], name: str = "t", behind: int = 0
) -> list[Path]:
    """Writes the files, and returns their paths. Their numbers go on behind so many."""
    folder.mkdir(exist_ok=True)
    paths = []
    for meta, made in segments:
        path = folder / f"{name}-{behind + meta['segment']:06}.parquet"
        table = made.table().replace_schema_metadata({"irqtrace": json.dumps(meta)})
        pq.write_table(table, path, row_group_size=50)
        paths.append(path)
    return paths


def anew(machine: Recorded, low: int, after: int) -> MadeTrace:
    """What a recorder would have that knows nothing of before ``low``, and ends before ``after``."""
    whole = machine.made
    state = _State(machine)
    firsts: dict[Group, int] = {}
    begun: list[Entry] = []
    baselines: list[Entry] = []
    finals: list[Entry] = []
    reads: list[MadeRead] = []
    for read in whole.reads:
        if read.sample >= after:
            continue
        is_first = read.sample >= low and _group(read) not in firsts
        if is_first:
            firsts[_group(read)] = read.sample
        cells = state.take(read, *([], []) if is_first or read.sample < low else (baselines, finals))
        if is_first:
            reads.append(replace(read, deltas=dict.fromkeys(cells, 0)))
            begun += [(*cell, read.sample, count) for cell, count in state.counts[_group(read)].items() if count]
        elif read.sample >= low:
            reads.append(read)
    lines = [
        replace(line, last=state.gone.get(line.line))
        for line in whole.lines
        if line.line in state.known
        and (line.kind, line.engine) in firsts
        and state.gone.get(line.line, after) >= firsts[line.kind, line.engine]
    ]
    finals += [entry for entry in state.counted() if entry[2] >= low]
    return MadeTrace(whole.interval_ns, whole.every, lines, reads, begun + baselines, finals)


def known(trace: Trace) -> dict[str, Any]:
    """What is known of a trace, in an order that does not matter."""
    meta: dict[str, Any] = {**trace._meta}
    for counts in ("baselines", "finals"):
        rows = zip(*(meta[counts][name] for name in ("line", "cpu", "sample", "count")), strict=True)
        meta[counts] = sorted(rows, key=lambda row: (row[2], row[0], row[1] is None, row[1] or 0))
    return {key: value for key, value in meta.items() if key not in {"recording", "cost"}}


def small(folder: Path, cuts: tuple[int, ...] = (8, 15), name: str = "t") -> list[Path]:
    """A recording in three segments, of the samples up to 7, 14 and 23."""
    return save(folder, rotated(steady(), cuts, recording=name), name)


def steady() -> Recorded:
    """A machine on which nothing is missed where these segments end."""
    machine = changing_machine(3, SAMPLES)
    assert {read.sample for read in machine.made.reads} >= {0, 7, 14, 23}
    return machine


def counted(source: Any) -> int:  # noqa: ANN401 - whatever an analysis takes
    """All that `rates` says came."""
    return int(irqtrace.rates(source)["count"].sum())


class _State:
    """What a recorder knows between two reads."""

    def __init__(self, machine: Recorded) -> None:
        self.machine = machine
        self.began = {(line, cpu, sample): count for line, cpu, sample, count in machine.made.baselines}
        self.counts: dict[Group, dict[Cell, int]] = {}
        self.last: dict[Group, MadeRead] = {}
        self.known: set[int] = set()
        self.gone: dict[int, int] = {}
        self.told: set[int] = set()

    def take(self, read: MadeRead, baselines: list[Entry], finals: list[Entry]) -> dict[Cell, int]:
        """Takes a read in, adds what begins and ends with it, and returns the growth of every cell."""
        group = _group(read)
        old, last = self.counts.get(group, {}), self.last.get(group)
        cells = self.machine.layouts[read.kind, read.sample]
        now: dict[Cell, int] = {}
        for cell in sorted(cells, key=lambda cell: (cell[0], cell[1] or 0)):
            begin = self.began.get((*cell, read.sample))
            now[cell] = old[cell] + read.deltas.get(cell, 0) if cell in old else begin or 0
            if cell not in old and begin is not None:
                baselines.append((*cell, read.sample, begin))
        stays = {line for line, _ in now}
        if last is not None:
            finals += [
                (*cell, last.sample, count)
                for cell, count in old.items()
                if cell not in now and (count or cell[0] in stays)
            ]
            self.gone |= dict.fromkeys({line for line, _ in old} - stays, last.sample)
        self.known |= stays
        self.counts[group], self.last[group] = now, read
        return {cell: read.deltas.get(cell, 0) for cell in now}

    def counted(self) -> list[Entry]:
        """The counts of the newest reads."""
        return [
            (*cell, self.last[group].sample, count)
            for group, counts in self.counts.items()
            for cell, count in counts.items()
            if count
        ]


def _group(read: MadeRead) -> Group:
    return read.kind, read.engine


def _sample_before(line: MadeLine, before: dict[Group, MadeRead]) -> int:
    """The sample of the last read of a line's group before a segment."""
    read = before.get((line.kind, line.engine))
    return -1 if read is None else read.sample
