"""Whether a trace file is still what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core, files, unfinished
from .listing import is_empty, names_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["verify"]


def verify(path: str | bytes | Path) -> bool:
    """Reads all of a trace file, and checks every byte of it by its checksums.

    Opening a trace checks its description, and reading it checks files of up to 64 MiB, and those that are read as a
    whole: this is for longer ones, of which analyses read a part.

    Args:
        path: a trace file or the name of a recording, also one without its end or in segments; a folder; a pattern.

    Returns:
        True if it is what was written; False if it, or one of its files, has no checksums, as a file of schema 1 or of
        another tool.

    Raises:
        FileNotFoundError: if there is none.
        TraceFormatError: if it is damaged; the message says where.
    """
    verified = [_verified(name) for name in names_of(files.utf8_path(path)) if not is_empty(name)]
    return all(verified)


def _verified(name: str) -> bool:
    try:
        files.read_footer(name)
    except FileNotFoundError:
        recording = unfinished.find(name)
        if recording is None:
            raise
        recording.check()
        return True
    return _core.check_file(name)
