"""Trace files of recordings that were cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core
from .files import utf8_path
from .listing import names_of
from .unfinished import SUFFIXES, is_there

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["repair"]


def repair(path: str | bytes | Path, *, overwrite: bool = False) -> list[str]:
    """Makes a plain trace file of a recording that was cut off, for every other tool: what was flushed is in it.

    Args:
        path: the name that the recording was to have, or that of its ``.partial`` or ``.journal``; of a recording in
            segments also its folder or a pattern.
        overwrite: whether a file of that name may be replaced.

    Returns:
        The paths of the trace files: one, but for recordings in segments that were cut off several times. The
        recording's other files are gone then.

    Raises:
        FileNotFoundError: if there is no such recording.
        FileExistsError: if there is a file of its name and ``overwrite`` is false.
        OSError: if it is still being recorded, or cannot be read or written.
        TraceFormatError: if it is damaged; it stays as it is.
    """
    name = utf8_path(path)
    names = [found for found in names_of(name) if is_there(found)] or [name]
    for found in names:
        _core.repair(found, overwrite)
    return [
        next((found.removesuffix(suffix) for suffix in SUFFIXES if found.endswith(suffix)), found) for found in names
    ]
