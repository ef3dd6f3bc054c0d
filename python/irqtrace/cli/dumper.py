"""Dumps that a recorder makes of its own recording when it is asked for one."""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from irqtrace.display.text import bytes_text, harmless, time_text
from irqtrace.dumping import dump_opened
from irqtrace.errors import IrqtraceError, IrqtraceWarning, in_words
from irqtrace.trace import open_files

if TYPE_CHECKING:
    from irqtrace import _core

    from .signals import Flag


class Dumper:
    """Writes what was flushed, or the last of it, into ``NAME-dumps/TIME.parquet``, and says so on standard error."""

    def __init__(self, core: _core.Sampler, recording: str, last: str | None, asked: Flag, *, quiet: bool) -> None:
        self._recording = recording
        self._core = core
        self._last = last
        self._asked = asked
        self._quiet = quiet

    def look(self) -> bool:
        """Makes a dump if one was asked for. Never true: the recording goes on, also if the dump fails."""
        if self._asked.take():
            try:
                said = self._dump()
            except (IrqtraceError, OSError, ValueError) as error:
                print(f"irqtrace: no dump: {harmless(in_words(error))}", file=sys.stderr)
            else:
                if not self._quiet:
                    print(f"irqtrace: {harmless(said)}", file=sys.stderr)
        return False

    def _dump(self) -> str:
        name = Path(self._recording)
        folder = name.with_name(f"{name.stem}-dumps")
        folder.mkdir(exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.parquet"
        with warnings.catch_warnings():
            # Whoever asked for it knows that the recording is under way.
            warnings.simplefilter("ignore", IrqtraceWarning)
            trace = dump_opened(lambda: open_files(self._core.files), path, last=self._last)
        return f"{path}: {time_text(trace.info.duration_ns)}, {bytes_text(path.stat().st_size)}"
