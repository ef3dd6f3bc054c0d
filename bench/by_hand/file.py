"""What the queries have in common: the lines of the file, and the reads at the ends of windows."""

import polars as pl

__all__ = [
    "BEGIN",
    "CODE",
    "CPUS",
    "END",
    "INTERVAL_NS",
    "RATES",
    "SECONDS",
    "code_of",
    "key_of",
    "last_sample",
    "line_in",
    "lines",
    "spans",
    "window_of",
]

INTERVAL_NS = 1_000_000
BEGIN = pl.col("time").dt.epoch("ns")
END = BEGIN + pl.col("read_ns")

CODE = pl.col("irq").to_physical().cast(pl.Int64)
"""A line as a number."""

CPUS = 1 << 8
"""More than any CPU."""

_CODES = 1 << 32

_B0, _E0, _B1, _E1, _COUNT = (pl.col(name) for name in ("b0", "e0", "b1", "e1", "count"))
SECONDS = (_B1 + _E1 - _B0 - _E0) / 2e9
RATES = {"rate": _COUNT / SECONDS, "rate_lo": _COUNT * 1e9 / (_E1 - _B0), "rate_hi": _COUNT * 1e9 / (_B1 - _E0)}


def line_in(samples: int) -> pl.Expr:
    """Line and window (of so many samples) in one integer: groups by it take a tenth less, or more."""
    return key_of(pl.col("sample") // samples, CODE)


def key_of(window: pl.Expr, code: pl.Expr) -> pl.Expr:
    """The same of a window and a line."""
    return window * _CODES + code


def window_of(line: pl.Expr) -> pl.Expr:
    """The window of `line_in`."""
    return line // _CODES


def code_of(line: pl.Expr) -> pl.Expr:
    """The line of `line_in`."""
    return line % _CODES


def lines(flat: pl.LazyFrame) -> pl.DataFrame:
    """irq, name, code, order."""
    first = flat.filter(pl.col("sample") == 0).select("irq", "name", code=CODE)
    return first.unique("irq", keep="first", maintain_order=True).with_row_index("order").collect()


def last_sample(flat: pl.LazyFrame) -> int:
    """The last row has it."""
    return int(flat.select("sample").tail(1).collect().item())


def spans(flat: pl.LazyFrame, samples: int) -> pl.DataFrame:
    """window (of so many samples), b0, e0, b1, e1: the last read before each window and its own last.

    Of the reads that are no window's last, nothing but the sample is decoded.
    """
    first = flat.select(b=BEGIN, e=END).head(1).collect()
    is_last = (pl.col("sample") % samples == samples - 1) | (pl.col("sample") == last_sample(flat))
    return (
        flat.filter(is_last)
        .group_by(window=pl.col("sample") // samples)
        .agg(b1=BEGIN.max(), e1=END.max())
        .sort("window")
        .with_columns(
            b0=pl.col("b1").shift(fill_value=first["b"].item()), e0=pl.col("e1").shift(fill_value=first["e"].item())
        )
        .collect(engine="streaming")
    )
