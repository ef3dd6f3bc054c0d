"""When the growth came that each read of a stretch saw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Read", "Times"]


SPARSE = 8
"""Of so many samples one is read: of fewer, a read is looked for and not its place kept for each sample."""

POINTS = 1 << 29
"""At most of a stretch: the ladder looks at each of them, be it read or not, in two bytes."""


class Read(NamedTuple):
    """A read that others follow."""

    sample: int
    begin: int
    end: int
    """UTC ns, as the begin."""


@dataclass(frozen=True)
class Times:
    """The reads of a group that follow one another: sample, and begin and end in UTC ns."""

    sample: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    before: Read | None
    """The read before them, where it is known."""
    every: int
    """Of how many samples the group is due at one."""

    def __post_init__(self) -> None:
        if (self.last - self.base) // self.every >= POINTS:
            raise ValueError(
                f"samples {self.base:,} and {self.last:,} are too far apart, as jitter looks at every point in "
                "between: is one of them wrong?"
            )

    @property
    def first(self) -> int:
        """The sample of the first read."""
        return int(self.sample[0])

    @property
    def last(self) -> int:
        """The sample of the last read."""
        return int(self.sample[-1])

    @property
    def base(self) -> int:
        """The sample from which on growth is known."""
        return self.first if self.before is None else self.before.sample

    @property
    def point(self) -> NDArray[np.int64]:
        """The points of the grid that the reads are of; what came ahead of its time belongs to the point to come."""
        return -(-self.sample // self.every)

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """Of each read: between which middles its growth came, the longest time that can be, and its point.

        Of shape (reads, 4). Of the first without one before it nothing is known but the point.
        """
        before = self.before or Read(self.first, int(self.begin[0]), int(self.end[0]))
        begin = np.append(before.begin, self.begin)
        middle = (begin + np.append(before.end, self.end)) // 2
        # A row lies together: what is taken for an event is one look at memory.
        return np.stack([middle[:-1], middle[1:], self.end - begin[:-1], self.point], axis=1)

    @cached_property
    def _places(self) -> NDArray[np.int32]:
        """By sample."""
        places = np.zeros(self.last - self.first + 1, np.int32)
        places[self.sample - self.first] = np.arange(len(self.sample), dtype=np.int32)
        return places

    def place_of(self, sample: NDArray[np.int64]) -> NDArray[np.int64]:
        """The places of the reads of these samples."""
        samples = self.last - self.first + 1
        if samples == len(self.sample):
            return sample - self.first
        if samples > SPARSE * len(self.sample):
            return self.sample.searchsorted(sample)
        return self._places[sample - self.first].astype(np.int64)
