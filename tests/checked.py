"""What holds of every trace, and whether two are the same."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from polars.testing import assert_frame_equal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from irqtrace import Trace


def assert_same_trace(left: Trace, right: Trace) -> None:
    """All frames and all that is known."""
    for frame in ("deltas", "samples", "lines"):
        assert_frame_equal(getattr(left, frame), getattr(right, frame))
    assert_frame_equal(left.frame(), right.frame())
    assert left._meta == right._meta


BASELINE, DELTA, FINAL = range(3)
Event = tuple[int, int, int, int, int]


def conserved(trace: Trace, *, wrapped: bool = False) -> bool:
    """Whether baseline + sum of deltas is the final count, for every cell each time that it was there.

    Modulo 2^32 where one wrapped.
    """
    for _, events in groupby(sorted(_events(trace)), key=lambda event: event[:2]):
        count = 0
        for _, _, _, what, number in events:
            if what == BASELINE and count:
                return False
            if what == FINAL:
                count -= number
                if count % 2**32 if wrapped else count:
                    return False
                count = 0
            else:
                count += number
        if count:
            return False
    return True


def _events(trace: Trace) -> Iterator[Event]:
    """Line, cpu (-1 for none), sample, what and how many; a count of 0 need not be told."""
    for what, name in ((BASELINE, "baselines"), (FINAL, "finals")):
        counts = trace._meta[name]  # type: ignore[literal-required]
        for line, cpu, sample, count in zip(*(counts[key] for key in ("line", "cpu", "sample", "count")), strict=True):
            yield line, -1 if cpu is None else cpu, sample, what, count
    for line, cpu, sample, delta in trace.deltas.select("line", "cpu", "sample", "delta").iter_rows():
        yield line, -1 if cpu is None else cpu, sample, DELTA, delta
