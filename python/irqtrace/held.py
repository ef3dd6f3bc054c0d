"""Files that are kept open: a recorder that keeps only the last of a recording removes some while they are read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .errors import TraceFormatError
from .files import check, scan_flat

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Held"]

OPEN_FILES = "/dev/fd"
"""Where the system shows what a process has open."""


class Held:
    """A trace file that can be read as long as anything of this is there, whatever becomes of its name."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY)

    @classmethod
    def of(cls, path: str) -> Held | None:
        """The file, open; None if the system lets no more be open, or does not show what is.

        Raises:
            FileNotFoundError: if there is none.
        """
        if not os.path.isdir(OPEN_FILES):  # noqa: PTH112 - as everywhere for names
            return None
        try:
            return cls(path)
        except FileNotFoundError:
            raise
        except OSError:
            return None

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    @property
    def name(self) -> str:
        """A path that leads to the file also when it has no name."""
        return f"{OPEN_FILES}/{self._descriptor}"

    def table(self) -> pl.LazyFrame:
        """Its flat table, lazily. Polars keeps the file open by itself."""
        with open(self._descriptor, "rb", closefd=False) as file:
            return scan_flat(file)

    def check(self, *, everything: bool) -> None:
        """See `files.check`."""
        try:
            check(self.name, everything=everything)
        except TraceFormatError as error:
            raise TraceFormatError(str(error).replace(self.name, self._path)) from error
