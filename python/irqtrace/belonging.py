"""Whether the segments of a recording belong together, and what is missing between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, permutations
from typing import TYPE_CHECKING

from . import _core, unfinished
from .display.text import when_text
from .errors import TraceFormatError, in_words
from .gaps import Gap, samples_after
from .held import Held
from .joining import Part, contradiction
from .listing import is_empty, number_of, series_name, series_names, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .meta import Meta

__all__ = ["ChangedError", "TraceFile", "by_recording", "gaps_between", "missing_at_ends", "several"]


class ChangedError(Exception):
    """Files came or went while they were looked at."""


@dataclass(frozen=True)
class TraceFile:
    """A trace file, or the recording that is to become one."""

    path: str
    meta: Meta
    unfinished: _core.Unfinished | None

    def part(self, *, held: bool = False) -> Part:
        """Its rows with what is known of them. ``held``: they can be read even when the file is removed.

        Raises:
            ChangedError: if it was removed before.
        """
        if self.unfinished is not None:
            table = unfinished.scan(self.unfinished, self.path)
            return Part(self.path, self.meta, table, self.unfinished)
        if held:
            try:
                opened = Held.of(self.path)
            except FileNotFoundError:
                raise ChangedError(self.path) from None
            if opened is not None:
                return Part(self.path, self.meta, opened.table(), held=opened)
        return Part(self.path, self.meta)

    @property
    def number(self) -> int:
        """Its place among the segments."""
        return self.meta["segment"] or 0

    @property
    def begin(self) -> int:
        """The first sample that it is of."""
        return self.meta["span"][0] if self.meta["span"] else 0

    @property
    def end(self) -> int:
        """The first sample that it is not of, as far as its description tells."""
        if self.meta["span"]:
            return self.meta["span"][1]
        if self.unfinished is not None:
            return samples_after(self.part())
        return max(self.meta["finals"]["sample"], default=-1) + 1


def by_recording(opened: Sequence[TraceFile]) -> list[list[TraceFile]]:
    """What was opened, those of one recording together, in the order of their names."""
    recordings: dict[str | None, list[TraceFile]] = defaultdict(list)
    for file in opened:
        recordings[file.meta["recording"]].append(file)
    return list(recordings.values())


def several(name: str, recordings: Sequence[Sequence[TraceFile]]) -> TraceFormatError:
    """The error that says which recordings there are where one was wanted."""
    for own, others in permutations(recordings, 2):
        for file in others:
            numbers = [number_of(one.path) for one in own if series_name(one.path) == series_name(file.path)]
            if numbers and min(numbers) < number_of(file.path) < max(numbers):
                differs = _difference(own[0].meta, file.meta)
                return TraceFormatError(f"{file.path}: stands among the segments of {own[0].path}: {differs}")
    told = "; ".join(map(_told, recordings))
    return TraceFormatError(
        f"{name}: holds several recordings: {told}: open one of them by its name or by a pattern of its files"
    )


def gaps_between(
    ordered: Sequence[TraceFile], problems: Mapping[str, Exception], opened: Collection[str], *, settled: bool
) -> tuple[Gap | None, ...]:
    """What is missing before each segment but the first; None where it follows the one before.

    Args:
        ordered: the segments, in their order.
        problems: the files that cannot be read, with what is wrong.
        opened: the files that are traces, of this recording or not.
        settled: whether a file that is none of these was not asked for, and has not just come to be there.

    Raises:
        TraceFormatError: if two of them do not go together.
        ChangedError: if a segment between them has come to be there.
    """
    for file in ordered:
        if (differs := _difference(ordered[0].meta, file.meta)) is not None:
            raise TraceFormatError(f"{file.path}: does not belong to {ordered[0].path}: {differs}")
    missing: _Missing = partial(_missing, problems=problems, opened=opened, settled=settled)
    return tuple(_gap(before, after, missing) for before, after in pairwise(ordered))


def missing_at_ends(
    ordered: Sequence[TraceFile], problems: Mapping[str, Exception], opened: Collection[str], *, settled: bool
) -> tuple[Gap | None, Gap | None]:
    """The segments before the first and behind the last of which files are there that cannot be read."""
    first, last = ordered[0], ordered[-1]
    series, behind = series_name(first.path), number_of(first.path) - first.number
    # Those of other recordings of this name, and what some other tool made, are none of it.
    own = [name for name in problems if _core.begun_for(name) == first.meta["recording"] is not None]
    numbers = [number_of(name) - behind for name in own if series_name(name) == series != first.path]
    before = range(min((number for number in numbers if number > 0), default=first.number), first.number)
    after = range(last.number + 1, max(numbers, default=0) + 1)
    told_of = partial(_missing, first, problems=problems, opened=opened, settled=settled)
    one, other = (Gap(told_of(ones), len(ones)) if ones else None for ones in (before, after))
    return one, other


_Missing = Callable[["TraceFile", range], str]


def _gap(before: TraceFile, after: TraceFile, told_of: _Missing) -> Gap | None:
    if before.number == after.number:
        raise TraceFormatError(f"{after.path}: is segment {after.number} of its recording, and so is {before.path}")
    if after.meta["span"] is None:
        raise TraceFormatError(f"{after.path}: the trace's description is damaged: segment {after.number} has no span")
    begin, end = after.begin, before.end
    if begin < end:
        raise TraceFormatError(
            f"{after.path}: overlaps {before.path}: it begins with sample {begin}, and that goes up to {end - 1}"
        )
    missing = range(before.number + 1, after.number)
    if missing:
        return Gap(told_of(before, missing), missing.stop - missing.start)
    if begin > end and before.unfinished is not None:
        return Gap(f"the end of number {before.number}, {before.path}", 1)
    if begin > end and before.meta["span"] is not None:
        raise TraceFormatError(
            f"{after.path}: does not follow {before.path}: it begins with sample {begin}, and that ends with {end - 1}"
        )
    if (wrong := contradiction(before.meta, after.meta)) is not None:
        raise TraceFormatError(f"{after.path}: does not follow {before.path}: {wrong}")
    return None


def _missing(
    before: TraceFile, numbers: range, *, problems: Mapping[str, Exception], opened: Collection[str], settled: bool
) -> str:
    """Which numbers are not there, and what is in the files that are named as if they were."""
    first, last = numbers.start, numbers.stop - 1
    told = [f"number {first}" if first == last else f"numbers {first} to {last}"]
    series = series_name(before.path)
    # Numbers in names go on behind those of an earlier recording of this name.
    behind = number_of(before.path) - before.number
    for name in series_names(series) if series != before.path else ():
        if number_of(name) - behind not in numbers:
            continue
        if name in problems:
            told.append(in_words(problems[name]))
        elif name in opened:
            told.append(f"{name} is another trace")
        elif not is_empty(name):
            if not settled:
                raise ChangedError(name)
            told.append(f"{name} was not asked for")
    return "; ".join(told)


def _told(of_one: Sequence[TraceFile]) -> str:
    """A recording among others: its segments and when they are of, or its files."""
    segments = sorted((file for file in of_one if file.meta["segment"] is not None), key=lambda file: file.number)
    if not segments:
        return shown([file.path for file in of_one])
    first, last = segments[0], segments[-1]
    paths = first.path if first is last else f"{first.path} to {last.path}"
    begin, end = (first.meta["t0_ns"] + at * first.meta["interval_ns"] for at in (first.begin, last.end))
    return f"{paths} (of {first.meta['host']['host']}, from {when_text(begin)} to {when_text(end)} UTC)"


def _difference(one: Meta, other: Meta) -> str | None:
    """What tells that two segments are not of one recording."""
    for what, own, others in (
        ("host", one["host"]["host"], other["host"]["host"]),
        ("boot", one["host"]["boot"], other["host"]["boot"]),
        ("recording", one["recording"], other["recording"]),
        ("point 0 of the grid", one["t0_ns"], other["t0_ns"]),
        ("interval in ns", one["interval_ns"], other["interval_ns"]),
        ("groups", _groups(one), _groups(other)),
    ):
        if own != others:
            return f"its {what} is {others} and not {own}"
    return None


def _groups(meta: Meta) -> list[tuple[str, str, int]]:
    return [(group["kind"], group["engine"], group["every"]) for group in meta["groups"]]
