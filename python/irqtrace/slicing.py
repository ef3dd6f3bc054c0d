"""A part of a trace is a complete trace: it starts from counts, knows the read before it, and names every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from .frames import GROUP, first_of_each_read, lines, with_line
from .gaps import gaps_of
from .joining import FELL
from .schema import ENGINES, FLAT, KINDS

if TYPE_CHECKING:
    from .meta import CountsMeta, GroupMeta, LineMeta, Meta, PreviousMeta

__all__ = ["cut"]

CELL = ("line", "cpu")
COUNTS = {"line": pl.UInt32(), "cpu": pl.UInt16(), "sample": pl.Int64(), "count": pl.UInt64()}


def cut(flat: pl.LazyFrame, meta: Meta, start: int, end: int) -> tuple[pl.LazyFrame, Meta]:
    """The flat table and the description of the samples ``start <= sample < end``, which lie in the trace.

    The rows stay lazy. For the description the table is read once up to ``end``, because the count that a cell starts
    from is its baseline and all that it grew by before.
    """
    # What was read before a gap is not what the reads behind it go on from.
    since = max((after for first, after in gaps_of(meta) if first <= start), default=None)
    reads = _reads(flat, start, end, since)
    spans = _spans(flat, meta, reads, end)
    previous = _previous(meta, reads, goes_back=since is None)
    part: Meta = {
        **meta,
        "segment": None,
        "span": [start, end],
        "groups": [_group(group, previous, reads, start, end, irregular=meta["irregular"]) for group in meta["groups"]],
        "lines": _lines(meta, reads),
        "baselines": _baselines(spans, meta, previous),
        "finals": _finals(spans),
        "previous": previous,
        # What sampling a part took is not known.
        "cost": {"cpu_ns": 0, "wall_ns": 0, "reads": 0, "sleeps": 0, "spins": 0},
        # A count that fell stays below its mark for a while after the last fall.
        "warnings": [
            warning
            for warning in meta["warnings"]
            if warning["first_sample"] < end and (warning["last_sample"] >= start or warning["type"] == FELL)
        ],
    }
    return _rows(flat, meta, spans, reads, start, end), part


@dataclass(frozen=True)
class _Reads:
    """The reads around and inside a slice, a row per group."""

    first: pl.DataFrame
    """kind, engine, begun: the sample of the first read of the whole trace, if it lies before the slice's end."""
    before: pl.DataFrame
    """kind, engine, sample, time_ns, read_ns: the last read before the slice."""
    inside: pl.DataFrame
    """kind, engine, first_read, time, read_ns (of the first read), last_read, reads."""

    def of(self, kind: str, engine: str) -> dict[str, int] | None:
        """The row of ``inside`` of one group."""
        rows = self.inside.filter(kind=kind, engine=engine).to_dicts()
        return rows[0] if rows else None


def _reads(flat: pl.LazyFrame, start: int, end: int, since: int | None) -> _Reads:
    reads = first_of_each_read(flat).select("sample", "time", "read_ns", *GROUP)
    first, before, inside = pl.collect_all(
        [
            reads.filter(pl.col("sample") < end).group_by(GROUP).agg(begun=pl.col("sample").first()),
            reads.filter(pl.col("sample") < start, pl.lit(value=True) if since is None else pl.col("sample") >= since)
            .group_by(GROUP, maintain_order=True)
            .agg(
                pl.col("sample").last(), time_ns=pl.col("time").last().dt.epoch("ns"), read_ns=pl.col("read_ns").last()
            ),
            reads.filter(pl.col("sample").is_between(start, end, closed="left"))
            .group_by(GROUP, maintain_order=True)
            .agg(
                first_read=pl.col("sample").first(),
                time=pl.col("time").first(),
                read_ns=pl.col("read_ns").first(),
                last_read=pl.col("sample").last(),
                reads=pl.len(),
            ),
        ]
    )
    return _Reads(first, before, inside)


def _previous(meta: Meta, reads: _Reads, *, goes_back: bool) -> list[PreviousMeta]:
    """The last read of each group before the slice, which may be one before the trace."""
    read: list[PreviousMeta] = reads.before.to_dicts()  # type: ignore[assignment]
    known = {(group["kind"], group["engine"]) for group in read}
    read += [group for group in meta["previous"] if goes_back and (group["kind"], group["engine"]) not in known]
    return sorted(read, key=lambda group: (KINDS.index(group["kind"]), ENGINES.index(group["engine"])))


def _group(
    group: GroupMeta, previous: list[PreviousMeta], reads: _Reads, start: int, end: int, *, irregular: bool
) -> GroupMeta:
    is_group = {"kind": group["kind"], "engine": group["engine"]}
    before = [read["sample"] for read in previous if is_group.items() <= read.items()]
    inside = reads.inside.filter(**is_group).to_dicts()
    if irregular:
        return {**group, "reads": inside[0]["reads"] if inside else 0, "missed": 0}
    first = max(start, before[0] + 1 if before else 0)
    due = len(range(-(-first // group["every"]), -(-end // group["every"])))
    count = inside[0]["reads"] if inside else 0
    # A last read ahead of its time is at the next point of the grid, also of a group that is not due there.
    ahead = int(bool(inside) and inside[0]["last_read"] % group["every"] != 0)
    return {**group, "reads": count, "missed": max(0, due - (count - ahead))}


def _lines(meta: Meta, reads: _Reads) -> list[LineMeta]:
    """The lines that at least one read of the slice has seen."""
    seen: list[LineMeta] = []
    for line in meta["lines"]:
        inside, last = reads.of(line["kind"], line["engine"]), line["last_sample"]
        if inside and line["first_sample"] <= inside["last_read"] and (last is None or last >= inside["first_read"]):
            seen.append({**line, "last_sample": None if last is None or last >= inside["last_read"] else last})
    return seen


def _spans(flat: pl.LazyFrame, meta: Meta, reads: _Reads, end: int) -> pl.DataFrame:
    """A row per span of presence of a cell that reaches into the slice.

    Columns: line, cpu; first and last: its samples, last null while present; baseline, before, inside: the count that
    it began with, its growth before the slice and in it; began: the sample of that count, where it is told; final: the
    kernel's last count where the span has ended or the trace ends; first_read, last_read of its group in the slice.
    """
    known = lines(meta).select("line", *GROUP, "first_sample", "last_sample").lazy()
    groups = reads.inside.lazy().select(*GROUP, "first_read", "last_read")
    entries = _counts(meta["baselines"])
    # A cell that came back has an entry of its own for that; all other entries are what a cell began with.
    again = (
        entries.lazy()
        .join(known, on="line")
        .join(reads.first.lazy(), on=GROUP)
        .filter(pl.col("sample") > pl.max_horizontal("first_sample", "begun"))
        .select(*CELL, span="sample")
        .sort("span")
        .collect()
    )
    rows = _with_span(
        with_line(flat.filter(pl.col("sample") < end), meta).select(*CELL, *GROUP, "sample", "delta"), again
    )
    grown = (
        rows.join(groups, on=GROUP)
        .group_by(*CELL, "span", "first_read", "last_read")
        .agg(
            first=pl.col("sample").min(),
            before=pl.col("delta").filter(pl.col("sample") < pl.col("first_read")).sum(),
            inside=pl.col("delta").filter(pl.col("sample") >= pl.col("first_read")).sum(),
            at_first_read=(pl.col("sample") == pl.col("first_read")).any(),
        )
    )
    begun = (
        _with_span(entries.lazy().sort("sample"), again)
        .group_by(*CELL, "span")
        .agg(baseline=pl.col("count").sum(), began=pl.col("sample").min())
    )
    ended = (
        _with_span(_counts(meta["finals"]).lazy().sort("sample"), again)
        .group_by(*CELL, "span")
        .agg(final=pl.col("count").sum(), final_sample=pl.col("sample").max())
    )
    key = [*CELL, "span"]
    return (
        grown.join(begun, on=key, how="left", nulls_equal=True)
        .join(ended, on=key, how="left", nulls_equal=True)
        .join(known.select("line", "last_sample"), on="line")
        .with_columns(
            pl.col("baseline").fill_null(0).cast(pl.Int64),
            last=pl.min_horizontal("final_sample", "last_sample"),
        )
        .filter(pl.col("first") <= pl.col("last_read"), pl.col("last").fill_null(2**62) >= pl.col("first_read"))
        .sort(*CELL, "first", nulls_last=True, maintain_order=True)
        .collect()
    )


def _with_span(rows: pl.LazyFrame, again: pl.DataFrame) -> pl.LazyFrame:
    """Adds ``span``: the sample at which the row's cell came back last, null in its first span. Rows are by sample."""
    if again.is_empty():
        return rows.with_columns(span=pl.lit(None, dtype=pl.Int64))
    cpu = pl.col("cpu").cast(pl.Int32).fill_null(-1).alias("cpu_key")
    return rows.with_columns(cpu).join_asof(
        again.lazy().with_columns(cpu).drop("cpu"),
        left_on="sample",
        right_on="span",
        by=["line", "cpu_key"],
        coalesce=False,
        check_sortedness=False,
    )


def _baselines(spans: pl.DataFrame, meta: Meta, previous: list[PreviousMeta]) -> CountsMeta:
    """The count of what goes on is that of the read before the slice; what came with its first read has it there."""
    there = pl.col("first") <= pl.col("first_read")
    before = pl.DataFrame(previous, schema={**dict.fromkeys(GROUP, pl.String()), "sample": pl.Int64()})
    of_line = lines(meta).select("line", *(pl.col(column).cast(pl.String) for column in GROUP))
    spans = spans.join(of_line, on="line", maintain_order="left").join(
        before.select(*GROUP, previous="sample"), on=GROUP, how="left", maintain_order="left"
    )
    # What is read first behind a gap goes on from nothing.
    gaps = [(pl.col("previous") < first) & (pl.col("first_read") >= after) for first, after in gaps_of(meta)]
    goes_on = pl.col("previous").is_not_null() & ~pl.any_horizontal(pl.lit(value=False), *gaps)
    came_with_it = pl.col("first") == pl.col("first_read")
    sample = pl.when(came_with_it).then("began").otherwise("previous")
    began = spans.filter(there).select(
        *CELL,
        sample=pl.coalesce(sample, "first_read"),
        count=pl.col("baseline") + pl.col("before"),
        # A zero tells that it came with that read.
        told=came_with_it & pl.col("began").is_not_null() & goes_on,
    )
    came = spans.filter(~there).select(*CELL, sample="first", count="baseline")
    came_again = spans.filter(~there, pl.col("span").is_not_null())
    return _columns(
        pl.concat(
            [
                began.filter((pl.col("count") != 0) | pl.col("told")).drop("told"),
                came.filter(pl.col("count") != 0),
                came_again.filter(pl.col("baseline") == 0).select(*CELL, sample="first", count="baseline"),
            ]
        )
    )


def _finals(spans: pl.DataFrame) -> CountsMeta:
    ended = pl.col("final_sample") <= pl.col("last_read")
    summed = pl.col("baseline") + pl.col("before") + pl.col("inside")
    finals = spans.select(
        *CELL,
        sample=pl.when(ended).then("final_sample").otherwise("last_read"),
        count=summed,
        gone=ended.fill_null(value=False) & (pl.col("final_sample") < pl.col("last_read")),
    )
    return _columns(finals.filter((pl.col("count") != 0) | pl.col("gone")))


def _rows(flat: pl.LazyFrame, meta: Meta, spans: pl.DataFrame, reads: _Reads, start: int, end: int) -> pl.LazyFrame:
    """The slice's rows: as they are, but for a row for every cell in the first read of each group."""
    firsts = reads.inside.select(*GROUP, "time", "read_ns", sample="first_read")
    missing = spans.filter(pl.col("first") <= pl.col("first_read"), ~pl.col("at_first_read"))
    if firsts.is_empty() or missing.is_empty():
        return flat.filter(pl.col("sample").is_between(start, end, closed="left"))
    split = max(firsts["sample"].to_list()) + 1
    known = lines(meta)
    host = {key: pl.lit(meta["host"][key], dtype=FLAT[key]) for key in ("host", "boot")}
    added = (
        missing.select(*CELL)
        .join(known.select("line", *GROUP, "irq", "name"), on="line")
        .join(firsts, on=GROUP)
        .with_columns(delta=pl.lit(0, dtype=pl.Int64), **host)
    )
    head = flat.filter(pl.col("sample").is_between(start, split, closed="left"))
    with_cells = pl.concat([with_line(head, meta).select(*FLAT, "line"), added.lazy().select(*FLAT, "line")])
    # A read without a cell keeps its row, unless cells were added to it.
    bare = (
        head.filter(pl.col("irq").is_null())
        .join(added.lazy().select("sample", *GROUP).unique(), on=["sample", *GROUP], how="anti")
        .with_columns(line=pl.lit(None, dtype=pl.UInt32))
    )
    ordered = (
        pl.concat([with_cells, bare]).sort("sample", *GROUP, *CELL, nulls_last=True, maintain_order=True).select(*FLAT)
    )
    return pl.concat([ordered, flat.filter(pl.col("sample").is_between(split, end, closed="left"))])


def _counts(columns: CountsMeta) -> pl.DataFrame:
    """Direct counts as a frame. Cells that the kernel gives no CPU for are one cell per line here."""
    frame = pl.DataFrame(dict(columns), schema=COUNTS)
    return frame.group_by(*CELL, "sample", maintain_order=True).agg(pl.col("count").sum())


def _columns(frame: pl.DataFrame) -> CountsMeta:
    ordered = frame.sort(*CELL, "sample", nulls_last=True)
    return {column: ordered[column].to_list() for column in COUNTS}  # type: ignore[return-value]
