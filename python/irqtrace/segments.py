"""A recording in segments: its files, opened as one trace."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from . import files, unfinished
from .belonging import ChangedError, TraceFile, by_recording, gaps_between, several
from .errors import IrqtraceError, TraceFormatError
from .gaps import joined_across
from .joining import MISSING, previous_samples
from .listing import is_empty, listed, series_name, series_names, shown
from .meta import parse_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from . import _core
    from .gaps import Gap
    from .joining import Part

__all__ = ["Series", "found", "of_files", "of_name"]

T = TypeVar("T")

TRIES = 20
"""How often files are listed: a recorder renames and removes some meanwhile."""


@dataclass(frozen=True)
class Series:
    """The segments of one recording, in their order."""

    name: str
    parts: tuple[Part, ...]
    gaps: tuple[Gap | None, ...]
    """What is missing before each part but the first; None where it follows the one before."""
    whole: Part
    runs: tuple[Part, ...]
    """The whole as traces without a gap."""
    notes: tuple[str, ...]
    """What whoever opens it must know."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Those of complete files."""
        return tuple(part.path for part in self.parts if part.unfinished is None)

    @property
    def tail(self) -> _core.Unfinished | None:
        """The last segment, where that is without its end."""
        return self.parts[-1].unfinished

    def check(self, *, everything: bool) -> None:
        """Checks that its files are what was written, unless they are long and not ``everything`` is to be read."""
        complete = [part.file for part in self.parts if part.unfinished is None]
        if everything or sum(map(os.path.getsize, complete)) <= files.AT_ONCE_BYTES:
            for part in self.parts:
                part.check(everything=everything)

    def around(self, first: int, after: int) -> Part:
        """The whole of those segments that reach into these samples."""
        begins = [part.meta["span"][0] for part in self.parts[1:] if part.meta["span"]]
        low = sum(begin <= first for begin in begins)
        high = max(sum(begin < after for begin in begins), low)
        # What the first of them goes on from may be a read in a gap, of which nothing is claimed.
        run = max((at for at in range(1, low + 1) if self.gaps[at - 1] is not None), default=0)
        begin = (self.parts[run].meta["span"] or [0])[0]
        if any(sample < begin for sample in previous_samples(self.parts[low].meta).values()):
            low = run
        follows_gap = low > 0 and self.gaps[low - 1] is not None
        for part in self.parts[low : high + 1]:
            part.check(everything=False)
        return _assembled(self.parts[low : high + 1], self.gaps[low:high], anew=follows_gap)[0]


def found(name: str, *, newest: bool = False) -> Series | str:
    """The segments in a folder or of a pattern; or the path of the file, if there is but one trace.

    ``newest``: of several recordings that which began last is taken.

    Raises:
        FileNotFoundError: if there is none.
        TraceFormatError: if they are no segments of one recording, or do not go together; it says why.
    """
    return _settled(name, lambda: _series_or_file(name, listed(name), newest=newest))


def of_name(name: str, *, newest: bool = False) -> Series | None:
    """The segments of a recording that was given this name; None if there are none.

    ``newest``: of several recordings that which began last is taken.

    Raises:
        TraceFormatError: if they do not go together; it says why.
    """

    def look() -> Series | None:
        names = series_names(name)
        return _series(name, *_opened(names), newest=newest) if names else None

    return _settled(name, look)


def of_files(names: Sequence[str]) -> list[Series | str]:
    """The recordings whose segments these files are; a file that is none stands for itself.

    Raises:
        FileNotFoundError: if one of them is gone.
        TraceFormatError: if they do not go together; it says why.
    """
    try:
        opened, problems = _opened(names)
        recordings = [of_one for of_one in by_recording(opened) if any(file.meta["segment"] for file in of_one)]
        if not recordings:
            return list(names)
        series = [_series(series_name(names[0]), of_one, problems) for of_one in recordings]
    except ChangedError as changed:
        raise FileNotFoundError(errno.ENOENT, "came or went while it was opened", str(changed)) from None
    others = [file.path for file in opened if not any(file in of_one for of_one in recordings)]
    return [*(one for one in series if one is not None), *others]


def _settled(name: str, look: Callable[[], T]) -> T:
    """What is there, once nothing comes or goes while it is looked at."""
    for _ in range(TRIES):
        try:
            return look()
        except ChangedError:
            continue
    raise OSError(errno.EAGAIN, "its files come and go faster than they can be opened; try again", name)


def _series_or_file(name: str, names: list[str], *, newest: bool) -> Series | str:
    if len(names) == 1:
        return names[0]
    opened, problems = _opened(names)
    series = _series(name, opened, problems, newest=newest)
    if series is not None:
        return series
    if len(opened) == 1:
        return opened[0].path
    if not opened:
        raise next(iter(problems.values()))
    raise TraceFormatError(
        f"{name}: holds {len(opened)} traces that are no segments of one recording "
        f"({shown([file.path for file in opened])}): open one of them by its name, or give all of them to an analysis"
    )


def _opened(names: Iterable[str]) -> tuple[list[TraceFile], dict[str, Exception]]:
    """The files that can be read, and of the others why not.

    Raises:
        ChangedError: if one is gone.
    """
    opened: list[TraceFile] = []
    problems: dict[str, Exception] = {}
    for name in names:
        try:
            opened.append(_open(name))
        except FileNotFoundError:
            raise ChangedError(name) from None
        except (IrqtraceError, OSError, ValueError) as problem:
            if not is_empty(name):
                problems[name] = problem
    return opened, problems


def _open(name: str) -> TraceFile:
    try:
        return TraceFile(name, files.read_footer(name), None)
    except FileNotFoundError:
        try:
            recording = unfinished.find(name)
        except (TraceFormatError, OSError):
            if not os.path.exists(name):  # noqa: PTH110 - names of any kind
                raise
            recording = None
        if recording is None:
            # It is complete by now, or gone.
            return TraceFile(name, files.read_footer(name), None)
        return TraceFile(name, parse_meta(recording.meta, name), recording)


def _series(
    name: str, opened: Sequence[TraceFile], problems: Mapping[str, Exception], *, newest: bool = False
) -> Series | None:
    """The one recording whose segments are among these files; None if there are no segments.

    Raises:
        TraceFormatError: if there are several recordings, or segments do not go together.
        ChangedError: if a segment has come to be there.
    """
    recordings = by_recording(opened)
    in_segments = [of_one for of_one in recordings if any(file.meta["segment"] for file in of_one)]
    if not in_segments:
        return None
    if len(recordings) > 1 and not newest:
        raise several(name, recordings)
    files_ = max(in_segments, key=lambda of_one: of_one[0].meta["t0_ns"])
    ordered = sorted((file for file in files_ if file.meta["segment"]), key=lambda file: file.number)
    gaps = gaps_between(ordered, problems)
    parts = tuple(file.part for file in ordered)
    whole, runs = _assembled(parts, gaps)
    told = [gap.what for gap in gaps if gap is not None]
    others = [problem for problem in map(str, problems.values()) if not any(problem in what for what in told)]
    notes = [f"{problem}: left out, and the segments are opened" for problem in others]
    notes += [f"{name}: {warning['message']}" for warning in whole.meta["warnings"] if warning["type"] == MISSING]
    return Series(name, parts, gaps, whole, runs, tuple(notes))


def _assembled(
    parts: Sequence[Part], gaps: Sequence[Gap | None], *, anew: bool = False
) -> tuple[Part, tuple[Part, ...]]:
    """The whole of some parts, and its runs. ``anew``: the first of them follows a gap too."""
    runs: list[list[Part]] = [[parts[0]]]
    for part, gap in zip(parts[1:], gaps, strict=True):
        if gap is None:
            runs[-1].append(part)
        else:
            runs.append([part])
    return joined_across(runs, [gap for gap in gaps if gap is not None], anew=anew)
