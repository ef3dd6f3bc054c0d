"""The command that a recording runs beside."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from contextlib import suppress

__all__ = ["Child", "NotStarted"]

NOT_FOUND, NOT_EXECUTABLE = 127, 126


class NotStarted(Exception):  # noqa: N818 - it reads as a statement
    """A command that the system would not run; the message says which and why, the status is a shell's for it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Child:
    """A command: started late, handed our signals, and asked for its exit status as a shell would see it."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped_by = 0

    def start(self) -> None:
        """Starts it.

        Raises:
            NotStarted: if the system refuses, or a signal to end has come already.
        """
        if self._stopped_by:
            raise NotStarted("ended by a signal before its command began", 128 + self._stopped_by)
        self._process = self._opened()
        self._hand_on()

    def _hand_on(self) -> None:
        if self._stopped_by and self._process is not None:
            # The signal came while it was being started.
            self._process.send_signal(self._stopped_by)

    @property
    def started(self) -> bool:
        """Whether it has been started."""
        return self._process is not None

    def ended(self, timeout_s: float) -> bool:
        """Waits for its end, and says whether it came."""
        process = self._process
        if process is None or process.poll() is not None:
            return True
        try:
            end = os.pidfd_open(process.pid)
        except (AttributeError, OSError):
            # No pidfds here: Python then asks again and again.
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout_s)
        else:
            try:
                watch = select.poll()
                watch.register(end, select.POLLIN)
                watch.poll(timeout_s * 1_000)
            finally:
                os.close(end)
        return process.poll() is not None

    def pass_on(self, number: int) -> None:
        """Hands it a signal that we got."""
        if self._process is None:
            self._stopped_by = number
        elif not (number == signal.SIGINT and _from_terminal()):
            self._process.send_signal(number)

    def wait(self) -> int:
        """Waits for its end and returns its exit status: 128 + n where signal n ended it."""
        if self._process is None:
            return 128 + self._stopped_by
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _opened(self) -> subprocess.Popen[bytes]:
        name = self._command[0]
        try:
            return subprocess.Popen(self._command)  # noqa: S603 - it is what the user asked to run
        except FileNotFoundError as error:
            # A script that is there and cannot be found lacks what it is written for.
            said = "its interpreter is not there" if shutil.which(name) else "no such command"
            raise NotStarted(f"{name}: {said}", NOT_FOUND) from error
        except OSError as error:
            raise NotStarted(f"{name}: {(error.strerror or str(error)).lower()}", NOT_EXECUTABLE) from error


def _from_terminal() -> bool:
    """Whether we stand in a terminal's foreground: its Ctrl-C has reached the command already."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
