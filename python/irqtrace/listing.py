"""Which trace files a name stands for: one file, those of a folder or a pattern, or the segments of a recording."""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from . import unfinished

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "are_several",
    "by_series",
    "is_empty",
    "is_there",
    "listed",
    "names_of",
    "number_of",
    "refuse_unreadable",
    "series_name",
    "series_names",
    "shown",
]

PARTIAL = unfinished.SUFFIXES[0]
SHOWN = 3

NUMBERED = re.compile(r"(?P<stem>.*)-(?P<number>[0-9]{6,7}|[0-9]{9})(?P<suffix>\.[^./]*)?", re.DOTALL)
"""The name of a segment. Eight digits are a date, more than nine an instant. As in ``series.rs``."""

BEGIN_BYTES = 20
"""So long is a file under way that has no row yet, see docs/format.md."""


def is_there(name: str) -> bool:
    """Whether there is a file of this name, or one that is to have it."""
    return os.path.exists(name) or unfinished.is_there(name)  # noqa: PTH110 - names of any kind


def are_several(name: str) -> bool:
    """Whether a path is no file's and no recording's: a folder, or a pattern."""
    if os.path.isdir(name):  # noqa: PTH112 - names of any kind
        return True
    return glob.has_magic(name) and not is_there(name) and not series_names(name)


def is_empty(name: str) -> bool:
    """Whether a recording of this name has just begun, or never came to its first flush: nothing of it is there."""
    partial, journal = (name + suffix for suffix in unfinished.SUFFIXES)
    try:
        return os.path.getsize(partial) <= BEGIN_BYTES and not any(map(os.path.exists, (name, journal)))  # noqa: PTH202 - names of any kind
    except OSError:
        return False


def names_of(name: str) -> list[str]:
    """The files that a name stands for: itself, those of a folder or of a pattern, or the segments of a recording.

    Raises:
        FileNotFoundError: if a folder or a pattern stands for none.
        PermissionError: if there may be some in a folder that cannot be read.
    """
    if are_several(name):
        return listed(name)
    names = [name] if is_there(name) else series_names(name)
    if not names:
        refuse_unreadable(os.path.dirname(name))  # noqa: PTH120 - names of any kind
    return names or [name]


def listed(name: str) -> list[str]:
    """The trace files in a folder or of a pattern, by name; also those that are to come to be there.

    Raises:
        FileNotFoundError: if there are none.
        PermissionError: if there may be some in a folder that cannot be read.
    """
    pattern, missing = name, "no file matches this pattern"
    if os.path.isdir(name):  # noqa: PTH112 - names of any kind
        pattern, missing = f"{glob.escape(name).rstrip('/')}/*.parquet", "the folder holds no trace files (*.parquet)"
    names = _matching(pattern)
    if not names:
        refuse_unreadable(os.path.dirname(pattern))  # noqa: PTH120 - names of any kind
        raise FileNotFoundError(f"{name}: {missing}")
    return names


def refuse_unreadable(folder: str) -> None:
    """Says of a folder that it cannot be read, where a pattern finds it empty; of what is no folder nothing.

    Raises:
        PermissionError: if that is so.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        os.scandir(folder or ".").close()


def series_names(name: str) -> list[str]:
    """The files of the segments of a recording that was given this name, by number; those without their end too."""
    if os.path.islink(name):  # noqa: PTH114 - names of any kind
        # They are beside the file that it leads to.
        name = os.path.realpath(name)
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - as above
    names = _matching(f"{glob.escape(stem)}-[0-9]*{glob.escape(suffix)}")
    return sorted((found for found in names if series_name(found) == name), key=number_of)


def series_name(name: str) -> str:
    """The name of the recording that a file is named as a segment of; else its own."""
    match = NUMBERED.fullmatch(name)
    return match["stem"] + (match["suffix"] or "") if match else name


def number_of(name: str) -> int:
    """The number in the name of a segment; 0 if it has none."""
    match = NUMBERED.fullmatch(name)
    return int(match["number"]) if match else 0


def by_series(names: Iterable[str]) -> list[list[str]]:
    """Names of files, those together that are named as the segments of one recording: these first."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_name[series_name(name)].append(name)
    return sorted(by_name.values(), key=lambda of_one: len(of_one) == 1)


def shown(names: list[str]) -> str:
    """The first few of some names."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _matching(pattern: str) -> list[str]:
    found = (name for end in ("", PARTIAL) for name in glob.glob(pattern + end, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    return sorted({name.removesuffix(PARTIAL) for name in found})
