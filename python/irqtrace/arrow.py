"""The flat table in Arrow, in exactly the types of docs/format.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from .schema import FLAT_ARROW

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["flat_reader", "flat_table"]


def flat_table(flat: pl.LazyFrame) -> pa.Table:
    """The whole table in memory."""
    return pa.Table.from_batches(_batches(flat.collect()), schema=FLAT_ARROW).unify_dictionaries()


def flat_reader(flat: pl.LazyFrame) -> pa.RecordBatchReader:
    """The table as a stream of batches, in bounded memory."""
    batches = (batch for chunk in flat.collect_batches(maintain_order=True) for batch in _batches(chunk))
    return pa.RecordBatchReader.from_batches(FLAT_ARROW, batches)


def _batches(frame: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    for batch in frame.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches():
        columns = [_to_type(batch.column(field.name), field.type) for field in FLAT_ARROW]
        yield pa.RecordBatch.from_arrays(columns, schema=FLAT_ARROW)


def _to_type(array: pa.Array, dtype: pa.DataType) -> pa.Array:
    if not isinstance(array, pa.DictionaryArray):
        return array.cast(dtype)
    # A direct cast between dictionary types would go through plain strings, a row at a time.
    values = array.dictionary.cast(dtype.value_type)
    return pa.DictionaryArray.from_arrays(array.indices.cast(dtype.index_type), values)
