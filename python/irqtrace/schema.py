"""Kinds, engines and column types: what every frame of the library agrees on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ENGINES", "KINDS", "Engine", "Kind"]

Kind = Literal["irq", "arch", "softirq"]

KINDS: tuple[Kind, ...] = ("irq", "arch", "softirq")
"""What a counter counts, in the order of rows."""

Engine = Literal["proc", "sysfs", "bpf", "replay"]

ENGINES: tuple[Engine, ...] = ("proc", "sysfs", "bpf", "replay")
"""Where counts come from, in the order of rows."""

KIND = pl.Enum(KINDS)
ENGINE = pl.Enum(ENGINES)
LABEL = pl.Categorical()
TIME = pl.Datetime("ns", "UTC")

FLAT: dict[str, Any] = {
    "sample": pl.Int64(),
    "time": TIME,
    "read_ns": pl.UInt32(),
    "engine": ENGINE,
    "kind": KIND,
    "irq": LABEL,
    "name": LABEL,
    "cpu": pl.UInt16(),
    "delta": pl.Int64(),
    "host": LABEL,
    "boot": LABEL,
}
"""The flat table, as Polars types."""


def _enumeration(name: str, values: Sequence[str]) -> pa.Field:
    """A dictionary of which all values are known: Polars reads their list from the metadata, and makes an Enum."""
    known = "".join(f"{len(value)};{value}" for value in values)
    return pa.field(name, pa.dictionary(pa.int8(), pa.string()), nullable=False, metadata={"_PL_ENUM_VALUES": known})


FLAT_ARROW = pa.schema(
    [
        pa.field("sample", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("ns", "UTC"), nullable=False),
        pa.field("read_ns", pa.uint32(), nullable=False),
        _enumeration("engine", ENGINES),
        _enumeration("kind", KINDS),
        pa.field("irq", pa.dictionary(pa.int32(), pa.string())),
        pa.field("name", pa.dictionary(pa.int32(), pa.string())),
        pa.field("cpu", pa.uint16()),
        pa.field("delta", pa.int64(), nullable=False),
        pa.field("host", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("boot", pa.dictionary(pa.int8(), pa.string())),
    ]
)
"""The flat table, as it stands in a file: docs/format.md."""

DELTAS: dict[str, Any] = {
    "sample": pl.Int64(),
    "time": TIME,
    "read_ns": pl.UInt32(),
    "line": pl.UInt32(),
    "cpu": pl.UInt16(),
    "delta": pl.Int64(),
}

SAMPLES: dict[str, Any] = {
    "sample": pl.Int64(),
    "time": TIME,
    "read_ns": pl.UInt32(),
    "kind": KIND,
    "engine": ENGINE,
    "late_ns": pl.Int64(),
}

LINES: dict[str, Any] = {
    "line": pl.UInt32(),
    "kind": KIND,
    "engine": ENGINE,
    "irq": LABEL,
    "name": LABEL,
    "number": pl.UInt32(),
    "chip": pl.String(),
    "hwirq": pl.UInt64(),
    "trigger": pl.String(),
    "actions": pl.List(pl.String()),
    "first_sample": pl.Int64(),
    "last_sample": pl.Int64(),
}
