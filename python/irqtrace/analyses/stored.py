"""States as files and as bytes: the rows of all tables one below the other, told apart by a column ``table``."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import polars as pl

from irqtrace.errors import TraceFormatError

from .state import VERSION, State, kind_named

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["pack", "read_state", "unpack", "write_state"]

_KEY = "irqtrace-state"


def write_state(state: State, path: str | os.PathLike[str]) -> None:
    """Writes a state as one small Parquet file."""
    _stacked(state).write_parquet(os.fspath(path), metadata={_KEY: json.dumps(_about(state))})


def read_state(path: str | os.PathLike[str]) -> State:
    """Reads what `write_state` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        TraceFormatError: if it is no state, or one of another version.
    """
    name = os.fspath(path)
    try:
        about = json.loads(pl.read_parquet_metadata(name)[_KEY])
        return _state(about, pl.read_parquet(name, glob=False))
    except (pl.exceptions.PolarsError, KeyError, TypeError, ValueError) as error:
        raise TraceFormatError(f"{name}: no state of an analysis that this version reads: {error}") from error


def pack(state: State) -> bytes:
    """A state as bytes: a line of JSON that describes it, and Arrow IPC. No engine that carries them looks inside."""
    rows = io.BytesIO()
    _stacked(state).write_ipc(rows, compression="zstd")
    return json.dumps(_about(state)).encode() + b"\n" + rows.getvalue()


def unpack(data: bytes) -> State:
    """The state of `pack`.

    Raises:
        TraceFormatError: if the bytes are none.
    """
    about, _, rows = data.partition(b"\n")
    try:
        return _state(json.loads(about), pl.read_ipc(io.BytesIO(rows)))
    except (pl.exceptions.PolarsError, OSError, KeyError, TypeError, ValueError) as error:
        raise TraceFormatError(f"no state of an analysis that this version reads: {error}") from error


def _about(state: State) -> dict[str, Any]:
    return {"version": VERSION, "kind": state.kind.name, "settings": dict(state.settings)}


def _stacked(state: State) -> pl.DataFrame:
    rows = [frame.select(pl.lit(name).alias("table"), *frame.columns) for name, frame in state.tables.items()]
    return pl.concat(rows, how="diagonal")


def _state(about: Mapping[str, Any], rows: pl.DataFrame) -> State:
    if about["version"] != VERSION:
        raise ValueError(f"it has version {about['version']}, and this irqtrace reads {VERSION}")
    kind = kind_named(about["kind"])
    tables = {
        name: rows.filter(pl.col("table") == name).select(
            pl.col(column).cast(dtype) for column, dtype in table.schema.items()
        )
        for name, table in kind.tables.items()
    }
    return State(kind, about["settings"], tables)
