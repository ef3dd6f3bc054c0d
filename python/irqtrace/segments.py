"""A recording in segments: which files it is in, and whether they go together."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from . import files, unfinished
from .display.text import when_text
from .errors import IrqtraceError, TraceFormatError
from .gaps import Gap, joined_across, samples_after
from .joining import Part, contradiction
from .meta import parse_meta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from . import _core
    from .meta import Meta

__all__ = ["Series", "are_several", "by_series", "found", "is_there", "listed", "of_files", "of_name", "series_names"]

T = TypeVar("T")

TRIES = 20
"""How often files are listed: a recorder renames and removes some meanwhile."""

PARTIAL = unfinished.SUFFIXES[0]
NUMBERED = re.compile(r"(?P<stem>.*)-(?P<number>\d{6,})(?P<suffix>\.[^./]*)?", re.DOTALL)


@dataclass(frozen=True)
class Series:
    """The segments of one recording, in their order."""

    name: str
    parts: tuple[Part, ...]
    gaps: tuple[Gap | None, ...]
    """Before each part but the first: what is not there, or None where it follows the one before."""
    whole: Part
    runs: tuple[Part, ...]
    """The whole as traces without a gap."""
    notes: tuple[str, ...]
    """What whoever opens it must know."""
    tail: _core.Unfinished | None
    """The last segment, where that is without its end."""

    @property
    def is_on_disk(self) -> bool:
        """Whether all of it is in complete files."""
        return self.tail is None

    def around(self, first: int, after: int) -> Part:
        """The whole of those segments that reach into these samples."""
        begins = [(part.meta["span"] or [first])[0] for part in self.parts[1:]]
        low = sum(begin <= first for begin in begins)
        high = 1 + sum(begin < after for begin in begins)
        follows_gap = low > 0 and self.gaps[low - 1] is not None
        parts, gaps = self.parts[low : max(high, low + 1)], self.gaps[low : max(high, low + 1) - 1]
        return _assembled(parts, gaps, anew=follows_gap)[0]


@dataclass(frozen=True)
class _File:
    """A trace file, or a recording that is to become one."""

    path: str
    meta: Meta
    unfinished: _core.Unfinished | None

    @property
    def part(self) -> Part:
        if self.unfinished is not None:
            return Part(self.path, self.meta, unfinished.scan(self.unfinished, self.path))
        return Part(self.path, self.meta, files.scan_flat(os.path.abspath(self.path)))  # noqa: PTH100 - a later chdir changes nothing

    @property
    def number(self) -> int:
        return self.meta["segment"] or 0


class _ChangedError(Exception):
    """Files came or went while they were looked at."""


def is_there(name: str) -> bool:
    """Whether there is a file of this name, or one that is to have it."""
    return os.path.exists(name) or unfinished.is_there(name)  # noqa: PTH110 - names of any kind


def are_several(name: str) -> bool:
    """Whether a path is no file's: a folder, or a pattern."""
    if os.path.isdir(name):  # noqa: PTH112 - names of any kind
        return True
    return glob.has_magic(name) and not any(os.path.lexists(name + suffix) for suffix in ("", PARTIAL))


def found(name: str) -> Series | str:
    """The segments in a folder or of a pattern; or the path of the file, if there is but one trace.

    Raises:
        FileNotFoundError: if there is none.
        TraceFormatError: if they are no segments of one recording, or do not go together; it says why.
    """
    return _settled(name, lambda: _series_or_file(name, listed(name)))


def of_name(name: str) -> Series | None:
    """The segments of a recording that was to have this name; None if there are none.

    Raises:
        TraceFormatError: if they do not go together; it says why.
    """

    def look() -> Series | None:
        names = series_names(name)
        return _series(name, *_opened(names)) if names else None

    return _settled(name, look)


def of_files(names: Sequence[str]) -> Series | None:
    """The recording whose segments these files are; None if they are none.

    Raises:
        FileNotFoundError: if one of them is not there.
        TraceFormatError: if they do not go together; it says why.
    """
    try:
        return _series(_stem(names[0]), *_opened(names))
    except _ChangedError as changed:
        raise FileNotFoundError(errno.ENOENT, "is gone, or another of its recording has come", str(changed)) from None


def by_series(names: Iterable[str]) -> list[list[str]]:
    """Names of files, those together that are named as the segments of one recording: these first."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_stem[_stem(name)].append(name)
    return sorted(by_stem.values(), key=lambda of_one: len(of_one) == 1)


def series_names(name: str) -> list[str]:
    """The files of the segments of a recording that was to have this name, those without their end among them."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - names of any kind
    names = _complete_names(glob.glob(f"{glob.escape(stem)}-[0-9]*{glob.escape(suffix)}{end}") for end in ("", PARTIAL))  # noqa: PTH207 - a name of any kind
    return [one for one in names if (match := NUMBERED.fullmatch(one)) and match["stem"] == stem]


def listed(name: str) -> list[str]:
    """The trace files in a folder or of a pattern, by name; also those that are to come to be there.

    Raises:
        FileNotFoundError: if there are none.
    """
    if os.path.isdir(name):  # noqa: PTH112 - names of any kind
        pattern = os.path.join(glob.escape(name), "*.parquet")  # noqa: PTH118 - as above
        missing = "the folder holds no trace files (*.parquet)"
    else:
        pattern, missing = name, "no file matches this pattern"
    names = _complete_names(glob.glob(pattern + end, recursive=True) for end in ("", PARTIAL))  # noqa: PTH207 - as above
    if not names:
        raise FileNotFoundError(f"{name}: {missing}")
    return names


def _settled(name: str, look: Callable[[], T]) -> T:
    """What is there, once nothing comes or goes while it is looked at."""
    for _ in range(TRIES):
        try:
            return look()
        except _ChangedError:
            continue
    raise OSError(errno.EAGAIN, "its files come and go faster than they can be opened; try again", name)


def _complete_names(listed: Iterable[Sequence[str]]) -> list[str]:
    return sorted({name.removesuffix(PARTIAL) for names in listed for name in names})


def _opened(names: Iterable[str]) -> tuple[list[_File], dict[str, Exception]]:
    """The files that can be read, and of the others why not."""
    opened: list[_File] = []
    problems: dict[str, Exception] = {}
    for name in names:
        try:
            opened.append(_open(name))
        except FileNotFoundError:
            raise _ChangedError(name) from None
        except (IrqtraceError, OSError, ValueError) as problem:
            problems[name] = problem
    return opened, problems


def _open(name: str) -> _File:
    try:
        return _File(name, files.read_footer(name), None)
    except FileNotFoundError:
        try:
            recording = unfinished.find(name)
        except (TraceFormatError, OSError):
            if not os.path.exists(name):  # noqa: PTH110 - names of any kind
                raise
            recording = None
        if recording is None:
            # It is complete by now, or gone.
            return _File(name, files.read_footer(name), None)
        return _File(name, parse_meta(recording.meta, name), recording)


def _series_or_file(name: str, names: list[str]) -> Series | str:
    if len(names) == 1:
        return names[0]
    opened, problems = _opened(names)
    series = _series(name, opened, problems)
    if series is not None:
        return series
    if len(opened) == 1:
        return opened[0].path
    if not opened:
        raise next(iter(problems.values()))
    shown = ", ".join(file.path for file in opened[:3]) + (", …" if len(opened) > 3 else "")
    raise TraceFormatError(
        f"{name}: holds {len(opened)} traces that are no segments of one recording ({shown}): open one of them by its "
        f"name, or give all of them to an analysis"
    )


def _series(name: str, opened: list[_File], problems: dict[str, Exception]) -> Series | None:
    """The one recording whose segments are among these files; None if there are no segments.

    Raises:
        TraceFormatError: if there are several recordings, or segments do not go together.
        _ChangedError: if a segment has come to be there.
    """
    segments = [file for file in opened if file.meta["segment"] is not None]
    if not segments:
        return None
    _check_one_recording(name, opened, segments)
    ordered = sorted(segments, key=lambda file: file.number)
    gaps = tuple(_gap(before, after, problems) for before, after in pairwise(ordered))
    parts = tuple(file.part for file in ordered)
    whole, runs = _assembled(parts, gaps)
    told = {path for gap in gaps if gap is not None for path in problems if path in gap.what}
    notes = [
        f"{problem}: left out, and the segments are opened" for path, problem in problems.items() if path not in told
    ]
    notes += [
        f"{name}: {warning['message']}" for warning in whole.meta["warnings"] if warning["type"] == "missing_segments"
    ]
    return Series(name, parts, gaps, whole, runs, tuple(notes), ordered[-1].unfinished)


def _assembled(
    parts: Sequence[Part], gaps: Sequence[Gap | None], *, anew: bool = False
) -> tuple[Part, tuple[Part, ...]]:
    runs: list[list[Part]] = [[parts[0]]]
    for part, gap in zip(parts[1:], gaps, strict=True):
        if gap is None:
            runs[-1].append(part)
        else:
            runs.append([part])
    return joined_across(runs, [gap for gap in gaps if gap is not None], anew=anew)


def _check_one_recording(name: str, opened: list[_File], segments: list[_File]) -> None:
    by_recording: dict[str | None, list[_File]] = defaultdict(list)
    for file in opened:
        by_recording[file.meta["recording"]].append(file)
    recording = segments[0].meta["recording"]
    by_stem: dict[str, _File] = {}
    for file in segments:
        stem = _stem(file.path)
        other = by_stem.setdefault(stem, file)
        if (differs := _difference(other.meta, file.meta)) is not None:
            raise TraceFormatError(
                f"{file.path}: has the name of a segment of the same recording as {other.path}, and is of another one: "
                f"{differs}"
            )
    for file in segments:
        if file.meta["recording"] == recording and (differs := _difference(segments[0].meta, file.meta)) is not None:
            raise TraceFormatError(f"{file.path}: does not go together with {segments[0].path}: {differs}")
    others = [file for file in opened if file.meta["recording"] != recording]
    if others:
        told = "; ".join(
            _told(of_one)
            for of_one in by_recording.values()
            if of_one[0] in others or of_one[0].meta["recording"] == recording
        )
        raise TraceFormatError(
            f"{name}: holds several recordings: {told}: open one of them by its name or by a pattern of its files"
        )


def _stem(path: str) -> str:
    match = NUMBERED.fullmatch(path)
    return match["stem"] + (match["suffix"] or "") if match else path


def _told(of_one: list[_File]) -> str:
    segments = sorted((file for file in of_one if file.meta["segment"] is not None), key=lambda file: file.number)
    if not segments:
        return ", ".join(file.path for file in of_one[:3]) + (", …" if len(of_one) > 3 else "")
    first, last = segments[0], segments[-1]
    numbers = f"segment {first.number}" if first is last else f"segments {first.number} to {last.number}"
    begin, end = (
        file.meta["t0_ns"] + sample * file.meta["interval_ns"]
        for file, sample in ((first, (first.meta["span"] or [0])[0]), (last, (last.meta["span"] or [0, 0])[1]))
    )
    return f"{_stem(first.path)} ({numbers}, from {when_text(begin)} to {when_text(end)} UTC)"


def _difference(one: Meta, other: Meta) -> str | None:
    for what, mine, theirs in (
        ("host", one["host"]["host"], other["host"]["host"]),
        ("boot", one["host"]["boot"], other["host"]["boot"]),
        ("recording", one["recording"], other["recording"]),
        ("point 0 of the grid", one["t0_ns"], other["t0_ns"]),
        ("interval in ns", one["interval_ns"], other["interval_ns"]),
        ("groups", _groups(one), _groups(other)),
    ):
        if mine != theirs:
            return f"its {what} is {theirs} and not {mine}"
    return None


def _groups(meta: Meta) -> list[tuple[str, str, int]]:
    return [(group["kind"], group["engine"], group["every"]) for group in meta["groups"]]


def _gap(before: _File, after: _File, problems: dict[str, Exception]) -> Gap | None:
    """What is not there between two segments; None where one follows the other.

    Raises:
        TraceFormatError: if they do not go together.
        _ChangedError: if a segment between them has come to be there.
    """
    begin = (after.meta["span"] or [None])[0]
    if before.number == after.number:
        raise TraceFormatError(f"{after.path}: is segment {after.number} of its recording, and so is {before.path}")
    if begin is None:
        raise TraceFormatError(f"{after.path}: the trace's description is damaged: segment {after.number} has no span")
    numbers = range(before.number + 1, after.number)
    end = _end(before)
    if begin < end:
        raise TraceFormatError(
            f"{after.path}: overlaps {before.path}: it begins with sample {begin}, and that goes up to {end - 1}"
        )
    if numbers:
        return Gap(_missing(before, numbers, problems), len(numbers))
    if before.unfinished is not None and begin > end:
        return Gap(f"the end of number {before.number}, {before.path}", 1)
    if begin > end and before.meta["span"] is not None:
        raise TraceFormatError(
            f"{after.path}: does not follow {before.path}: it begins with sample {begin}, and that ends with {end - 1}"
        )
    if (wrong := contradiction(before.meta, after.meta)) is not None:
        raise TraceFormatError(f"{after.path}: does not follow {before.path}: {wrong}")
    return None


def _end(file: _File) -> int:
    """The first sample that a segment is not of, as far as its description tells."""
    if file.meta["span"] is not None:
        return file.meta["span"][1]
    if file.unfinished is not None:
        return samples_after(file.part)
    return max(file.meta["finals"]["sample"], default=-1) + 1


def _missing(before: _File, numbers: range, problems: dict[str, Exception]) -> str:
    match = NUMBERED.fullmatch(before.path)
    unreadable = []
    for number in numbers:
        path = f"{match['stem']}-{number:06}{match['suffix'] or ''}" if match else ""
        if path in problems:
            unreadable.append(str(problems[path]))
        elif match and any(os.path.lexists(path + suffix) for suffix in ("", PARTIAL)):
            raise _ChangedError(path)
    what = f"number {numbers[0]}" if len(numbers) == 1 else f"numbers {numbers[0]} to {numbers[-1]}"
    return f"{what}; {'; '.join(unreadable)}" if unreadable else what
