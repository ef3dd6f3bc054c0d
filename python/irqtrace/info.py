"""What a trace knows about itself, as objects that cannot change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .meta import Meta

__all__ = ["Cost", "Group", "Host", "Mark", "TraceInfo", "TraceWarning"]


@dataclass(frozen=True, slots=True)
class Group:
    """What is read together: its reads, and the grid points that were due for it and not read."""

    kind: str
    engine: str
    interval_ns: int
    reads: int
    missed: int


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that was recorded; None where a fact is not known."""

    host: str
    boot: str | None
    kernel: str | None
    arch: str | None
    cpus_online: tuple[int, ...] | None
    cpus_possible: tuple[int, ...] | None
    numa_nodes: dict[str, list[int]] | None
    isolated: tuple[int, ...] | None
    nohz_full: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the sampler's thread itself took. ``sleeps`` is about the number of its own timer interrupts."""

    cpu_ns: int
    wall_ns: int
    reads: int
    sleeps: int
    spins: int


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """The facts of one trace. Times are nanoseconds of UTC, see `Trace` for begin and end.

    Attributes:
        version: of the irqtrace that recorded it.
        interval_ns: the grid's interval.
        t0_ns: the grid's point 0.
        begin_ns: the grid point of the first read; of a part, the first that it is of, which may have been missed.
        end_ns: one interval after the grid point of the last read, or after the last that a part is of. Where there is
            no grid (`irregular`), begin and end are those of the first and the last read.
        groups: what was read together, one each.
        irregular: reads came at times of their own, as those of an imported trace: none was due, and so none is late or
            missed. The interval is then the smallest distance of two of them.
        cost: None for a part of a trace: what sampling a part took is not known.
    """

    version: str
    interval_ns: int
    t0_ns: int
    begin_ns: int
    end_ns: int
    groups: tuple[Group, ...]
    host: Host
    settings: dict[str, Any]
    cost: Cost | None
    irregular: bool = False

    @property
    def duration_ns(self) -> int:
        """From begin to end."""
        return self.end_ns - self.begin_ns

    @property
    def duration(self) -> timedelta:
        """From begin to end, to the microsecond."""
        return timedelta(microseconds=self.duration_ns / 1_000)

    @property
    def begin(self) -> datetime:
        """The grid point of the first read, UTC, to the microsecond."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.begin_ns // 1_000)


@dataclass(frozen=True, slots=True)
class TraceWarning:
    """Something that a person must know and that did not stop the work, added up per type and line.

    ``type`` is one of those in docs/format.md, ``worst`` what that page says for the type.
    """

    type: str
    kind: str | None
    engine: str | None
    line: int | None
    count: int
    first_sample: int
    last_sample: int
    worst: int | None
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class Mark:
    """A named instant."""

    sample: int
    time_ns: int
    text: str


def trace_info(meta: Meta, first_read: int, last_read: int, times: tuple[int, int] | None = None) -> TraceInfo:
    """The facts of a trace whose reads are at the samples ``first_read`` to ``last_read``.

    ``times`` are begin and end of reads without a grid.
    """
    interval_ns, t0_ns = meta["interval_ns"], meta["t0_ns"]
    first, after = meta["span"] or (first_read, last_read + 1)
    host = meta["host"]
    begin_ns, end_ns = times or (t0_ns + first * interval_ns, t0_ns + after * interval_ns)
    return TraceInfo(
        version=meta["irqtrace"],
        interval_ns=interval_ns,
        t0_ns=t0_ns,
        begin_ns=begin_ns,
        end_ns=end_ns,
        groups=tuple(
            Group(group["kind"], group["engine"], group["every"] * interval_ns, group["reads"], group["missed"])
            for group in meta["groups"]
        ),
        host=Host(
            host=host["host"],
            boot=host["boot"],
            kernel=host["kernel"],
            arch=host["arch"],
            cpus_online=_ids(host["cpus_online"]),
            cpus_possible=_ids(host["cpus_possible"]),
            numa_nodes=host["numa_nodes"],
            isolated=_ids(host["isolated"]),
            nohz_full=_ids(host["nohz_full"]),
        ),
        settings=meta["settings"],
        cost=Cost(**meta["cost"]) if meta["cost"]["wall_ns"] else None,
        irregular=meta["irregular"],
    )


def trace_warnings(meta: Meta) -> tuple[TraceWarning, ...]:
    """The warnings of a trace, typed."""
    return tuple(TraceWarning(**warning) for warning in meta["warnings"])


def trace_marks(meta: Meta) -> tuple[Mark, ...]:
    """The marks of a trace, in the order of time."""
    return tuple(Mark(**mark) for mark in meta["marks"])


def _ids(cpus: list[int] | None) -> tuple[int, ...] | None:
    return None if cpus is None else tuple(cpus)
