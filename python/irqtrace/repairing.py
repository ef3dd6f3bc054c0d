"""Trace files of recordings that were cut off."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from . import _core
from .errors import TraceFormatError
from .files import utf8_path
from .listing import is_empty, names_of
from .unfinished import SUFFIXES, is_there

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["repair", "repair_each"]


def repair(path: str | bytes | Path, *, overwrite: bool = False) -> list[str]:
    """Makes a plain trace file of a recording that was cut off, for every other tool: what was flushed is in it.

    Args:
        path: the name that the recording was to have, or that of its ``.partial`` or ``.journal``; of a recording in
            segments also its folder or a pattern.
        overwrite: whether a file of that name may be replaced.

    Returns:
        The paths of the trace files: one, but for recordings in segments that were cut off several times. The
        recording's other files are gone then. One that was complete, and beside which only its journal was left, is
        among them.

    Raises:
        FileNotFoundError: if there is no such recording.
        FileExistsError: if there is a file of its name and ``overwrite`` is false, or segments of that name, which it
            would hide.
        OSError: if it is still being recorded, has come to its end, or cannot be read or written.
        TraceFormatError: if it is damaged; it stays as it is.
    """
    return [complete for complete, _ in repair_each(path, overwrite=overwrite)]


def repair_each(path: str | bytes | Path, *, overwrite: bool = False) -> list[tuple[str, bool]]:
    """The same, and of each whether it was made; else only its journal was removed."""
    name = utf8_path(path)
    there = names_of(name)
    # Of one that was cut off before its first flush there is nothing.
    names = [found for found in there if is_there(found) and not is_empty(found)]
    if not names and there != [name]:
        raise OSError(errno.EINVAL, "there is nothing unfinished among its files to repair", name)
    problem: Exception | None = None
    repaired: list[tuple[str, bool]] = []
    for found in names or [name]:
        try:
            made = _core.repair(found, overwrite)
        except (OSError, TraceFormatError) as error:
            # The others are repaired all the same.
            problem = problem or error
        else:
            repaired.append((_complete_name(found), made))
    if problem is not None:
        raise problem
    return repaired


def _complete_name(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)
