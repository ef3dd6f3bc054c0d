"""States: what a trace is reduced to, so small that a fleet can send it, and so made that states can be joined.

A state is a few named tables. Each has key columns, by which rows of several states are joined, and value columns, each
with its own way of joining: sums, least and greatest values, or moments by the formula of Chan, Golub and LeVeque
(1983). Joining is associative and commutative, and exact for whole numbers.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import polars as pl

from irqtrace.errors import TraceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["VERSION", "Kind", "State", "Table", "merge", "read_state", "write_state"]

VERSION = 1
"""Of the tables. States of different versions are not joined."""

_KEY = "irqtrace-state"

Way = Literal["sum", "min", "max"]


@dataclass(frozen=True)
class Table:
    """The columns of one table of a state.

    ``moments`` names triples of columns NAME_n (weight), NAME_mean, NAME_m2 (sum of squared deviations from the mean).
    """

    keys: dict[str, pl.DataType]
    values: dict[str, tuple[pl.DataType, Way]] = field(default_factory=dict)
    moments: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column names and types, in order."""
        moments: dict[str, pl.DataType] = {}
        for name in self.moments:
            moments |= {f"{name}_n": pl.Int64(), f"{name}_mean": pl.Float64(), f"{name}_m2": pl.Float64()}
        return {**self.keys, **{name: dtype for name, (dtype, _) in self.values.items()}, **moments}

    def joined(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        """Rows of several states with the same keys, joined."""
        rows = pl.concat(frames)
        if len(frames) == 1:
            return rows
        ways = [getattr(pl.col(name), way)() for name, (_, way) in self.values.items()]
        if not self.keys:
            return rows.select(*ways)
        return rows.group_by(*self.keys, maintain_order=True).agg(*ways, *map(_moments, self.moments)).pipe(_unnested)


def _moments(name: str) -> pl.Expr:
    n, mean, m2 = (pl.col(f"{name}_{part}") for part in ("n", "mean", "m2"))
    total = n.sum()
    joint = pl.when(total > 0).then((n * mean).sum() / total)
    return pl.struct(
        total.alias(f"{name}_n"),
        joint.alias(f"{name}_mean"),
        (m2.sum() + (n * (mean - joint) ** 2).sum()).alias(f"{name}_m2"),
    ).alias(f"{name}_moments")


def _unnested(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.unnest([column for column in frame.columns if column.endswith("_moments")])


@dataclass(frozen=True)
class Kind:
    """What states of one kind of reduction are made of."""

    name: str
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class State:
    """What one trace, or several, were reduced to. The tables of two states with the same settings can be joined."""

    kind: Kind
    settings: Mapping[str, int | str | None]
    tables: Mapping[str, pl.DataFrame]

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.tables[table]


def merge(states: Iterable[State]) -> State:
    """Joins states of the same kind of reduction with the same settings, in any order.

    Raises:
        ValueError: for states that do not belong together, or none.
    """
    known = list(states)
    if not known:
        raise ValueError("there is no state to merge")
    first = known[0]
    for other in known[1:]:
        if (other.kind.name, other.settings) != (first.kind.name, first.settings):
            raise ValueError(
                f"a state of {first.kind.name} with {dict(first.settings)} does not go together with one of "
                f"{other.kind.name} with {dict(other.settings)}"
            )
    tables = {name: table.joined([state[name] for state in known]) for name, table in first.kind.tables.items()}
    return State(first.kind, first.settings, tables)


def write_state(state: State, path: str | os.PathLike[str]) -> None:
    """Writes a state as one Parquet file: the rows of its tables one below the other, told by a column ``table``."""
    rows = [frame.select(pl.lit(name).alias("table"), *frame.columns) for name, frame in state.tables.items()]
    about = {"version": VERSION, "kind": state.kind.name, "settings": dict(state.settings)}
    pl.concat(rows, how="diagonal").write_parquet(os.fspath(path), metadata={_KEY: json.dumps(about)})


def read_state(path: str | os.PathLike[str], kind: Kind) -> State:
    """Reads what `write_state` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        TraceFormatError: if it is no state, of another kind of reduction, or of another version.
    """
    name = os.fspath(path)
    try:
        about = json.loads(pl.read_parquet_metadata(name)[_KEY])
        rows = pl.read_parquet(name, glob=False)
        found, version, settings = about["kind"], about["version"], about["settings"]
    except (pl.exceptions.PolarsError, KeyError, TypeError, ValueError) as error:
        raise TraceFormatError(f"{name}: no state of an analysis: {error}") from error
    if (found, version) != (kind.name, VERSION):
        raise TraceFormatError(
            f"{name}: a state of {found}, version {version}; wanted is one of {kind.name}, version {VERSION}"
        )
    tables = {
        table: rows.filter(pl.col("table") == table).select(
            pl.col(column).cast(dtype) for column, dtype in columns.schema.items()
        )
        for table, columns in kind.tables.items()
    }
    return State(kind, settings, tables)
