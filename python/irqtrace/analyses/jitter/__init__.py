"""How evenly interrupts came: the times between them where the reads resolve these, and what needs no resolving."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from irqtrace.analyses.counts import machines
from irqtrace.analyses.source import traces_of
from irqtrace.analyses.spread import over_gaps, reduced
from irqtrace.analyses.state import expect
from irqtrace.files import reading

from . import gaps, ladder, period
from .absences import came_back, missing_cells, present_cells, with_absences
from .answer import answer
from .kept import Kept
from .ladder import Counts
from .levels import Levels, pruned
from .seams import runs_of
from .stretches import ROWS, presence, stretches
from .tables import CODED, JITTER, Tables, coded, groups_of_lines, joined, lines_of, named

if TYPE_CHECKING:
    from irqtrace.analyses.source import Source
    from irqtrace.analyses.state import State
    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

    from .kept import GapsByCell
    from .stretches import Block, Stretch

__all__ = ["finish", "jitter", "reduce"]

MOST_GAPS = 20_000_000
"""Rows of gaps that are kept for exact quantiles: a few hundred MB."""

EDGES = ("spans", "points", "ends", "edges")
"""The tables of a state that say what is at its edges; the others are sums."""

WAITING = 2_000_000
"""Rows of sums that wait to be joined."""


def jitter(source: Source) -> pl.DataFrame:
    """How evenly the interrupts of each line came on each CPU.

    **Times between events.** When an event came is known only as the time from the begin of the read before to the end
    of the read that saw it. Events are placed evenly in between, so each gap, and each quantile of the gaps, is within
    two such times of the truth, within one where the events fell alone into their read; the mean is right to that over
    the number of gaps. Nothing is claimed of the time before a trace's first read, nor of that in which a CPU was away.

    **What needs no resolving.** Counts in windows of a growing length say how the line varies on each scale, also where
    its events cannot be told apart. A window is taken where the reads at its two ends were made; what was missed inside
    it does no harm, as growth is carried to the next read. Reads are late by some microseconds, which moves the ends:
    at the shortest windows of fast lines the variance has a part of that. The ladder needs the same CPUs all along: it
    is null for a CPU that was away for a part.

    Args:
        source: as for `rates`, but for imported traces: their reads are on no grid. Of one trace quantiles are exact
            where memory holds the gaps, up to 20 million.

    Returns:
        A row per line and CPU that had events, in the order of lines. What cannot be told is null. Types: events, gaps
        and resolution_max_ns are int64, window_ns and windows lists of it, verdict and quantiles text, names and cpu as
        in the flat table, all else float64 or lists of it; times in ns.

        - kind, irq, name, cpu; host and boot where there is more than one.
        - events: how many.
        - gaps: how many times between two of them are known.
        - resolved_share: the part of the events that fell alone into their read.
        - resolution_ns: the time that is known for an event, from the begin of the read before to the end of its own,
          as a mean over events; resolution_max_ns: the longest.
        - verdict: ``resolved`` where the mean gap is 4 resolutions or more and 9 of 10 events were alone in their read;
          ``resolved in part`` where events come closer than that some of the time, as in bursts: short gaps are then
          some time below the resolution, and no more is known; ``cannot tell at this interval`` where the mean gap is
          below 4 resolutions; ``too few events`` below two.
        - mean_ns, std_ns: mean and standard deviation (n - 1) of the gaps, joined by Chan, Golub and LeVeque (1983).
          The mean is given whatever the verdict.
        - p50_ns, p90_ns, p99_ns, p999_ns, max_ns: quantiles by nearest rank. Where the verdict is ``cannot tell …``
          std_ns is null, and of these all that are below 4 times resolution_max_ns: a long silence shows also then.
        - quantiles: ``exact``, or ``histogram``: then the middle of a bucket, at most 0.4 % off. max_ns is exact.
        - window_ns: the ladder's windows, as a list: 1, 2, 4 … times the interval at which the line was read, as far as
          there are 10 of them; windows: how many there were, as a list.
        - fano: of each of these windows the variance (n - 1) of the counts over their mean (Fano, 1947), as a list. 1
          for events that come independently (Poisson), with a standard error of √(2 / windows); towards 0 for regular
          ones, above 1 for bursts.
        - allan_hz: of each, √(½⟨(r' - r)²⟩) of the rates r, r' of neighbouring windows (Allan, 1966), as a list. Falls
          as window^-½ for independent events, as window^-1 for regular ones with jitter, and rises where the rate
          drifts; null where fewer than 9 pairs are known.
        - period_ns: the dominant period, from 2.5 to 65,536 intervals (bursts: 174,000), by the lines of the power
          spectrum (Welch, 1967, segments of 1,024 windows of 1, 4, 16 … intervals) that stand 6 standard deviations
          out of their surroundings: the longest of those at least half as strong as the strongest, which is that of
          one of two clocks. Null where there is none, and where it is not known to 0.1 % by 2.2 standard errors. The
          relative one is about 7 · (s / period) / √(n³ · segments) for a clock with Gaussian jitter s of which the
          longest segment that the recording holds whole has n periods: one with a jitter of 1 % is told of one segment
          from about 45 periods on, with 5 % from 100, with 10 % from 160. Of one segment alone, a period within 0.2 %
          of a whole number of its windows may be told as that number. Null as well where it may be an overtone of one
          that is too long to be measured, or where there are more than 0.4 events an interval and it may be folded down
          from a period below 2.5: what is folded to f = interval / period has at most f / (1 - f) of strength.
        - strength: how strongly events keep to that period, as the vector strength |⟨exp(2πi t / period)⟩| (Goldberg
          and Brown, 1969): 1 for clockwork, exp(-2(π·s/period)²) with Gaussian jitter s, near 0 without any; other
          events on the line dilute it.

        Several recordings of one machine are pooled; ladder and period are of those read at the interval at which there
        were most events.

    Raises:
        ValueError: for an imported trace.

    >>> irqtrace.jitter(trace).select("name", "cpu", "verdict", "mean_ns", "p999_ns", "period_ns")  # doctest: +SKIP
    """
    traces = traces_of(source)
    first = list(islice(traces, 2))
    if len(first) == 1 and len(first[0]._runs()) == 1:  # noqa: SLF001 - an analysis knows what a trace is made of
        return _of_one(first[0])
    return finish(reduced(chain(first, traces), reduce))


def reduce(trace: Trace, *, rows: int = ROWS) -> State:
    """The state of one trace, of which so many rows are worked on at a time."""
    return over_gaps(trace, lambda run: named(_reduced(run, rows)[0], run))


def finish(state: State) -> pl.DataFrame:
    """The jitter of a state, as `jitter` has it."""
    expect(state, JITTER)
    known, tables = coded(state)
    missing = missing_cells(tables)
    _, added, between = _over_seams(tables, known, missing)
    away = {"cells": missing.select("cell", away=1).unique()}
    return answer(joined(tables, added, away, {"histogram": gaps.histogram(between)}), known, machines(state))


def _of_one(trace: Trace) -> pl.DataFrame:
    """The jitter of one trace, with exact quantiles where memory holds the gaps."""
    with reading(trace._path):  # noqa: SLF001 - whoever reduces a trace knows what it is made of
        tables, kept = _reduced(trace, ROWS, most_gaps=MOST_GAPS)
    return answer(tables, lines_of(trace), (), kept)


def _reduced(trace: Trace, rows: int, most_gaps: int | None = None) -> tuple[Tables, GapsByCell | None]:
    """The tables of a trace; and of one that is to be joined with no other its gaps, if they are no more than given."""
    meta = trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    if meta["irregular"]:
        name = f"{trace._path}: " if trace._path else ""  # noqa: SLF001 - as above
        raise ValueError(
            f"{name}jitter is told by reads on a grid, and those of an imported trace came at times of their own; "
            f"rates, storms and compare take such a trace, and record makes one for jitter"
        )
    known, back = groups_of_lines(meta), came_back(meta)
    empty = {name: pl.DataFrame(schema=table.schema) for name, table in CODED.items()}
    edges = {name: table for name, table in empty.items() if name in EDGES}
    sums = {name: table for name, table in empty.items() if name not in EDGES}
    waiting: list[Tables] = []
    kept = Kept(most_gaps or 0)
    reads: dict[int, tuple[int, int]] = {}
    for stretch in stretches(trace, rows):
        first, _ = reads.get(stretch.group, (stretch.times.first, 0))
        reads[stretch.group] = (first, stretch.times.last)
        waiting += kept.expect(stretch.height)
        returns = back.filter(pl.col("sample") > first).select("cell", "sample")
        # Of one stretch that nothing is joined with, nobody asks for the edges.
        seams = most_gaps is None or not stretch.is_all
        parts = _measured(stretch, meta, returns, kept, seams=seams)
        # Windows count also those of a CPU that had nothing in them.
        waiting += [*({name: part[name] for name in sums if name in part} for part in parts), {"cells": stretch.named}]
        if seams:
            edges, added, between = _over_seams(joined(edges, *parts), known)
            edges = pruned(edges, known)
            waiting += [added, kept.of_seams(between)]
        # What is done with is not kept until the next is there.
        del parts, stretch
        # Sums are joined when there are as many new rows as old ones: each row is then joined a few times, not always.
        if sum(map(_size, waiting)) > max(_size(sums), WAITING):
            sums, waiting = joined(sums, *waiting), []
    tables = joined(sums, *waiting) | edges
    return with_absences(tables | {"present": present_cells(tables)}, meta, back, reads), kept.all()


def _size(tables: Tables) -> int:
    return sum(len(table) for name, table in tables.items() if name not in EDGES)


def _measured(stretch: Stretch, meta: Meta, returns: pl.DataFrame, kept: Kept, *, seams: bool) -> list[Tables]:
    """The tables of one stretch, with its edges if there are seams to come; its gaps go to those that are kept."""
    spans = presence(meta, stretch)
    levels = Levels(stretch, spans)
    reaches = levels.reaches()
    windows_of, samples = stretch.times.windows, stretch.times.sample
    back = [(cell, int(samples.searchsorted(sample))) for cell, sample in returns.iter_rows()]

    def of_block(block: Block) -> tuple[Tables, Tables]:
        """Of the reads of which it is known when their growth came; and of the others."""
        reach = reaches.get(block.line)
        untimed = len(samples) if reach is None else int(stretch.times.before is None)
        early, rows = stretch.rows(block).parted(untimed)
        of_early = {"cells": gaps.events(early)} if len(early) else {}
        if reach is None or not len(rows):
            return {}, of_early
        windows = windows_of.take(rows.read, axis=0)
        placed = gaps.placed(rows, windows)
        found = gaps.gaps_of(rows, placed, rows.first_from(back))
        counts = Counts.of(rows.cells, rows.of_each(np.arange(len(rows.cells))), windows[:, 3] - 1, rows.delta)
        return {
            "cells": gaps.cells(rows, windows, found),
            "ends": gaps.ends(rows, placed, samples),
            **kept.of_rows(rows, found),
            **levels.of_cells(counts, reach, edges=seams),
        }, of_early

    # Cells have nothing to do with each other, and most of the work is outside Python.
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        parts = list(threads.map(of_block, stretch.blocks(reaches)))
    found = {name: [part[name] for part, _ in parts if name in part] for name in CODED}
    together = {name: pl.concat(frames) for name, frames in found.items() if frames}
    # Where nothing grew, it is told all the same which cells were away.
    together["ends"] = gaps.ends_of_spans(together.get("ends", gaps.NO_ENDS), spans, returns)
    spans = spans.select("line", "base", "last", times=1)
    return [{"spans": spans, **levels.of_stretch(), **together}, *(early for _, early in parts)]


def _over_seams(
    tables: Tables, known: pl.DataFrame, missing: pl.DataFrame | None = None
) -> tuple[Tables, Tables, pl.DataFrame]:
    """Joins spans that follow one another: the tables of edges, what was waiting for that, and the gaps over seams.

    ``known`` are line, group and every; ``missing`` (cell, base) the cells that were not there in a span.
    """
    runs = runs_of(tables["spans"].join(known.select("line", "group", "every"), on="line"))
    between, ends = gaps.seam_gaps(tables["ends"], runs, missing)
    if not runs["goes_on"].any():
        return tables, {}, between
    ladder_, windows = ladder.new_windows(runs, tables["edges"], tables["points"])
    segments, spectrum = period.new_segments(runs, tables["edges"])
    added = {
        "cells": gaps.moments(between),
        "windows": windows,
        "ladder": ladder_,
        "segments": segments,
        "spectrum": spectrum,
    }
    spans = runs.group_by("line", "run", maintain_order=True).agg(pl.col("last", "times").max()).rename({"run": "base"})
    return tables | {"ends": ends, "spans": spans}, added, between
