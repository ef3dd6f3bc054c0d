"""A recording in segments: its files, opened as one trace."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from . import files, unfinished
from .belonging import ChangedError, TraceFile, by_recording, gaps_between, missing_at_ends, several
from .errors import IrqtraceError, TraceFormatError, in_words
from .gaps import at_ends, joined_across
from .joining import FELL, MISSING, previous_samples
from .listing import is_empty, listed, refuse_unreadable, series_name, series_names, shown
from .meta import parse_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from . import _core
    from .gaps import Gap
    from .joining import Part
    from .meta import WarningMeta

__all__ = ["Series", "found", "of_files", "of_name"]

T = TypeVar("T")

TRIES = 20
"""How often files are listed: a recorder renames and removes some meanwhile."""

HELD = 64
"""So many of the oldest segments are kept open where a recorder goes on, as these are what it may remove. It has about
10 if it keeps only the last of a recording; a process may have 1024 files open in all."""


class _Names:
    """The names of files."""

    def __init__(self, list_names: Callable[[], list[str]], before: list[str] | None = None) -> None:
        self._list_names = list_names
        self.listed = list_names()
        self.settled = self.listed == before
        """Whether they were the same before: what is missing then does not come."""

    def again(self) -> _Names:
        """What there is by now."""
        return _Names(self._list_names, self.listed)


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
    told: tuple[str, ...]
    """What is missing, in words."""
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

    @property
    def lasts(self) -> bool:
        """Whether it can be read from its paths later on."""
        return self.tail is None and all(part.held is None for part in self.parts)

    def check(self, *, everything: bool) -> None:
        """Checks of each of its files that it is what was written, see `Part.check`."""
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
        part = _assembled(self.parts[low : high + 1], self.gaps[low:high], anew=follows_gap)[0]
        # Also the gaps that they lie in or lead to, and what holds on.
        own = [warning for warning in part.meta["warnings"] if warning["type"] not in (MISSING, FELL)]
        of_all = [
            warning
            for warning in self.whole.meta["warnings"]
            if warning["type"] == FELL or (warning["type"] == MISSING and warning["last_sample"] >= first)
        ]
        return replace(part, meta={**part.meta, "warnings": sorted(own + of_all, key=self._place)})

    def _place(self, warning: WarningMeta) -> int:
        """Where a warning of this type stands among those of the whole."""
        types = [warning["type"] for warning in self.whole.meta["warnings"]]
        return types.index(warning["type"])


def found(name: str, *, newest: bool = False) -> Series | str:
    """The segments in a folder or of a pattern; or the path of the file, if there is but one trace.

    ``newest``: of several recordings that which began last is taken.

    Raises:
        FileNotFoundError: if there is none.
        TraceFormatError: if they are no segments of one recording, or do not go together; it says why.
    """
    return _settled(name, partial(listed, name), partial(_series_or_file, name, newest=newest))


def of_name(name: str, *, newest: bool = False) -> Series | None:
    """The segments of a recording that was given this name; None if there are none.

    ``newest``: of several recordings that which began last is taken.

    Raises:
        TraceFormatError: if they do not go together; it says why.
    """

    def look(names: _Names) -> Series | None:
        if not names.listed:
            refuse_unreadable(os.path.dirname(name))  # noqa: PTH120 - names of any kind
            return None
        return _series(name, *_opened(names), settled=names.settled, newest=newest)

    return _settled(name, partial(series_names, name), look)


def of_files(list_names: Callable[[], list[str]]) -> tuple[list[list[Series | str]], list[Exception]]:
    """The recordings that some files are of, and what is wrong with those files that are none of it.

    Of each recording its segments, if it has any, and then the other files that were cut out of it. A file of which no
    segments are there is a recording by itself.

    Args:
        list_names: lists the files, again and again as some come and go.
    """
    return _settled("the files", list_names, _recordings)


def _recordings(names: _Names) -> tuple[list[list[Series | str]], list[Exception]]:
    opened, problems = _opened(names)
    recordings: list[list[Series | str]] = []
    told: list[str] = []
    wrong: list[Exception] = []
    for of_one in by_recording(opened):
        segments = [file for file in of_one if file.meta["segment"]]
        others: list[Series | str] = [file.path for file in of_one if not file.meta["segment"]]
        if not segments:
            recordings += [[other] for other in others]
            continue
        name = series_name(min(segments, key=lambda file: file.number).path)
        try:
            series = _of_one(name, segments, opened, problems, settled=names.settled)
        except TraceFormatError as problem:
            wrong.append(problem)
            recordings += [others] if others else []
        else:
            told += series.told
            recordings.append([series, *others])
    if names.listed and not opened and not problems:
        wrong.append(_nothing_yet(shown(names.listed)))
    return recordings, [*_untold(problems, told), *wrong]


def _settled(name: str, list_names: Callable[[], list[str]], look: Callable[[_Names], T]) -> T:
    """What is there, once nothing comes or goes while it is looked at."""
    names = _Names(list_names)
    for _ in range(TRIES):
        try:
            return look(names)
        except ChangedError:
            names = names.again()
    raise OSError(errno.EAGAIN, "its files come and go faster than they can be opened; try again", name)


def _series_or_file(name: str, names: _Names, *, newest: bool) -> Series | str:
    if len(names.listed) == 1:
        return names.listed[0]
    opened, problems = _opened(names)
    series = _series(name, opened, problems, settled=names.settled, newest=newest)
    if series is not None:
        return series
    if len(opened) == 1:
        return opened[0].path
    if not opened:
        raise next(iter(problems.values()), _nothing_yet(name))
    raise TraceFormatError(
        f"{name}: holds {len(opened)} traces that are no segments of one recording "
        f"({shown([file.path for file in opened])}): open one of them by its name, or give all of them to an analysis"
    )


def _nothing_yet(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "there are only recordings that came to no flush yet", name)


def _opened(names: _Names) -> tuple[list[TraceFile], dict[str, Exception]]:
    """The files that can be read, and of the others why not. What was removed meanwhile is passed over.

    Raises:
        ChangedError: if one was renamed meanwhile.
    """
    opened: list[TraceFile] = []
    problems: dict[str, Exception] = {}
    gone: dict[str, Exception] = {}
    for name in names.listed:
        try:
            opened.append(_open(name))
        except FileNotFoundError as problem:
            if os.path.islink(name):  # noqa: PTH114 - names of any kind
                problems[name] = FileNotFoundError(errno.ENOENT, "a link to what is not there", name)
            else:
                gone[name] = problem
        except (IrqtraceError, OSError, ValueError) as problem:
            if not is_empty(name):
                problems[name] = problem
    for name in gone.keys() & set(names.again().listed if gone else ()):
        if not names.settled or os.path.lexists(name):
            raise ChangedError(name)
        # It was given, and is not there.
        problems[name] = gone[name]
    return opened, problems


def _open(name: str) -> TraceFile:
    try:
        return TraceFile(name, files.read_footer(name), None)
    except TraceFormatError as problem:
        # Somebody may have put it in the place of a segment that is not complete.
        try:
            recording = unfinished.find(name)
        except (TraceFormatError, OSError):
            raise problem from None
        if recording is None:
            raise
        return TraceFile(name, parse_meta(recording.meta, name), recording)
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
    name: str, opened: Sequence[TraceFile], problems: Mapping[str, Exception], *, settled: bool, newest: bool
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
    series = _of_one(name, [file for file in files_ if file.meta["segment"]], opened, problems, settled=settled)
    others = _untold(problems, series.told)
    notes = [f"{in_words(problem)}: left out, and the segments are opened" for problem in others]
    return replace(series, notes=(*notes, *series.notes))


def _of_one(
    name: str,
    segments: Iterable[TraceFile],
    opened: Collection[TraceFile],
    problems: Mapping[str, Exception],
    *,
    settled: bool,
) -> Series:
    """The segments of one recording. ``opened``: all files that were, and ``problems`` those that cannot be.

    Raises:
        TraceFormatError: if they do not go together.
        ChangedError: if one of them is gone, or another has come to be there.
    """
    ordered, parts = _parts(sorted(segments, key=lambda file: file.number))
    paths = {file.path for file in opened}
    gaps = gaps_between(ordered, problems, paths, settled=settled)
    ends = missing_at_ends(ordered, problems, paths, settled=settled)
    whole, runs = _assembled(parts, gaps)
    whole = replace(whole, meta=at_ends(whole.meta, *ends, ordered[-1].end))
    missing = (warning["message"] for warning in whole.meta["warnings"] if warning["type"] == MISSING)
    told = tuple(gap.what for gap in (*gaps, *ends) if gap is not None)
    return Series(name, parts, gaps, whole, runs, told, tuple(f"{name}: {message}" for message in missing))


def _parts(ordered: Sequence[TraceFile]) -> tuple[list[TraceFile], tuple[Part, ...]]:
    """Segments with their rows, without the oldest if these were removed meanwhile."""
    held = HELD if _goes_on(ordered[-1]) else 0
    there: list[TraceFile] = []
    parts: list[Part] = []
    for file in ordered:
        try:
            parts.append(file.part(held=len(parts) < held))
        except ChangedError:
            if parts:
                raise
        else:
            there.append(file)
    if not parts:
        raise ChangedError(ordered[-1].path)
    return there, tuple(parts)


def _goes_on(last: TraceFile) -> bool:
    """Whether the recording of which this is the last segment is under way."""
    if last.unfinished is not None:
        return last.unfinished.under_way
    # It may have begun others since it was looked at.
    newest = series_names(series_name(last.path))[-1:]
    return any(map(unfinished.is_there, newest))


def _untold(problems: Mapping[str, Exception], told: Sequence[str]) -> list[Exception]:
    """The problems that no gap tells of."""
    return [problem for problem in problems.values() if not any(in_words(problem) in what for what in told)]


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
