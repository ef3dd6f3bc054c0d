"""Parts of one recording that follow one another without a gap, as one trace.

A part knows the last read of each group before it. What it has besides is there to make it complete by itself: counts
that go on from before, and a row for every cell in the first read of each group. The whole has neither, so that it is
the trace that a recording in one piece would have been.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import polars as pl

from . import _core
from .errors import TraceFormatError
from .files import AT_ONCE_BYTES, check, reading, scan, scan_flat
from .frames import GROUP
from .schema import FLAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .held import Held
    from .meta import CountsMeta, GroupMeta, LineMeta, Meta, WarningMeta

__all__ = [
    "FELL",
    "MISSING",
    "Part",
    "added_up",
    "by_group",
    "columns",
    "contradiction",
    "entries",
    "first_reads_end",
    "joined",
]

MISSING = "missing_segments"
"""The type of the warning that tells of a gap: each stands by itself, with the samples that it is of."""

FELL = "count_fell"
"""The type of the warning that holds on: what fell stays below what it was for any time."""

Group = tuple[str, str]
Entry = tuple[int, int | None, int, int]
"""line, cpu, sample, count."""

READ = ("sample", *GROUP)
NAMES = ("irq", "name", "cpu")


@dataclass(frozen=True)
class Part:
    """A trace, and the path that errors name."""

    path: str
    meta: Meta
    rows: pl.LazyFrame | Callable[[], pl.LazyFrame] | None = None
    """Its flat table, or what makes it once it is asked for; None if it is that of a file which anyone can open."""
    unfinished: _core.Unfinished | None = None
    """The recording that it is the last flush of."""
    held: Held | None = None
    """The file, where it is kept open."""
    file: str = field(init=False)
    """The same path from the root: a later chdir changes nothing."""

    def __post_init__(self) -> None:
        file = self.held.name if self.held is not None else os.path.abspath(self.path)  # noqa: PTH100 - names of any kind
        object.__setattr__(self, "file", file)

    @cached_property
    def table(self) -> pl.LazyFrame:
        """The rows, lazily."""
        if self.rows is None:
            return scan_flat(self.file)
        return self.rows() if callable(self.rows) else self.rows

    def check(self, *, everything: bool) -> None:
        """Sees to it that no damage of its file is taken for numbers, see `files.check`."""
        try:
            if self.unfinished is not None:
                self.unfinished.check(None if everything else AT_ONCE_BYTES)
            elif self.held is not None:
                self.held.check(everything=everything)
            else:
                with reading(self.path):
                    check(self.file, everything=everything)
        except TraceFormatError as damaged:
            if self.meta["segment"]:
                damaged.add_note("without this segment's file the others can be read, with a gap")
            raise


def joined(parts: Sequence[Part]) -> Part:
    """Parts that follow one another, as one. Their rows stay lazy."""
    meta = _joined_meta([part.meta for part in parts])
    return Part(parts[0].path, meta, partial(_rows, parts, meta) if len(parts) > 1 else parts[0].table)


def contradiction(before: Meta, after: Meta) -> str | None:
    """What of a part does not go together with the one that it continues; None if all does."""
    lasts = previous_samples(after)
    group_of = {**groups_of_lines(before["lines"]), **groups_of_lines(after["lines"])}
    ended, begun = (
        _sums(entry for entry in entries(counts) if entry[2] == lasts.get(group_of.get(entry[0], ("", ""))))
        for counts in (before["finals"], after["baselines"])
    )
    names = {line["line"]: f"{line['irq']} ({line['name']})" for meta in (before, after) for line in meta["lines"]}
    for line, cpu in [*begun, *ended]:
        was, now = ended.get((line, cpu), 0), begun.get((line, cpu), 0)
        if was != now:
            where = "" if cpu is None else f" on CPU {cpu}"
            return f"line {names.get(line, line)}{where} begins with a count of {now} and not with the {was} before it"
    return None


def added_up(metas: Sequence[Meta]) -> dict[str, Any]:
    """What is added up or put together whatever lies between the parts: groups, anchors, cost, warnings and marks.

    Lines are those of the metas given, the later ones going first.
    """
    lines = list({line["line"]: line for meta in metas for line in meta["lines"]}.values())
    told = [warning for meta in metas for warning in meta["warnings"]]
    return {
        "groups": _groups(metas),
        "anchors": _distinct(anchor for meta in metas for anchor in meta["anchors"]),
        "cost": {key: sum(meta["cost"][key] for meta in metas) for key in metas[0]["cost"]},  # type: ignore[literal-required]
        "warnings": _warnings(told, lines) + [warning for warning in told if warning["type"] == MISSING],
        "marks": _distinct(mark for meta in metas for mark in meta["marks"]),
    }


def first_reads_end(meta: Meta) -> int:
    """A sample before which the first read of each group lies: each point that was missed puts it off by one more."""
    begin = meta["span"][0] if meta["span"] else 0
    return begin + max(
        ((group["missed"] + 1) * group["every"] for group in meta["groups"] if group["reads"]), default=0
    )


def entries(counts: CountsMeta) -> Iterator[Entry]:
    """Direct counts, an entry at a time."""
    return zip(counts["line"], counts["cpu"], counts["sample"], counts["count"], strict=True)


def columns(rows: Sequence[Entry]) -> CountsMeta:
    """Entries as they are written down."""
    line, cpu, sample, count = ([row[at] for row in rows] for at in range(4))
    return {"line": line, "cpu": cpu, "sample": sample, "count": count}  # type: ignore[typeddict-item]


def groups_of_lines(lines: Iterable[LineMeta]) -> dict[int, Group]:
    """The group of each line."""
    return {line["line"]: (line["kind"], line["engine"]) for line in lines}


def previous_samples(meta: Meta) -> dict[Group, int]:
    """Of each group the last read before the trace."""
    return {(read["kind"], read["engine"]): read["sample"] for read in meta["previous"]}


def by_group(group: Group) -> pl.Expr:
    """Whether a row is of a group."""
    kind, engine = group
    return (pl.col("kind") == kind) & (pl.col("engine") == engine)


def _joined_meta(metas: Sequence[Meta]) -> Meta:
    lines = _lines(metas)
    group_of = groups_of_lines(lines)
    begin, end = metas[0]["span"], metas[-1]["span"]
    # Of a recording from its begin on, its reads tell where it begins and ends.
    is_part = metas[0]["segment"] != 1 and begin is not None and end is not None
    return {
        **metas[0],
        **added_up([*metas[:-1], {**metas[-1], "lines": lines}]),  # type: ignore[typeddict-item]
        "segment": None,
        "span": [begin[0], end[1]] if is_part and begin and end else None,
        "lines": lines,
        "baselines": _baselines(metas, group_of),
        "finals": _finals(metas, group_of),
    }


def _lines(metas: Sequence[Meta]) -> list[LineMeta]:
    """Every line once, as it was known last."""
    lines: dict[int, LineMeta] = {}
    present: set[int] = set()
    for meta in metas:
        own = {line["line"]: line for line in meta["lines"]}
        read = {(group["kind"], group["engine"]) for group in meta["groups"] if group["reads"]}
        before = previous_samples(meta)
        # One that a part does not name any more had gone when it began.
        for gone in present - own.keys():
            group = lines[gone]["kind"], lines[gone]["engine"]
            if group in read and group in before:
                lines[gone] = {**lines[gone], "last_sample": before[group]}
                present.discard(gone)
        for key, line in own.items():
            lines[key] = {**line, "first_sample": lines.get(key, line)["first_sample"]}
            (present.add if line["last_sample"] is None else present.discard)(key)
    return [lines[key] for key in sorted(lines)]


def _baselines(metas: Sequence[Meta], group_of: dict[int, Group]) -> CountsMeta:
    """Those of the first part, and of each other one those of cells that begin in it."""
    rows = list(entries(metas[0]["baselines"]))
    for meta in metas[1:]:
        before = previous_samples(meta)
        rows += (row for row in entries(meta["baselines"]) if row[2] > before.get(group_of.get(row[0], ("", "")), -1))
    return columns(rows)


def _finals(metas: Sequence[Meta], group_of: dict[int, Group]) -> CountsMeta:
    """Those of the last part, and of each other one those of cells that went in it.

    What a cell had where a part ends the next one knows too, which also tells whether it went there.
    """
    rows: list[Entry] = []
    for at, meta in enumerate(metas):
        after = metas[at + 1] if at + 1 < len(metas) else None
        lasts = previous_samples(after) if after else {}
        own = groups_of_lines(meta["lines"])
        goes_on = groups_of_lines(after["lines"]) if after else {}
        before = previous_samples(meta)
        for row in entries(meta["finals"]):
            line, group = row[0], group_of.get(row[0], ("", ""))
            told_before = at > 0 and line not in own and row[2] <= before.get(group, -1)
            if not told_before and not (line in goes_on and row[2] == lasts.get(group)):
                rows.append(row)
    return columns(rows)


def _epochs(meta: Meta) -> tuple[dict[Group, set[int]], dict[Group, set[int]]]:
    """Of each group the reads that saw something first, and those that saw something last."""
    begun: dict[Group, set[int]] = defaultdict(set)
    ended: dict[Group, set[int]] = defaultdict(set)
    group_of = groups_of_lines(meta["lines"])
    for line in meta["lines"]:
        group = group_of[line["line"]]
        begun[group].add(line["first_sample"])
        if line["last_sample"] is not None:
            ended[group].add(line["last_sample"])
    for reads, counts in ((begun, meta["baselines"]), (ended, meta["finals"])):
        for line_, sample in zip(counts["line"], counts["sample"], strict=True):
            if line_ in group_of:
                reads[group_of[line_]].add(sample)
    return begun, ended


def _rows(parts: Sequence[Part], meta: Meta) -> pl.LazyFrame:
    """The rows of parts that follow one another, ``meta`` being what is known of them together.

    The heads of parts are put together once for all: in the plan of each query a thousand of them would take minutes,
    and they are a few rows each. Of the rest, one scan has few files open at a time, where a scan of each has all.
    """
    begun, ended = _epochs(meta)
    since = (parts[0].meta["span"] or [0])[0]
    heads = [head for part in parts[1:] if (head := _head(part, begun, ended, since)) is not None]
    tables: list[pl.LazyFrame] = []
    for schema, group in groupby(parts, key=_schema):
        some = list(group)
        tables += [part.table for part in some] if schema is None else [scan_flat([part.file for part in some])]
    whole = pl.concat(tables)
    if not heads:
        return whole
    head = pl.concat(heads)
    rest = whole.filter(~pl.col("sample").is_in(head["sample"].unique().to_list()))
    return rest.merge_sorted(head.lazy(), "sample")


def _schema(part: Part) -> dict[str, pl.DataType] | None:
    """The columns of a file, which one scan takes to be the same in all; another tool may have written it anew."""
    if part.rows is not None:
        return None
    with reading(part.path):
        return dict(scan(part.file).collect_schema())


def _head(part: Part, begun: dict[Group, set[int]], ended: dict[Group, set[int]], since: int) -> pl.DataFrame | None:
    """All rows up to the first read of each group, but those there only so that the part is complete by itself.

    Where a cell came or went with that read, all of its rows stand in the whole too; and where it is the group's first
    in the whole, which begins with the sample ``since``. None if nothing is there only for that.
    """
    meta, before = part.meta, previous_samples(part.meta)
    reordered = {
        (warning["kind"], warning["engine"], warning["first_sample"])
        for warning in meta["warnings"]
        if warning["type"] == "layout_changed"
    }
    begin, end = (meta["span"] or [0])[0], first_reads_end(meta)
    repeats = []
    for group in meta["groups"]:
        key = group["kind"], group["engine"]
        if not group["reads"] or before.get(key, -1) < since or before[key] in ended[key]:
            continue
        epochs = {sample for sample in begun[key] if begin <= sample < end}
        epochs |= {sample for *of, sample in reordered if tuple(of) == key}
        repeats.append(by_group(key) & ~pl.col("sample").is_in(sorted(epochs)) if epochs else by_group(key))
    if not repeats:
        return None
    first = pl.col("sample").min().over(GROUP)
    is_repeat = (pl.col("sample") == first) & (pl.col("delta") == 0) & pl.col("irq").is_not_null()
    # A read keeps one row, which names no cell then.
    is_bare = pl.col("repeat").all().over(READ) & (pl.int_range(pl.len()).over(READ) == 0)
    rows = (
        part.table.filter(pl.col("sample") < end)
        .filter(pl.col("sample") <= first.max())
        .with_columns(repeat=is_repeat & pl.any_horizontal(repeats))
        .with_columns(bare=is_bare)
        .filter(~pl.col("repeat") | pl.col("bare"))
        .with_columns(pl.when(~pl.col("bare")).then(name).alias(name) for name in NAMES)
        .select(*FLAT)
    )
    with reading(part.path):
        return rows.collect()


def _groups(metas: Sequence[Meta]) -> list[GroupMeta]:
    groups: dict[Group, GroupMeta] = {}
    for meta in metas:
        for group in meta["groups"]:
            key = group["kind"], group["engine"]
            known = groups.get(key)
            groups[key] = (
                group
                if known is None
                else {**group, "reads": known["reads"] + group["reads"], "missed": known["missed"] + group["missed"]}
            )
    return list(groups.values())


def _warnings(told: Iterable[WarningMeta], lines: list[LineMeta]) -> list[WarningMeta]:
    told = [warning for warning in told if warning["type"] != MISSING]
    if not told:
        return []
    ordered = sorted(lines, key=lambda line: line["line"])
    summed: list[WarningMeta] = json.loads(_core.add_up_warnings(json.dumps(told), json.dumps(ordered)))
    return summed


def _sums(rows: Iterable[Entry]) -> dict[tuple[int, int | None], int]:
    """What each cell counts; cells that the kernel gives no CPU for are one for each line."""
    sums: dict[tuple[int, int | None], int] = defaultdict(int)
    for line, cpu, _, count in rows:
        sums[line, cpu] += count
    return {cell: count for cell, count in sums.items() if count}


def _distinct(items: Iterable[Any]) -> list[Any]:
    return list({json.dumps(item, sort_keys=True): item for item in items}.values())
