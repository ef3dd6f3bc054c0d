"""Line, CPU and window of a row as one whole number: rows are grouped by it faster, and in less memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Packed"]

BITS = 63

CPU_BITS = 17
"""A CPU's number has 16; what the kernel gives no CPU for has the number above."""

NO_CPU = 1 << 16


class Packed:
    """What to group rows by. Where it does not fit into one number, the columns themselves."""

    def __init__(
        self, known: pl.DataFrame, telling: Sequence[str], window: pl.Expr, windows: tuple[int, int], *, cpus: bool
    ) -> None:
        """Takes the lines, the columns that tell them apart, and the first and last window that there can be."""
        self._known, self._telling, self._cpus = known, list(telling), cpus
        self._first, last = windows
        self._window_size = 1 << (last - self._first).bit_length()
        self._cpu_size = 1 << CPU_BITS if cpus else 1
        self._codes = known[telling[0]].to_physical() if len(telling) == 1 and len(known) else None
        if self._codes is not None:
            highest = (int(self._codes.max()) + 1) * self._cpu_size * self._window_size  # type: ignore[arg-type]
            if highest.bit_length() > BITS:
                self._codes = None
        plain = [*(pl.col(column) for column in telling), *([pl.col("cpu")] if cpus else []), window]
        self.columns = plain if self._codes is None else [self._packed(window)]

    @property
    def is_one(self) -> bool:
        """Whether it is one number."""
        return self._codes is not None

    def _packed(self, window: pl.Expr) -> pl.Expr:
        code = pl.col(self._telling[0]).to_physical().cast(pl.Int64)
        cpu = pl.col("cpu").cast(pl.Int64).fill_null(NO_CPU) if self._cpus else pl.lit(0, dtype=pl.Int64)
        return ((code * self._cpu_size + cpu) * self._window_size + window - self._first).alias("packed")

    def unpacked(self, rows: pl.DataFrame) -> pl.DataFrame:
        """What was grouped, with line, cpu (null where CPUs are not told apart) and window; not what has no line."""
        if self._codes is None:
            rows = rows.join(self._known.select(list({*self._telling, "line"})), on=self._telling)
            return rows if self._cpus else rows.with_columns(cpu=pl.lit(None, dtype=pl.UInt16))
        places = pl.DataFrame({"code": self._codes.cast(pl.Int64), "line": self._known["line"]})
        every = pl.DataFrame({"code": range(int(self._codes.max()) + 1)})  # type: ignore[arg-type]
        lines = every.join(places, on="code", how="left", maintain_order="left")["line"]
        packed = pl.col("packed")
        cell = packed // self._window_size
        cpu = cell % self._cpu_size
        told = pl.when(cpu < NO_CPU).then(cpu) if self._cpus else pl.lit(None)
        rows = rows.filter(packed.is_not_null()).with_columns(
            code=(cell // self._cpu_size).cast(pl.UInt32),
            cpu=told.cast(pl.UInt16),
            window=packed % self._window_size + self._first,
        )
        return rows.with_columns(lines.gather(rows["code"]).alias("line")).drop("packed", "code")
