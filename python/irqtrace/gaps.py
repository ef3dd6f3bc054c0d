"""Gaps in a recording: nothing is claimed for them, and every cell begins anew after one, as a CPU that comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from . import _core
from .display.text import when_text
from .files import reading
from .frames import GROUP, with_line
from .joining import (
    MISSING,
    Part,
    added_up,
    by_group,
    columns,
    entries,
    first_reads_end,
    groups_of_lines,
    joined,
    previous_samples,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .joining import Entry, Group
    from .meta import LineMeta, Meta, WarningMeta

__all__ = ["Gap", "at_ends", "begun_anew", "gaps_of", "joined_across", "samples_after", "spans_of"]


@dataclass(frozen=True)
class Gap:
    """What is not there between two parts: a text such as ``number 3``, and of how many segments."""

    what: str
    segments: int


def gaps_of(meta: Meta) -> list[tuple[int, int]]:
    """The samples of which nothing is known, the first and the one after the last of each gap, in order."""
    return sorted(
        (warning["first_sample"], warning["last_sample"] + 1)
        for warning in meta["warnings"]
        if warning["type"] == MISSING
    )


def spans_of(meta: Meta, ends: Callable[[], tuple[int, int]]) -> list[tuple[int, int]]:
    """The samples of which something is known, the first and the one after the last of each stretch without a gap.

    ``ends``: tells its first and its last read, where the description does not.
    """
    if meta["span"] is not None:
        begin, end = meta["span"]
    else:
        first, last = ends()
        begin, end = first, last + 1
    edges = [begin, *(edge for gap in gaps_of(meta) for edge in gap), end]
    bounds = ((max(low, begin), min(high, end)) for low, high in zip(edges[::2], edges[1::2], strict=True))
    return [(low, high) for low, high in bounds if low < high]


def samples_after(part: Part) -> int:
    """The first sample that a part is not of."""
    if part.meta["span"] is not None:
        return part.meta["span"][1]
    part.check(everything=False)
    with reading(part.path):
        last = part.table.select("sample").tail(1).collect()["sample"]
    return int(last[0]) + 1 if len(last) else 0


def begun_anew(run: Part) -> tuple[Part, dict[Group, int]]:
    """What follows a gap: its first reads claim nothing, and each cell starts there at its first count.

    Also of each group the sample of its first read.
    """
    meta = run.meta
    with reading(run.path):
        firsts = _first_reads(run)
        cells = _cells_at(run, firsts)
    group_of = groups_of_lines(meta["lines"])
    lines = [line for line in meta["lines"] if _is_seen(line, firsts)]
    seen = {line["line"] for line in lines}
    before: dict[tuple[int, int | None], int] = {}
    baselines: list[Entry] = []
    for line, cpu, sample, count in entries(meta["baselines"]):
        if line not in seen:
            continue
        if sample > firsts[group_of[line]]:
            baselines.append((line, cpu, sample, count))
        else:
            before[line, cpu] = before.get((line, cpu), 0) + count
    first_counts = [
        (line, cpu, firsts[group_of[line]], before.get((line, cpu), 0) + grown) for line, cpu, grown in cells
    ]
    finals = [row for row in entries(meta["finals"]) if row[0] in seen and row[2] >= firsts[group_of[row[0]]]]
    is_first = [by_group(group) & (pl.col("sample") == sample) for group, sample in firsts.items()]
    table = run.table
    if is_first:
        claimed = pl.when(pl.any_horizontal(is_first)).then(0).otherwise("delta")
        table = table.with_columns(claimed.cast(pl.Int64).alias("delta"))
    begun: Meta = {
        **meta,
        "lines": lines,
        # Also those of 0: they tell that the cell was not there before. See `joined_across`.
        "baselines": columns(first_counts + baselines),
        "finals": columns(finals),
        "previous": [],
    }
    return Part(run.path, begun, table), firsts


def joined_across(
    runs: Sequence[Sequence[Part]], gaps: Sequence[Gap], *, anew: bool = False
) -> tuple[Part, tuple[Part, ...]]:
    """The whole of runs of parts with gaps between them, and each run as a trace of its own.

    ``anew``: the first of them follows a gap too.
    """
    alone = [_alone(run, anew=anew or at > 0) for at, run in enumerate(runs)]
    parts = tuple(part for part, _ in alone)
    meta = parts[0].meta
    for at, ((after, firsts), gap) in enumerate(zip(alone[1:], gaps, strict=True), 1):
        meta = _across(meta, [part for run in runs[:at] for part in run], after, firsts, gap)
    return Part(parts[0].path, meta, partial(_all_of, parts) if len(parts) > 1 else parts[0].rows), parts


def _all_of(parts: Sequence[Part]) -> pl.LazyFrame:
    return pl.concat([part.table for part in parts])


def _alone(run: Sequence[Part], *, anew: bool) -> tuple[Part, dict[Group, int]]:
    if not anew:
        return joined(run), {}
    run[0].check(everything=False)
    return begun_anew(joined(run))


def _across(before: Meta, parts: Sequence[Part], after: Part, firsts: dict[Group, int], gap: Gap) -> Meta:
    """What is known of all up to a gap, and of the run that follows it, whose first reads are given."""
    lasts, present = _ends(parts)
    first, next_ = samples_after(parts[-1]), (after.meta["span"] or [0])[0]
    read: set[Group] = {(group["kind"], group["engine"]) for group in after.meta["groups"] if group["reads"]}
    known_before = {(group["kind"], group["engine"]) for group in before["groups"] if group["reads"]}
    before = _without(before, read - known_before)
    old = {line["line"]: line for line in before["lines"]}
    new = {line["line"]: line for line in after.meta["lines"]}
    lines = dict(old)
    for key, line in old.items():
        group = line["kind"], line["engine"]
        if line["last_sample"] is None and key not in new and group in read and group in lasts:
            lines[key] = {**line, "last_sample": lasts[group]}
    for key, line in new.items():
        lines[key] = {**line, "first_sample": min(line["first_sample"], old.get(key, line)["first_sample"])}
    known = sorted(lines.values(), key=lambda line: line["line"])
    counted = {(row[0], row[1], row[2]) for row in entries(before["finals"])}
    # That of a cell whose line stays stands also when it is 0: it tells when the cell went.
    zeros: list[Entry] = [
        (line, cpu, lasts[group], 0)
        for line, cpu, group in present
        if line in new and (line, cpu, lasts[group]) not in counted
    ]
    # What a line that is new has at its first read is no return of a cell; a 0 later on is one.
    begins = {key: max(line["first_sample"], firsts[line["kind"], line["engine"]]) for key, line in new.items()}
    baselines = [row for row in entries(after.meta["baselines"]) if row[3] or row[0] in old or row[2] > begins[row[0]]]
    sums = added_up([before, {**after.meta, "lines": known}])
    groups = [{**group, "missed": group["missed"] + _due(group["every"], first, next_)} for group in sums["groups"]]
    span = before["span"]
    return {
        **before,
        **sums,  # type: ignore[typeddict-item]
        "groups": groups,
        "warnings": [*sums["warnings"], _warning(gap, before, first, next_)],
        "span": [span[0], after.meta["span"][1]] if span and after.meta["span"] else None,
        "lines": known,
        "baselines": columns([*entries(before["baselines"]), *baselines]),
        "finals": columns([*entries(before["finals"]), *zeros, *entries(after.meta["finals"])]),
    }


def _without(meta: Meta, groups: set[Group]) -> Meta:
    """The same without the counts of groups of which it has no read: they begin behind the gap."""
    if not groups:
        return meta
    group_of = groups_of_lines(meta["lines"])
    kept = [line for line in meta["lines"] if group_of[line["line"]] not in groups]
    baselines, finals = (
        columns([row for row in entries(counts) if group_of.get(row[0]) not in groups])
        for counts in (meta["baselines"], meta["finals"])
    )
    return {**meta, "lines": kept, "baselines": baselines, "finals": finals}


def _due(every: int, first: int, after: int) -> int:
    """How many points of the grid a group is due at, from one sample up to but not another."""
    return max(-(-after // every) - -(-first // every), 0)


def at_ends(meta: Meta, before: Gap | None, after: Gap | None, end: int) -> Meta:
    """The description of a trace of which more is missing before its first sample, or from ``end`` on."""
    begin = meta["span"][0] if meta["span"] else 0
    told = [_told(before, begin - 1, begin - 1, f"up to {_when(meta, begin)} UTC")] if before else []
    told += [_told(after, end, end, f"from {_when(meta, end)} UTC on")] if after else []
    return {**meta, "warnings": [*meta["warnings"], *told]}


def _warning(gap: Gap, meta: Meta, first: int, after: int) -> WarningMeta:
    return _told(gap, first, after - 1, f"from {_when(meta, first)} to {_when(meta, after)} UTC")


def _when(meta: Meta, sample: int) -> str:
    return when_text(meta["t0_ns"] + sample * meta["interval_ns"])


def _told(gap: Gap, first: int, last: int, when: str) -> WarningMeta:
    told = {
        "type": MISSING,
        "kind": None,
        "engine": None,
        "line": None,
        "count": gap.segments,
        "first_sample": first,
        "last_sample": last,
        "worst": None,
        "detail": f"{gap.what}, {when}",
    }
    (warning,) = json.loads(_core.add_up_warnings(json.dumps([told]), "[]"))
    summed: WarningMeta = warning
    return summed


def _first_reads(run: Part) -> dict[Group, int]:
    """Of each group the sample of its first read."""
    reads = run.table.select("sample", *GROUP).group_by(GROUP).agg(pl.col("sample").min())
    head = run.table.filter(pl.col("sample") < first_reads_end(run.meta))
    found = head.select("sample", *GROUP).group_by(GROUP).agg(pl.col("sample").min()).collect(engine="streaming")
    if len(found) < sum(group["reads"] > 0 for group in run.meta["groups"]):
        found = reads.collect(engine="streaming")
    return {(kind, engine): sample for kind, engine, sample in found.select(*GROUP, "sample").iter_rows()}


def _cells_at(run: Part, firsts: dict[Group, int]) -> list[tuple[int, int | None, int]]:
    """line, cpu, delta: the rows of the first reads."""
    if not firsts:
        return []
    is_first = [by_group(group) & (pl.col("sample") == sample) for group, sample in firsts.items()]
    head = run.table.filter(pl.col("sample") <= max(firsts.values())).filter(pl.any_horizontal(is_first))
    return with_line(head, run.meta).select("line", "cpu", "delta").collect().rows()


def _is_seen(line: LineMeta, firsts: dict[Group, int]) -> bool:
    first = firsts.get((line["kind"], line["engine"]))
    return first is not None and (line["last_sample"] is None or line["last_sample"] >= first)


def _ends(parts: Sequence[Part]) -> tuple[dict[Group, int], list[tuple[int, int | None, Group]]]:
    """The last read of each group in some parts, and the cells that were there then: line, cpu, group."""
    lasts: dict[Group, int] = {}
    present: list[tuple[int, int | None, Group]] = []
    for part in reversed(parts):
        groups = [(group["kind"], group["engine"]) for group in part.meta["groups"] if group["reads"]]
        wanted = [group for group in groups if group not in lasts]
        if not wanted:
            continue
        part.check(everything=False)
        rows = part.table.filter(pl.any_horizontal(by_group(group) for group in wanted))
        with reading(part.path):
            reads = rows.group_by(GROUP).agg(pl.col("sample").max()).collect(engine="streaming")
            cells = with_line(rows, part.meta).select("line", "cpu").unique().collect(engine="streaming")
        lasts |= {(kind, engine): sample for kind, engine, sample in reads.select(*GROUP, "sample").iter_rows()}
        gone = _gone(part.meta, lasts)
        group_of = groups_of_lines(part.meta["lines"])
        present += [(line, cpu, group_of[line]) for line, cpu in cells.iter_rows() if (line, cpu) not in gone]
    # What was read only before all of them.
    return previous_samples(parts[0].meta) | lasts, present


def _gone(meta: Meta, lasts: dict[Group, int]) -> set[tuple[int, int | None]]:
    """The cells of a part that were not there any more at the last read of their group."""
    group_of = groups_of_lines(meta["lines"])
    came: dict[tuple[int, int | None], int] = {}
    for line, cpu, sample, _ in entries(meta["baselines"]):
        came[line, cpu] = max(sample, came.get((line, cpu), sample))
    return {
        (line, cpu)
        for line, cpu, sample, _ in entries(meta["finals"])
        # A cell that is back has a baseline later than that.
        if line in group_of and came.get((line, cpu), -1) <= sample < lasts.get(group_of[line], -1)
    }
