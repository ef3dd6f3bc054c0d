"""States: what a trace is reduced to, so small that a fleet can send it, and so made that states can be joined.

A state is a few named tables. Each has key columns, by which rows of several states are joined, and value columns, each
with its own way of joining: sums, least and greatest values, or moments by the formula of Chan, Golub and LeVeque
(1983). Joining is associative and commutative, and exact for whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["VERSION", "Kind", "State", "Table", "kind_named", "merge"]

VERSION = 1
"""Of the tables. States of different versions are not joined."""

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

    def __post_init__(self) -> None:
        _KINDS[self.name] = self

    def __reduce__(self) -> tuple[object, ...]:
        return kind_named, (self.name,)


_KINDS: dict[str, Kind] = {}


def kind_named(name: str) -> Kind:
    """The kind of a state that was stored or sent.

    Raises:
        ValueError: if this version knows none of that name.
    """
    import_module("irqtrace.names")
    if name not in _KINDS:
        raise ValueError(f"it is a state of {name!r}; known are {', '.join(sorted(_KINDS))}")
    return _KINDS[name]


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
