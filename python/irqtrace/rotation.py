"""When a recording goes on in another file, and how much of it is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from .durations import Duration, positive_ns

__all__ = ["Rotation"]

_UNIT_BYTES = {
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(_UNIT_BYTES)})")

_KEPT_IN = 10
"""A recording of which only the last is kept has so many segments: there is at most so much more on the disk."""


@dataclass(frozen=True)
class Rotation:
    """The segments of a recording; all None is one file."""

    every_ns: int | None = None
    bytes: int | None = None
    keep_ns: int | None = None

    @classmethod
    def checked(cls, rotate: Duration | None, keep: Duration | None) -> Rotation:
        """As a caller gives it.

        Args:
            rotate: a duration or a size, or both with a comma between them: a segment ends after whichever comes first.
            keep: how much of the recording is to stay.

        Raises:
            ValueError: for what is neither.
        """
        every_ns = size = None
        for part in rotate.split(",") if isinstance(rotate, str) else [] if rotate is None else [rotate]:
            if isinstance(part, str) and (found := _SIZE.fullmatch(part.strip())):
                if size is not None:
                    raise ValueError(f"rotate {rotate!r} has two sizes")
                size = int(Decimal(found[1]) * _UNIT_BYTES[found[2]])
                if not 0 < size < 2**63:
                    raise ValueError(f"rotate {part!r} is no size of a file")
            else:
                try:
                    ns = positive_ns(part, "rotate")
                except ValueError as error:
                    raise ValueError(f'{error}; or a size, like "500MB" or "1GiB"') from None
                if every_ns is not None:
                    raise ValueError(f"rotate {rotate!r} has two durations")
                every_ns = ns
        keep_ns = None if keep is None else positive_ns(keep, "keep")
        if keep_ns is not None and rotate is None:
            every_ns = max(keep_ns // _KEPT_IN, 1)
        return cls(every_ns, size, keep_ns)

    @property
    def is_wanted(self) -> bool:
        """Whether a recording is to be in segments from its begin."""
        return self != Rotation()
