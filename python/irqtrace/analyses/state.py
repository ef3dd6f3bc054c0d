"""States: what a trace is reduced to, so small that a fleet can send it, and so made that states can be joined.

A state is a few named tables. Each has key columns, by which rows of several states are joined, and value columns, each
with its own way of joining: sums, least and greatest values, or moments by the formula of Chan, Golub and LeVeque
(1983). Joining is associative and commutative, and exact for whole numbers.

Names are kept once: a table whose rows have a number is what the others refer to by that number, so that rows of counts
are numbers alone. Rows are numbered in the order of their keys, so the same rows have the same numbers in any state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NUMBER", "VERSION", "Kind", "State", "Table", "Values", "expect", "kind_named", "merge", "state_of"]

VERSION = 5
"""Of the tables. States of different versions are not joined."""

NUMBER = pl.UInt32()
"""The type of the numbers of rows."""

Way = Literal["sum", "min", "max"]

Values = dict[str, tuple[pl.DataType, Way]]
"""Value columns, with their types and how they are joined."""

Settings = Mapping[str, int | str | None]


@dataclass(frozen=True)
class Table:
    """The columns of one table of a state.

    ``moments`` names triples of columns NAME_n (weight), NAME_mean, NAME_m2 (sum of squared deviations from the mean).
    ``number`` is the column with the rows' numbers; key columns of that name in later tables refer to them.
    """

    keys: dict[str, pl.DataType]
    values: Values = field(default_factory=dict)
    moments: tuple[str, ...] = ()
    number: str | None = None

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column names and types, in order."""
        number: dict[str, pl.DataType] = {self.number: NUMBER} if self.number else {}
        moments: dict[str, pl.DataType] = {}
        for name in self.moments:
            moments |= {f"{name}_n": pl.Int64(), f"{name}_mean": pl.Float64(), f"{name}_m2": pl.Float64()}
        return {**number, **self.keys, **{name: dtype for name, (dtype, _) in self.values.items()}, **moments}

    def joined(self, frames: list[pl.DataFrame], *, distinct: bool = True) -> pl.DataFrame:
        """Rows of several states with the same keys, joined. ``distinct``: no two of one frame have the same."""
        rows = pl.concat(frames)
        if len(frames) == 1 and distinct:
            return rows
        ways = [getattr(pl.col(name), way)() for name, (_, way) in self.values.items()]
        if not self.keys:
            return rows.select(*ways)
        # Sums of fractions depend on the order of what is added up.
        ordered = bool(self.moments) or any(dtype == pl.Float64() for dtype, _ in self.values.values())
        return (
            rows.group_by(*self.keys, maintain_order=ordered).agg(*ways, *map(_moments, self.moments)).pipe(_unnested)
        )


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
    check: Callable[[Mapping[str, pl.DataFrame]], None] = lambda _: None
    """Raises ValueError for joined tables that do not go together."""

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
    settings: Settings
    tables: Mapping[str, pl.DataFrame]

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.tables[table]


def expect(state: object, kind: Kind) -> None:
    """Checks what is to be finished.

    Raises:
        TypeError: for what is no state.
        ValueError: for a state of another kind.
    """
    if not isinstance(state, State):
        raise TypeError(f"this takes a state, which `reduce` makes of a trace, and not a {type(state).__name__}")
    if state.kind.name != kind.name:
        raise ValueError(
            f"this is a state of {state.kind.name!r} and not of {kind.name!r}: the analysis that made it finishes it"
        )


def state_of(kind: Kind, settings: Settings, tables: Mapping[str, pl.DataFrame]) -> State:
    """The state of tables of which the numbers are any, and which have the columns in any order and of any type."""
    typed = {
        name: tables[name].select(pl.col(column).cast(dtype) for column, dtype in table.schema.items())
        for name, table in kind.tables.items()
    }
    return State(kind, settings, _joined(kind, [typed]))


def merge(states: Iterable[State]) -> State:
    """Joins states of the same kind of reduction with the same settings, in any order.

    Raises:
        ValueError: for states that do not belong together, or none.
    """
    known = list(states)
    if not known:
        raise ValueError("there is no state to merge")
    first = known[0]
    for state in known:
        if not isinstance(state, State):
            raise TypeError(f"merge joins states, which `reduce` makes of traces, and not a {type(state).__name__}")
    for other in known[1:]:
        if (other.kind.name, other.settings) != (first.kind.name, first.settings):
            raise ValueError(
                f"a state of {first.kind.name} with {dict(first.settings)} does not go together with one of "
                f"{other.kind.name} with {dict(other.settings)}"
            )
    if len(known) == 1:
        return first
    tables = _joined(first.kind, [state.tables for state in known])
    first.kind.check(tables)
    return State(first.kind, first.settings, tables)


def _joined(kind: Kind, parts: list[Mapping[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """The tables of all parts joined, their rows numbered anew."""
    tables: dict[str, pl.DataFrame] = {}
    # Of each number, and each part: what its own numbers are in all.
    numbers: dict[str, list[pl.Series]] = {}
    distinct = True
    for name, table in kind.tables.items():
        frames = [_renumbered(part[name], table, numbers, at) for at, part in enumerate(parts)]
        if table.number is None:
            tables[name] = table.joined(frames, distinct=distinct)
            continue
        joint = table.joined(frames, distinct=False).sort(*table.keys).with_row_index(table.number)
        tables[name] = joint.select(pl.col(column).cast(dtype) for column, dtype in table.schema.items())
        numbers[table.number] = [_numbers(frame, tables[name], table) for frame in frames]
        distinct &= all(series.drop_nulls().is_unique().all() for series in numbers[table.number])
    return tables


def _numbers(frame: pl.DataFrame, joint: pl.DataFrame, table: Table) -> pl.Series:
    """The joint numbers of a part's rows, at the places of their own numbers."""
    number = str(table.number)
    keys = list(table.keys)
    known = frame.select(*keys, own=number).join(joint.select(*keys, number), on=keys, nulls_equal=True)
    places = pl.DataFrame({"own": range(1 + max(frame[number], default=-1))}, schema={"own": NUMBER})
    return places.join(known, on="own", how="left", maintain_order="left")[number]


def _renumbered(frame: pl.DataFrame, table: Table, numbers: Mapping[str, list[pl.Series]], at: int) -> pl.DataFrame:
    new = {column: numbers[column][at] for column in table.keys if column in numbers}
    # Mostly numbers are as they are to be.
    others = {column: to for column, to in new.items() if not (to == pl.int_range(len(to), eager=True)).all()}
    return frame.with_columns(to.gather(frame[column]).alias(column) for column, to in others.items())
