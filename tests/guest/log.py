"""What was done to the guest, and what plain reads saw meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from .plain import Clocks, Look

__all__ = ["Event", "Log"]


class Event(TypedDict):
    """Something that was done, when (nanoseconds of CLOCK_MONOTONIC), and the clocks around it."""

    what: str
    cpu: int | None
    begin: int
    end: int
    before: Clocks
    after: NotRequired[Clocks]


class Log(TypedDict):
    """All of it, in the order of time."""

    cpus: int
    looks: list[Look]
    events: list[Event]
