"""The frames of a trace, made from the flat table and what the trace knows about itself.

Everything here is lazy: a file of any size stays on disk until the frame is collected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .schema import DELTAS, ENGINE, FLAT, KIND, LINES, SAMPLES

if TYPE_CHECKING:
    from .meta import Meta

__all__ = ["deltas", "first_of_each_read", "flat_types", "lines", "samples", "telling_columns", "with_line"]

GROUP = ("kind", "engine")
LINE = ("kind", "engine", "irq", "name")
TELLING = (("irq",), ("name",), ("irq", "name"), ("kind", "irq", "name"), LINE)


def flat_types(table: pl.LazyFrame) -> pl.LazyFrame:
    """The flat table with its Polars types, however its dictionaries came."""
    return table.select(pl.col(column).cast(dtype) for column, dtype in FLAT.items())


def lines(meta: Meta) -> pl.DataFrame:
    """Frame ``lines``: a row per counter row of the trace."""
    return pl.DataFrame([[line[column] for column in LINES] for line in meta["lines"]], schema=LINES, orient="row")  # type: ignore[literal-required]


def samples(flat: pl.LazyFrame, meta: Meta) -> pl.LazyFrame:
    """Frame ``samples``: a row per read."""
    grid_ns = meta["t0_ns"] + pl.col("sample") * meta["interval_ns"]
    late_ns = pl.lit(None, dtype=pl.Int64) if meta["irregular"] else pl.col("time").dt.epoch("ns") - grid_ns
    return first_of_each_read(flat).with_columns(late_ns=late_ns).select(*SAMPLES)


def deltas(flat: pl.LazyFrame, meta: Meta) -> pl.LazyFrame:
    """Frame ``deltas``: the flat table's rows that have a cell, with the key into ``lines``."""
    return with_line(flat, meta).select(*DELTAS)


def first_of_each_read(flat: pl.LazyFrame) -> pl.LazyFrame:
    """The first row of each read: a read's rows stand together, so it is where sample, kind or engine change."""
    changes = [pl.col(column).ne_missing(pl.col(column).shift()) for column in ("sample", *GROUP)]
    return flat.filter(pl.any_horizontal(changes))


def with_line(flat: pl.LazyFrame, meta: Meta) -> pl.LazyFrame:
    """The rows of the flat table that have a cell, and a column ``line``: the key into ``lines``."""
    known = lines(meta).select("line", *LINE, "first_sample", "last_sample")
    rows = flat.filter(pl.col("irq").is_not_null())
    telling = telling_columns(known)
    if telling:
        return rows.join(known.select("line", *telling).lazy(), on=telling, how="inner", maintain_order="left")
    # A line that was freed and taken again is two rows of lines, of which one at most is present at any sample.
    present = pl.col("sample").is_between("first_sample", pl.col("last_sample").fill_null(2**62))
    return rows.join(known.lazy(), on=LINE, how="inner", maintain_order="left").filter(present)


def telling_columns(known: pl.DataFrame) -> list[str]:
    """As few of a line's columns as tell these apart, since fewer are faster; none if it takes the time as well."""
    enough = (names for names in TELLING if not known.select(names).is_duplicated().any())
    return list(next(enough, ()))


def group_literals(kind: str, engine: str) -> dict[str, pl.Expr]:
    """The two columns of a group, as constants."""
    return {"kind": pl.lit(kind, dtype=KIND), "engine": pl.lit(engine, dtype=ENGINE)}
