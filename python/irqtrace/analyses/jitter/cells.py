"""Cells as numbers."""

import polars as pl

__all__ = ["CPUS", "cell_of", "cpu_of_cell", "line_of_cell"]

CPUS = 1 << 17
"""A cell is numbered line · CPUS + cpu; what the kernel gives no CPU for has the number above all CPUs."""


def cell_of(line: pl.Expr, cpu: pl.Expr) -> pl.Expr:
    """The number of a cell."""
    return line.cast(pl.Int64) * CPUS + cpu.cast(pl.Int64).fill_null(CPUS - 1)


def line_of_cell() -> pl.Expr:
    """The line of a cell."""
    return (pl.col("cell") // CPUS).cast(pl.UInt32).alias("line")


def cpu_of_cell() -> pl.Expr:
    """The CPU of a cell."""
    cpu = pl.col("cell") % CPUS
    return pl.when(cpu < CPUS - 1).then(cpu).cast(pl.UInt16).alias("cpu")
