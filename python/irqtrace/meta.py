"""What a trace knows about itself: the JSON object of docs/format.md, as typed dictionaries."""

from __future__ import annotations

import json
from functools import cache
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypedDict,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from .errors import TraceFormatError
from .schema import Engine, Kind  # noqa: TC001 - the check of a file looks at what the types say

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SCHEMA", "Meta", "parse_meta"]

SCHEMA = 2
"""The newest version of the format that this library reads, and the one that it writes."""

_OLDEST = SCHEMA - 1


class GroupMeta(TypedDict):
    """What is read together."""

    kind: Kind
    engine: Engine
    every: int
    reads: int
    missed: int


class HostMeta(TypedDict):
    """The machine."""

    host: str
    boot: str | None
    kernel: str | None
    arch: str | None
    cpus_online: list[int] | None
    cpus_possible: list[int] | None
    numa_nodes: dict[str, list[int]] | None
    isolated: list[int] | None
    nohz_full: list[int] | None


class LineMeta(TypedDict):
    """A counter row; ``last_sample`` is None while it is present."""

    line: int
    kind: Kind
    engine: Engine
    irq: str
    name: str
    number: int | None
    chip: str | None
    hwirq: int | None
    trigger: str | None
    actions: list[str]
    first_sample: int
    last_sample: int | None


class CountsMeta(TypedDict):
    """Direct counts, as columns."""

    line: list[int]
    cpu: list[int | None]
    sample: list[int]
    count: list[int]


class PreviousMeta(TypedDict):
    """The last read of a group before this trace."""

    kind: Kind
    engine: Engine
    sample: int
    time_ns: int
    read_ns: int


class CostMeta(TypedDict):
    """What the sampler itself took."""

    cpu_ns: int
    wall_ns: int
    reads: int
    sleeps: int
    spins: int


class WarningMeta(TypedDict):
    """Something that a person must know, added up."""

    type: str
    kind: Kind | None
    engine: Engine | None
    line: int | None
    count: int
    first_sample: int
    last_sample: int
    worst: int | None
    message: str


class MarkMeta(TypedDict):
    """A named instant."""

    sample: int
    time_ns: int
    text: str


class Meta(TypedDict):
    """The whole object."""

    schema: int
    irqtrace: str
    recording: str | None
    segment: int | None
    interval_ns: int
    irregular: bool
    t0_ns: int
    span: list[int] | None
    groups: list[GroupMeta]
    anchors: list[dict[str, int]]
    host: HostMeta
    lines: list[LineMeta]
    baselines: CountsMeta
    finals: CountsMeta
    previous: list[PreviousMeta]
    settings: dict[str, Any]
    cost: CostMeta
    warnings: list[WarningMeta]
    marks: list[MarkMeta]


_SINCE_OLDEST = {"recording": None, "segment": None, "irregular": False}
"""What a description of the version before does not have, with the values that stand for that."""


def parse_meta(text: str | bytes, path: str) -> Meta:
    """The object of a trace file, checked as far as to know that this version can read it.

    Raises:
        TraceFormatError: if it is damaged or newer, with the path.
    """
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise TraceFormatError(f"{path}: the trace's description is damaged: {error}") from error
    meta = _of_this_version(meta, path)
    missing = Meta.__required_keys__ - meta.keys()
    if missing:
        raise TraceFormatError(f"{path}: the trace's description is damaged: it lacks {', '.join(sorted(missing))}")
    if (wrong := _misfit(meta, Meta, "")) is not None:
        raise TraceFormatError(
            f"{path}: the trace's description is damaged: {wrong.lstrip('.')} is not what it should be"
        )
    for key in ("baselines", "finals"):
        if len(set(map(len, meta[key].values()))) != 1:
            raise TraceFormatError(f"{path}: the trace's description is damaged: the columns of {key} differ in length")
    if meta["interval_ns"] <= 0:
        raise TraceFormatError(f"{path}: the trace's description is damaged: interval_ns is not above zero")
    return cast("Meta", meta)


def _of_this_version(meta: object, path: str) -> dict[str, Any]:
    """A description with all that came since the version that it has."""
    if not isinstance(meta, dict) or not isinstance(meta.get("schema"), int):
        raise TraceFormatError(f"{path}: the trace's description is damaged: it names no schema version")
    if meta["schema"] > SCHEMA:
        raise TraceFormatError(
            f"{path}: written with schema {meta['schema']} by irqtrace {meta.get('irqtrace', '?')}; this version reads "
            f"up to schema {SCHEMA}: a newer irqtrace opens it"
        )
    if meta["schema"] < _OLDEST:
        raise TraceFormatError(
            f"{path}: written with schema {meta['schema']} by irqtrace {meta.get('irqtrace', '?')}; this version reads "
            f"schema {_OLDEST} and {SCHEMA}: an older irqtrace opens it, and writes it anew"
        )
    if meta["schema"] == _OLDEST:
        meta = {**_SINCE_OLDEST, **meta, "schema": SCHEMA}
    return meta


def _misfit(value: object, hint: Any, where: str) -> str | None:  # noqa: ANN401, PLR0911 - a type of typing
    """Where a JSON value has not the type that it should have: ``.lines[3].irq``; None if it has."""
    if hint is Any:
        return None
    if is_typeddict(hint):
        if not isinstance(value, dict):
            return where
        inner = ((key, part, f"{where}.{key}") for key, part in _hints(hint).items())
        return _first(where_ if key not in value else _misfit(value[key], part, where_) for key, part, where_ in inner)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return None if value in arguments else where
    if origin is list:
        if not isinstance(value, list):
            return where
        return _first(_misfit(item, arguments[0], f"{where}[{n}]") for n, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            return where
        return _first(_misfit(item, arguments[1], f"{where}.{key}") for key, item in value.items())
    if origin in {Union, UnionType}:
        found = [_misfit(value, part, where) for part in arguments]
        return None if None in found else max(map(str, found), key=len)
    return None if type(value) is hint else where


def _first(found: Iterable[str | None]) -> str | None:
    return next((where for where in found if where is not None), None)


@cache
def _hints(typed_dict: type) -> dict[str, Any]:
    return get_type_hints(typed_dict)
