"""A terminal of one's own, for a command that is to lose it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["InTerminal"]

LEADER = (
    "import fcntl, os, signal, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "if sys.argv[1] == 'ignoring':\n"
    "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'irqtrace', *sys.argv[2:]])\n"
)
"""Takes the terminal as that of its session, and becomes the command: as a terminal's window starts it."""


class InTerminal:
    """The command line in a terminal, which can be closed before the command has ended."""

    def __init__(self, *arguments: str | Path, ignores_hangup: bool = False) -> None:
        self._terminal, ends_in = pty.openpty()
        how = "ignoring" if ignores_hangup else "hearing"
        command = [sys.executable, "-c", LEADER, how, *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=ends_in, stdout=ends_in, stderr=ends_in, start_new_session=True)
        os.close(ends_in)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.close()

    def wait_for(self, text: str) -> None:
        """Reads what is printed until this is in it."""
        said = b""
        while text.encode() not in said:
            said += os.read(self._terminal, 65536)

    def type(self, keys: bytes) -> None:
        """As a person would."""
        os.write(self._terminal, keys)

    def close(self) -> None:
        """Closes its window."""
        if self._terminal >= 0:
            os.close(self._terminal)
        self._terminal = -1
