"""What a trace says of every cell at every read, put together from its rows, baselines and finals alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import irqtrace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from irqtrace import Trace

    from .log import Event, Log
    from .plain import Cell

__all__ = ["Read", "Seen", "Span"]


@dataclass(frozen=True)
class Read:
    """One read of a kind: nanoseconds of CLOCK_MONOTONIC."""

    sample: int
    begin: int
    end: int


@dataclass
class Span:
    """A cell from when it came until it went, or until the end."""

    kind: str
    line: int
    cell: Cell
    baseline: int
    first: int
    last: int
    samples: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def count(self, sample: int) -> int:
        """What was counted up to a read in it."""
        at = bisect_right(self.samples, sample)
        return self.counts[at - 1] if at else self.baseline


class Seen:
    """A trace, beside the log of what happened."""

    def __init__(self, path: Path, log: Log) -> None:
        self.trace: Trace = irqtrace.open_trace(path)
        self.log = log
        self.meta = self.trace._meta
        anchor = self.meta["anchors"][0]
        self.ahead_ns = anchor["real_ns"] - anchor["mono_ns"]
        """By how much times of the trace are ahead of CLOCK_MONOTONIC."""
        self.reads: dict[str, list[Read]] = {}
        columns = ("sample", "time", "read_ns", "kind")
        frame = self.trace.samples.with_columns(self.trace.samples["time"].dt.epoch("ns")).select(columns)
        for sample, time, read_ns, kind in frame.iter_rows():
            begin = time - self.ahead_ns
            self.reads.setdefault(kind, []).append(Read(sample, begin, begin + read_ns))
        self.finals = _entries(self.meta["finals"])
        self.spans = self._spans()

    def _spans(self) -> list[Span]:
        lines = {line["line"]: line for line in self.meta["lines"]}
        baselines = _entries(self.meta["baselines"])
        rows: dict[tuple[int, int | None], list[tuple[int, int]]] = {}
        for sample, line, cpu, delta in self.trace.deltas.select("sample", "line", "cpu", "delta").iter_rows():
            rows.setdefault((line, cpu), []).append((sample, delta))
        spans = []
        for (line, cpu), grown in rows.items():
            kind, last = lines[line]["kind"], lines[line]["last_sample"]
            end = self.reads[kind][-1].sample
            begins = sorted({grown[0][0], *baselines.get((line, cpu), {})})
            ends = sorted({end if last is None else last, *self.finals.get((line, cpu), {})})
            for first in begins:
                span = Span(
                    kind=kind,
                    line=line,
                    cell=(lines[line]["irq"], cpu),
                    baseline=baselines.get((line, cpu), {}).get(first, 0),
                    first=first,
                    last=ends[bisect_left(ends, first)],
                )
                count = span.baseline
                for sample, delta in grown:
                    if span.first <= sample <= span.last:
                        count += delta
                        span.samples.append(sample)
                        span.counts.append(count)
                spans.append(span)
        return spans

    def cells(self, kind: str, sample: int) -> dict[Cell, Span]:
        """The cells that a read has seen."""
        return {span.cell: span for span in self.spans if span.kind == kind and span.first <= sample <= span.last}

    def before(self, kind: str, time: int) -> Read | None:
        """The last read of a kind that was over at a time."""
        return max((read for read in self.reads[kind] if read.end <= time), key=lambda read: read.sample, default=None)

    def after(self, kind: str, time: int) -> Read | None:
        """The first read of a kind that began after a time."""
        return min(
            (read for read in self.reads[kind] if read.begin >= time), key=lambda read: read.sample, default=None
        )

    def changes(self, kind: str) -> dict[int, tuple[set[tuple[int, Cell]], set[tuple[int, Cell]]]]:
        """At each read that begins an epoch but the first: the cells, with their lines, that came, and that went."""
        samples = [read.sample for read in self.reads[kind]]
        changes: dict[int, tuple[set[tuple[int, Cell]], set[tuple[int, Cell]]]] = {}
        for span in self.spans:
            if span.kind == kind and span.first != samples[0]:
                changes.setdefault(span.first, (set(), set()))[0].add((span.line, span.cell))
            if span.kind == kind and span.last != samples[-1]:
                went = samples[bisect_right(samples, span.last)]
                changes.setdefault(went, (set(), set()))[1].add((span.line, span.cell))
        return dict(sorted(changes.items()))

    def causes(self, kind: str, sample: int) -> list[Event]:
        """What was done between a read and the one before it, or during them."""
        at = [read.sample for read in self.reads[kind]].index(sample)
        begin, end = self.reads[kind][at - 1].begin, self.reads[kind][at].end
        return self.events_between(begin, end)

    def events_between(self, begin: int, end: int) -> list[Event]:
        """What was done, in part at least, between two times."""
        return [event for event in self.log["events"] if event["begin"] < end and begin < event["end"]]

    def events(self, *what: str) -> list[Event]:
        """What of this sort was done."""
        return [event for event in self.log["events"] if event["what"] in what]


def _entries(columns: object) -> dict[tuple[int, int | None], dict[int, int]]:
    """Direct counts: of each line and CPU, by sample."""
    assert isinstance(columns, dict)
    entries: dict[tuple[int, int | None], dict[int, int]] = {}
    rows: Iterable[tuple[int, int | None, int, int]] = zip(
        *(columns[key] for key in ("line", "cpu", "sample", "count")), strict=True
    )
    for line, cpu, sample, count in rows:
        entries.setdefault((line, cpu), {})[sample] = count
    return entries
