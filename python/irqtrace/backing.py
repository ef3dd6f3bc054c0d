"""Where a trace's data is: in the core's memory, in a file, in a recording without its end, in segments."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import polars as pl
import pyarrow as pa

from . import _core, arrow, files, frames, segments
from .gaps import spans_of
from .meta import Meta, parse_meta
from .schema import DELTAS, SAMPLES
from .slicing import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from .joining import Part
    from .trace import Trace

__all__ = ["Backing", "Flat", "Memory", "Segments", "Unfinished"]


class ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class Backing(Protocol):
    """Where a trace's data is."""

    @property
    def meta(self) -> Meta: ...
    @property
    def path(self) -> str | None: ...
    @property
    def paths(self) -> tuple[str, ...]: ...
    def ends(self) -> tuple[int, int]: ...
    def deltas(self) -> pl.DataFrame: ...
    def deltas_stream(self, trace: Trace) -> ArrowStream: ...
    def samples(self) -> pl.DataFrame: ...
    def flat(self) -> pl.LazyFrame: ...
    def whole(self) -> pl.LazyFrame: ...
    def arrow(self) -> pa.Table: ...
    def arrow_stream(self) -> ArrowStream: ...
    def part(self, flat: pl.LazyFrame, meta: Meta) -> Backing: ...
    def around(self, first: int, after: int) -> tuple[pl.LazyFrame, Meta]:
        """A table and its description in which these samples are whole."""
        ...

    def runs(self) -> list[Backing]:
        """Itself, in parts that have no gap in them."""
        ...


class Memory:
    """In the core's own buffers, which its frames share."""

    path = None
    paths = ()

    def __init__(self, core: _core.Trace) -> None:
        self._core = core

    def __reduce__(self) -> tuple[Callable[[pa.Table, Meta], Flat], tuple[pa.Table, Meta]]:
        # The core's buffers are not to be copied: elsewhere the trace is its flat table.
        return _of_table, (self.arrow(), self.meta)

    @cached_property
    def meta(self) -> Meta:
        return parse_meta(self._core.meta, "the trace in memory")

    def ends(self) -> tuple[int, int]:
        samples = self.samples()["sample"]
        return _ends(samples.head(1), samples.tail(1))

    def deltas(self) -> pl.DataFrame:
        return pl.DataFrame(self._core).cast(pl.Schema(DELTAS))

    def deltas_stream(self, trace: Trace) -> ArrowStream:  # noqa: ARG002 - the core's own needs no frame
        return self._core

    def samples(self) -> pl.DataFrame:
        return pl.DataFrame(self._core.samples()).cast(pl.Schema(SAMPLES))

    def flat(self) -> pl.LazyFrame:
        return frames.flat_types(pl.DataFrame(self._core.flat()).lazy())

    def whole(self) -> pl.LazyFrame:
        return self.flat()

    def arrow(self) -> pa.Table:
        return pa.table(self._core.flat())

    def arrow_stream(self) -> ArrowStream:
        return self._core.flat()

    def part(self, flat: pl.LazyFrame, meta: Meta) -> Backing:
        return Flat(flat, meta, None)

    def around(self, first: int, after: int) -> tuple[pl.LazyFrame, Meta]:  # noqa: ARG002 - all is there
        return self.flat(), self.meta

    def runs(self) -> list[Backing]:
        return [self]


class OfTable(ABC):
    """A flat table that is read when it is asked for."""

    meta: Meta
    path: str | None

    @cached_property
    @abstractmethod
    def table(self) -> pl.LazyFrame:
        """The rows, of which some may be asked for."""

    @cached_property
    @abstractmethod
    def whole_table(self) -> pl.LazyFrame:
        """The rows, all of which are asked for."""

    def ends(self) -> tuple[int, int]:
        sample = self.table.select("sample")
        with files.reading(self.path):
            # Each by itself: together they would read the whole column.
            first, last = sample.head(1).collect(), sample.tail(1).collect()
        return _ends(first["sample"], last["sample"])

    def deltas(self) -> pl.DataFrame:
        with files.reading(self.path):
            return frames.deltas(self.whole_table, self.meta).collect()

    def deltas_stream(self, trace: Trace) -> ArrowStream:
        return trace.deltas

    def samples(self) -> pl.DataFrame:
        return files.collect(frames.samples(self.table, self.meta), self.path)

    def flat(self) -> pl.LazyFrame:
        return self.table

    def whole(self) -> pl.LazyFrame:
        return self.whole_table

    def arrow(self) -> pa.Table:
        with files.reading(self.path):
            return arrow.flat_table(self.whole_table)

    def arrow_stream(self) -> ArrowStream:
        reader: ArrowStream = arrow.flat_reader(self.whole_table)
        return reader


@dataclass(frozen=True)
class Flat(OfTable):
    """A file, or a part of one."""

    unchecked: pl.LazyFrame
    meta: Meta
    path: str | None
    checked: bool = False
    """Whether its rows are known to be what was written, or there is nothing to know it by."""
    file: str | None = None
    """The path from the root, whatever the working folder has become."""

    def __post_init__(self) -> None:
        if self.path is not None and self.file is None:
            object.__setattr__(self, "file", os.path.abspath(self.path))  # noqa: PTH100 - names of any kind

    def check(self, *, everything: bool) -> None:
        """Sees to it that no damage is taken for numbers, see `files.check`."""
        if self.file is not None:
            files.check(self.file, everything=everything)

    @cached_property
    def table(self) -> pl.LazyFrame:
        """The rows, of which some may be asked for."""
        if not self.checked:
            self.check(everything=False)
        return self.unchecked

    @cached_property
    def whole_table(self) -> pl.LazyFrame:
        """The rows, all of which are asked for."""
        if not self.checked:
            self.check(everything=True)
        return self.unchecked

    @property
    def paths(self) -> tuple[str, ...]:
        return () if self.path is None else (self.path,)

    def __reduce__(self) -> tuple[object, ...]:
        if self.path is not None:
            return Flat, (self.unchecked, self.meta, self.path, self.checked, self.file)
        # The plan of a part in memory holds all of the whole.
        return _of_table, (self.arrow(), self.meta)

    def part(self, flat: pl.LazyFrame, meta: Meta) -> Backing:
        return replace(self, unchecked=flat, meta=meta, checked=True)

    def around(self, first: int, after: int) -> tuple[pl.LazyFrame, Meta]:  # noqa: ARG002 - a file is one
        return self.table, self.meta

    def runs(self) -> list[Backing]:
        spans = spans_of(self.meta, self.ends)
        # What lies in a gap as a whole has nothing in it, and is one.
        if len(spans) < 2:  # noqa: PLR2004
            return [self]
        with files.reading(self.path):
            return [self.part(*cut(self.table, self.meta, low, after)) for low, after in spans]


@dataclass(frozen=True)
class Passing(Flat):
    """A part of files that may be removed, which it keeps open."""

    def __reduce__(self) -> tuple[object, ...]:
        return _of_table, (self.arrow(), self.meta)


@dataclass(frozen=True)
class Unfinished(Passing):
    """A recording up to the flush that was its last when it was opened."""

    recording: _core.Unfinished = field(kw_only=True)

    paths = ()

    def check(self, *, everything: bool) -> None:
        self.recording.check(None if everything else files.AT_ONCE_BYTES)


@dataclass(frozen=True)
class Segments(OfTable):
    """The segments of a recording: what is asked of a part, or of the ends, is read from those that it lies in."""

    series: segments.Series

    @property
    def meta(self) -> Meta:  # type: ignore[override] # not to be set
        return self.series.whole.meta

    @property
    def path(self) -> str:  # type: ignore[override] # as above
        return self.series.name

    @property
    def paths(self) -> tuple[str, ...]:
        return self.series.paths

    @cached_property
    def table(self) -> pl.LazyFrame:
        self.series.check(everything=False)
        return self.series.whole.table

    @cached_property
    def whole_table(self) -> pl.LazyFrame:
        self.series.check(everything=True)
        return self.series.whole.table

    def __reduce__(self) -> tuple[object, ...]:
        if not self.series.lasts:
            # What it is read from goes on.
            return _of_table, (self.arrow(), self.meta)
        return Segments, (self.series,)

    def ends(self) -> tuple[int, int]:
        first = next((first for first, last in map(_ends_of, self.series.parts) if last >= first), 0)
        return first, next((last for first, last in map(_ends_of, reversed(self.series.parts)) if last >= first), -1)

    def part(self, flat: pl.LazyFrame, meta: Meta) -> Backing:
        if self.series.tail is not None:
            return Unfinished(flat, meta, self.path, checked=True, recording=self.series.tail)
        if not self.series.lasts:
            return Passing(flat, meta, self.path, checked=True)
        return Flat(flat, meta, self.path, checked=True)

    def around(self, first: int, after: int) -> tuple[pl.LazyFrame, Meta]:
        around = self.series.around(first, after)
        return around.table, around.meta

    def runs(self) -> list[Backing]:
        self.series.check(everything=False)
        return [self.part(run.table, run.meta) for run in self.series.runs]


def _ends_of(part: Part) -> tuple[int, int]:
    part.check(everything=False)
    return Flat(part.table, part.meta, part.path, checked=True).ends()


def _of_table(table: pa.Table, meta: Meta) -> Flat:
    return Flat(frames.flat_types(pl.DataFrame(table).lazy()), meta, None)


def _ends(first: pl.Series, last: pl.Series) -> tuple[int, int]:
    """The first and last sample of a trace; of one without a read, such that it has no length."""
    return (first.item(), last.item()) if len(first) else (0, -1)
