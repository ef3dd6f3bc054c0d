"""Whether the segments of a recording belong together, and what is missing between them."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from . import unfinished
from .display.text import when_text
from .errors import TraceFormatError
from .files import scan_flat
from .gaps import Gap, samples_after
from .joining import Part, contradiction
from .listing import is_there, segment_name, series_name, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from . import _core
    from .meta import Meta

__all__ = ["ChangedError", "TraceFile", "check_one_recording", "gaps_between"]


class ChangedError(Exception):
    """Files came or went while they were looked at."""


@dataclass(frozen=True)
class TraceFile:
    """A trace file, or the recording that is to become one."""

    path: str
    meta: Meta
    unfinished: _core.Unfinished | None

    @property
    def part(self) -> Part:
        """Its rows with what is known of them."""
        if self.unfinished is not None:
            table = unfinished.scan(self.unfinished, self.path)
            return Part(self.path, self.meta, table, self.unfinished)
        return Part(self.path, self.meta, scan_flat(os.path.abspath(self.path)))  # noqa: PTH100 - a later chdir changes nothing

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
            return samples_after(self.part)
        return max(self.meta["finals"]["sample"], default=-1) + 1


def check_one_recording(name: str, opened: Sequence[TraceFile], segments: Sequence[TraceFile]) -> None:
    """That all that was opened is of one recording.

    Raises:
        TraceFormatError: if it is not: it names what does not belong there, or the recordings.
    """
    first_of: dict[str, TraceFile] = {}
    for file in segments:
        first = first_of.setdefault(series_name(file.path), file)
        if (differs := _difference(first.meta, file.meta)) is not None:
            raise TraceFormatError(
                f"{file.path}: has the name of a segment of the same recording as {first.path}, and is of another one: "
                f"{differs}"
            )
    recordings: dict[str | None, list[TraceFile]] = defaultdict(list)
    for file in opened:
        recordings[file.meta["recording"]].append(file)
    if len(recordings) > 1:
        told = "; ".join(map(_told, recordings.values()))
        raise TraceFormatError(
            f"{name}: holds several recordings: {told}: open one of them by its name or by a pattern of its files"
        )
    for file in segments:
        if (differs := _difference(segments[0].meta, file.meta)) is not None:
            raise TraceFormatError(f"{file.path}: does not belong to {segments[0].path}: {differs}")


def gaps_between(ordered: Sequence[TraceFile], problems: Mapping[str, Exception]) -> tuple[Gap | None, ...]:
    """What is missing before each segment but the first; None where it follows the one before.

    ``problems`` are the files that cannot be read, with what is wrong.

    Raises:
        TraceFormatError: if two of them do not go together.
        ChangedError: if a segment between them has come to be there.
    """
    return tuple(_gap(before, after, problems) for before, after in pairwise(ordered))


def _gap(before: TraceFile, after: TraceFile, problems: Mapping[str, Exception]) -> Gap | None:
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
        return Gap(_missing(before.path, missing, problems), len(missing))
    if begin > end and before.unfinished is not None:
        return Gap(f"the end of number {before.number}, {before.path}", 1)
    if begin > end and before.meta["span"] is not None:
        raise TraceFormatError(
            f"{after.path}: does not follow {before.path}: it begins with sample {begin}, and that ends with {end - 1}"
        )
    if (wrong := contradiction(before.meta, after.meta)) is not None:
        raise TraceFormatError(f"{after.path}: does not follow {before.path}: {wrong}")
    return None


def _missing(beside: str, numbers: range, problems: Mapping[str, Exception]) -> str:
    names = [segment_name(beside, number) for number in numbers]
    for name in names:
        if name and name not in problems and is_there(name):
            raise ChangedError(name)
    what = f"number {numbers[0]}" if len(numbers) == 1 else f"numbers {numbers[0]} to {numbers[-1]}"
    return "; ".join([what, *(str(problems[name]) for name in names if name in problems)])


def _told(of_one: list[TraceFile]) -> str:
    """A recording among others: its segments and when they are of, or its files."""
    segments = sorted((file for file in of_one if file.meta["segment"] is not None), key=lambda file: file.number)
    if not segments:
        return shown([file.path for file in of_one])
    first, last = segments[0], segments[-1]
    numbers = f"segment {first.number}" if first is last else f"segments {first.number} to {last.number}"
    begin, end = (first.meta["t0_ns"] + at * first.meta["interval_ns"] for at in (first.begin, last.end))
    return f"{series_name(first.path)} ({numbers}, from {when_text(begin)} to {when_text(end)} UTC)"


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
