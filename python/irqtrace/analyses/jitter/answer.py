"""What the tables of `jitter` say of each line and CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from irqtrace.analyses.state import Table
from irqtrace.schema import KIND, LABEL

from . import ladder, period
from .histogram import middle_of, quantiles
from .kept import quantiles_of
from .tables import CODED, Tables, cells_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kept import GapsByCell, KeptGaps

__all__ = ["answer"]

QUANTILES = {"p50_ns": 0.5, "p90_ns": 0.9, "p99_ns": 0.99, "p999_ns": 0.999}

RESOLVED = 4
"""How many resolutions long a time is that is told from the reads."""

ALONE = 0.9
"""The share of events alone in their read from which on nearly every gap is resolved."""

_WHOLE, _REAL = pl.Int64(), pl.Float64()
_ROW: dict[str, pl.DataType] = {"row": pl.UInt32()}


def answer(tables: Tables, named: pl.DataFrame, apart: Sequence[str], gaps: GapsByCell | None = None) -> pl.DataFrame:
    """The frame of `jitter`.

    ``named`` are the lines, ``apart`` the columns that tell machines apart, ``gaps`` all gaps by cell where they
    were kept.
    """
    by = ["kind", "irq", "name", *apart, "cpu"]
    cells = cells_with(tables["cells"], named)
    rows = (
        cells.group_by(by)
        .agg(pl.col("order").min(), pl.col("events").sum())
        .filter(pl.col("events") > 0)
        .sort("order", *apart, "cpu", nulls_last=True)
        .with_row_index("row")
        .drop("events")
    )
    cells = cells.join(rows.select("row", *by), on=by, nulls_equal=True)
    row_of = cells.select("cell", "row")
    steady = _steady(cells)
    return (
        _pooled(cells, CODED["cells"], _ROW)
        .join(rows, on="row")
        .join(_quantiles(tables["histogram"], gaps, row_of), on="row", how="left")
        .join(_ladder(tables, steady), on="row", how="left")
        .join(_periods(tables, steady), on="row", how="left")
        .with_columns(_measures())
        .with_columns(_told())
        .sort("row")
        .select(
            pl.col("kind").cast(KIND),
            pl.col("irq", "name").cast(LABEL),
            "cpu",
            *(pl.col(column).cast(LABEL) for column in apart),
            "events",
            pl.col("gap_n").alias("gaps"),
            "resolved_share",
            "resolution_ns",
            pl.col("width_max_ns").alias("resolution_max_ns"),
            "verdict",
            pl.when(pl.col("gap_n") > 0).then("gap_mean").alias("mean_ns"),
            "std_ns",
            *QUANTILES,
            "max_ns",
            "quantiles",
            "window_ns",
            "windows",
            "fano",
            "allan_hz",
            "period_ns",
            "strength",
        )
    )


def _pooled(rows: pl.DataFrame, table: Table, keys: dict[str, pl.DataType]) -> pl.DataFrame:
    """The rows with the same keys joined as the table's are."""
    of_keys = Table(keys, table.values, table.moments)
    own = rows.select(*of_keys.schema)
    return of_keys.joined([own, own.clear()])


def _quantiles(histogram: pl.DataFrame, gaps: GapsByCell | None, row_of: pl.DataFrame) -> pl.DataFrame:
    if gaps is not None:
        of_row: dict[int, list[KeptGaps]] = {}
        for cell, row in row_of.select("cell", "row").iter_rows():
            of_row.setdefault(row, []).extend(gaps.get(cell, []))
        found = [(row, *at) for row, kept in of_row.items() if (at := quantiles_of(kept, [*QUANTILES.values()]))]
        exact = pl.DataFrame(found, schema=_ROW | dict.fromkeys(QUANTILES, _REAL), orient="row")
        return exact.with_columns(quantiles=pl.lit("exact"))
    merged = quantiles(histogram.join(row_of, on="cell"), "row", "bucket", QUANTILES)
    middles = [middle_of(pl.col(name)).cast(_REAL).alias(name) for name in QUANTILES]
    return merged.with_columns(*middles, quantiles=pl.lit("histogram"))


def _steady(cells: pl.DataFrame) -> pl.DataFrame:
    """cell, line, row, step_ns: of each row the cells at the interval with most events; of none that was away."""
    of_step = cells.group_by("row", "step_ns").agg(pl.col("events").sum(), pl.col("away").max())
    main = of_step.sort("events", "step_ns", descending=True).unique("row", keep="first", maintain_order=True)
    there = main.filter(pl.col("away").fill_null(0) == 0).select("row", "step_ns")
    return cells.join(there, on=["row", "step_ns"]).select("cell", "line", "row", "step_ns")


def _ladder(tables: Tables, cells: pl.DataFrame) -> pl.DataFrame:
    """window_ns, windows, fano and allan_hz of each row, as lists."""
    of_cell = (
        cells.join(tables["windows"], on="line")
        .join(tables["ladder"], on=["cell", "level"], how="left")
        .with_columns(pl.col("differences", "count_n", "count_m2").fill_null(0))
        # Sums of fractions depend on the order of what is added up.
        .sort("cell", "level")
    )
    values = CODED["ladder"].values | CODED["windows"].values
    pooled = _pooled(of_cell, Table({}, values, ("count",)), {**_ROW, "step_ns": _WHOLE, "level": _WHOLE})
    window_ns = pl.col("step_ns") * pl.lit(2, dtype=_WHOLE).pow(pl.col("level"))
    return (
        ladder.fano_and_allan(pooled.with_columns(pl.col("count_mean").fill_null(0)))
        .filter(pl.col("windows") >= ladder.MIN_WINDOWS)
        .sort("row", "level")
        .group_by("row", maintain_order=True)
        .agg(window_ns.cast(_WHOLE).alias("window_ns"), "windows", "fano", allan_hz=pl.col("allan") * 1e9 / window_ns)
    )


def _periods(tables: Tables, cells: pl.DataFrame) -> pl.DataFrame:
    """period_ns and strength of the rows that have one."""
    key = ["row", "step_ns", "level"]
    segments = (
        cells.join(tables["segments"], on="cell").group_by(key).agg(pl.col("segments", "events", "squares").sum())
    )
    power = (
        cells.join(tables["spectrum"], on="cell")
        .group_by(*key, "bin")
        .agg(pl.col("power").sum())
        .sort("bin")
        .group_by(key, maintain_order=True)
        .agg("power")
    )
    spectra: dict[tuple[int, int], period.Spectra] = {}
    for row, step_ns, level, *sums, powers in segments.join(power, on=key).sort(key).iter_rows():
        spectra.setdefault((row, step_ns), {})[level] = (*sums, np.array(powers))
    found = [
        (row, answer[0] * step_ns, answer[1])
        for (row, step_ns), of_row in spectra.items()
        if (answer := period.period_of(of_row)) is not None
    ]
    return pl.DataFrame(found, schema={**_ROW, "period_ns": _REAL, "strength": _REAL}, orient="row")


def _measures() -> list[pl.Expr]:
    timed, n = pl.col("timed"), pl.col("gap_n")
    return [
        pl.when(timed > 0).then(pl.col("alone") / timed).alias("resolved_share"),
        pl.when(timed > 0).then(pl.col("width_ns") / timed).alias("resolution_ns"),
        pl.when(n > 1).then((pl.col("gap_m2") / (n - 1)).sqrt()).alias("std_ns"),
        pl.col("gap_max_ns").cast(_REAL).alias("max_ns"),
    ]


def _told() -> list[pl.Expr]:
    """The verdict, and what is told with it."""
    can = (pl.col("gap_mean") >= RESOLVED * pl.col("resolution_ns")).fill_null(value=False)
    verdict = (
        pl.when(pl.col("gap_n") == 0)
        .then(pl.lit("too few events"))
        .when(~can)
        .then(pl.lit("cannot tell at this interval"))
        .when(pl.col("resolved_share") < ALONE)
        .then(pl.lit("resolved in part"))
        .otherwise(pl.lit("resolved"))
    )
    longest = RESOLVED * pl.col("width_max_ns")
    return [
        verdict.alias("verdict"),
        pl.when(can).then("std_ns").alias("std_ns"),
        *(pl.when(can | (pl.col(name) >= longest)).then(name).alias(name) for name in (*QUANTILES, "max_ns")),
    ]
