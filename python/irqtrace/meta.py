"""What a trace knows about itself: the JSON object of docs/format.md, as typed dictionaries."""

from __future__ import annotations

import json
from typing import Any, TypedDict, cast

from .errors import TraceFormatError

__all__ = ["SCHEMA", "Meta", "parse_meta"]

SCHEMA = 1
"""The newest version of the format that this library reads, and the one that it writes."""


class GroupMeta(TypedDict):
    """What is read together."""

    kind: str
    engine: str
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
    kind: str
    engine: str
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

    kind: str
    engine: str
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
    kind: str | None
    engine: str | None
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
    interval_ns: int
    t0_ns: int
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


def parse_meta(text: str | bytes, path: str) -> Meta:
    """The object of a trace file, checked as far as to know that this version can read it.

    Raises:
        TraceFormatError: if it is damaged or newer, with the path.
    """
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise TraceFormatError(f"{path}: the trace's description is damaged: {error}") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("schema"), int):
        raise TraceFormatError(f"{path}: the trace's description is damaged: it names no schema version")
    if meta["schema"] > SCHEMA:
        raise TraceFormatError(
            f"{path}: written with schema {meta['schema']} by irqtrace {meta.get('irqtrace', '?')}; this version reads "
            f"up to schema {SCHEMA}: a newer irqtrace opens it"
        )
    missing = Meta.__required_keys__ - meta.keys()
    if missing:
        raise TraceFormatError(f"{path}: the trace's description is damaged: it lacks {', '.join(sorted(missing))}")
    return cast("Meta", meta)
