"""The state of `jitter`: its tables, with names to send and join them, and with numbers to work on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from irqtrace.analyses.counts import description, refuse_twice
from irqtrace.analyses.state import NUMBER, Kind, State, Table, state_of
from irqtrace.frames import GROUP, LINE, lines

from .cells import cell_of, cpu_of_cell, line_of_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from irqtrace.meta import Meta
    from irqtrace.trace import Trace

__all__ = [
    "CODED",
    "JITTER",
    "Tables",
    "cells_with",
    "coded",
    "groups_of_lines",
    "joined",
    "lines_of",
    "named",
]

_TEXT, _WHOLE, _REAL = pl.String(), pl.Int64(), pl.Float64()


def _tables(cell: Mapping[str, pl.DataType]) -> dict[str, Table]:
    """What is kept of each group, line and cell, whatever a cell is named by."""
    group, line = {"group": NUMBER}, {"line": NUMBER}
    return {
        "spans": Table({**line, "base": _WHOLE}, {"last": (_WHOLE, "max"), "times": (_WHOLE, "sum")}),
        "points": Table({**group, "point": _WHOLE}),
        "present": Table({**cell, "base": _WHOLE}),
        "cells": Table(
            dict(cell),
            {
                "events": (_WHOLE, "sum"),
                "alone": (_WHOLE, "sum"),
                "timed": (_WHOLE, "sum"),
                # Of many events in a long time 64 bits are not enough.
                "width_ns": (_REAL, "sum"),
                "width_max_ns": (_WHOLE, "max"),
                "gap_max_ns": (_WHOLE, "max"),
                "away": (_WHOLE, "max"),
            },
            moments=("gap",),
        ),
        "ends": Table({**cell, "base": _WHOLE}, {"first_ns": (_WHOLE, "min"), "last_ns": (_WHOLE, "max")}),
        "histogram": Table({**cell, "bucket": _WHOLE}, {"n": (_WHOLE, "sum")}),
        "windows": Table({**line, "level": _WHOLE}, {"windows": (_WHOLE, "sum"), "pairs": (_WHOLE, "sum")}),
        "ladder": Table({**cell, "level": _WHOLE}, {"differences": (_REAL, "sum")}, moments=("count",)),
        "edges": Table({**cell, "level": _WHOLE, "window": _WHOLE}, {"count": (_WHOLE, "sum")}),
        "segments": Table(
            {**cell, "level": _WHOLE},
            {"segments": (_WHOLE, "sum"), "events": (_WHOLE, "sum"), "squares": (_REAL, "sum")},
        ),
        "spectrum": Table({**cell, "level": _WHOLE, "bin": _WHOLE}, {"power": (_REAL, "sum")}),
    }


def _no_part_twice(tables: Mapping[str, pl.DataFrame]) -> None:
    spans = tables["spans"].sort("line", "base").join(tables["lines"], on="line", maintain_order="left")
    overlaps = (pl.col("times") > 1) | (pl.col("base") < pl.col("last").shift().over("line"))
    refuse_twice(spans.filter(overlaps).rename({"base": "first_read"}), tables)


JITTER = Kind(
    "jitter",
    {
        **description(
            of_recording={"interval_ns": (_WHOLE, "max")},
            of_group={"every": (_WHOLE, "max")},
            of_line={"order": (_WHOLE, "min")},
        ),
        **_tables({"line": NUMBER, "cpu": pl.UInt16()}),
    },
    check=_no_part_twice,
)
"""Tables of the state.

- spans: from the read ``base`` up to the read ``last`` all growth of a line is known. Points are of `seams`.
- present: the cells that were there at the base of a span.
- points: grid points that were read and that windows over a seam may begin or end at.
- cells: events, those alone in their read, those of which it is known between which reads they came and how long that
  was, the moments of the gaps, and whether the CPU was away for a part.
- ends: the first and the last event of each span.
- histogram: the gaps by bucket.
- windows: of each level of the ladder, how many windows and pairs of neighbours a line has.
- ladder: of the windows with events, the moments of their counts; sum of the squared differences of neighbours.
- edges: counts of the windows at the ends of spans, with which those over a seam are made whole.
- segments, spectrum: the power of the segments with enough events.
"""

CODED = _tables({"cell": _WHOLE})
"""The same with a number for each cell, as in the making."""

Tables = dict[str, pl.DataFrame]


def joined(tables: Tables, *others: Tables) -> Tables:
    """All tables of the first with the rows that the others have for them."""
    result = {}
    for name, table in tables.items():
        rows = [_typed(other[name], CODED[name]) for other in others if name in other and len(other[name])]
        frames = [table, *rows] if len(table) else rows
        # The rows of one are as they are to be.
        result[name] = CODED[name].joined(frames) if frames else table
    return result


def _typed(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """With all columns of the table; what the frame lacks is nought, or null where it is a least or most or mean."""
    absent = {name: 0 if name.endswith("_n") else None for name in table.schema}
    absent |= {name: 0 for name, (_, way) in table.values.items() if way == "sum"}
    absent |= {f"{name}_{part}": 0 for name in table.moments for part in ("n", "m2")}
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(absent[name])).cast(dtype).alias(name)
        for name, dtype in table.schema.items()
    )


def groups_of_lines(meta: Meta) -> pl.DataFrame:
    """line, group, every."""
    groups = pl.DataFrame(meta["groups"], schema_overrides={"every": pl.Int64()})
    if groups.is_empty():
        return pl.DataFrame(schema={"line": pl.UInt32(), "group": pl.UInt32(), "every": pl.Int64()})
    named = groups.with_row_index("group").select(pl.col("group").cast(pl.UInt32), *GROUP, "every")
    known = lines(meta).select("line", pl.col("kind").cast(pl.String), pl.col("engine").cast(pl.String))
    return known.join(named, on=GROUP).select("line", "group", "every")


def lines_of(trace: Trace) -> pl.DataFrame:
    """The lines of a trace by number: line, group, came, every, order, step_ns (between its reads) and names."""
    meta = trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    names = lines(meta).select("line", *(pl.col(column).cast(_TEXT) for column in LINE), came="first_sample")
    return names.join(groups_of_lines(meta), on="line").with_columns(
        order=pl.col("line").cast(_WHOLE), step_ns=pl.col("every") * meta["interval_ns"]
    )


def named(tables: Tables, trace: Trace) -> State:
    """The state of a trace's tables."""
    meta = trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    rec = {"host": meta["host"]["host"], "boot": meta["host"]["boot"], "t0_ns": meta["t0_ns"]}
    groups = [(at, 0, group["kind"], group["engine"], group["every"]) for at, group in enumerate(meta["groups"])]
    of_state = {
        "recordings": pl.DataFrame([{"rec": 0, **rec, "interval_ns": meta["interval_ns"]}]),
        "groups": pl.DataFrame(groups, schema=JITTER.tables["groups"].schema, orient="row"),
        "lines": lines_of(trace),
    }
    for name, table in tables.items():
        of_state[name] = table.with_columns(line_of_cell(), cpu_of_cell()) if "cell" in table.columns else table
    return state_of(JITTER, {}, of_state)


def coded(state: State) -> tuple[pl.DataFrame, Tables]:
    """The lines of a state by number, as of `lines_of` with host and boot, and its tables with cells by number."""
    known = (
        state["lines"]
        .join(state["groups"], on="group")
        .join(state["recordings"], on="rec")
        .with_columns(step_ns=pl.col("every") * pl.col("interval_ns"))
    )
    cell = cell_of(pl.col("line"), pl.col("cpu")).alias("cell")
    return known, {
        name: (state[name].with_columns(cell) if "cell" in table.schema else state[name]).select(*table.schema)
        for name, table in CODED.items()
    }


def cells_with(table: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """A table of cells with what is known of their lines, and cpu."""
    return table.with_columns(line_of_cell(), cpu_of_cell()).join(known, on="line")
