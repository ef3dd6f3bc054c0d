"""What can go wrong, in the classes that a caller may want to tell apart."""

from __future__ import annotations

__all__ = [
    "IrqtraceError",
    "IrqtraceWarning",
    "ParseError",
    "PrivilegeError",
    "SourceUnavailable",
    "TraceFormatError",
    "in_words",
]


class IrqtraceError(Exception):
    """Any error of this library that is not a plain mistake in a call."""


class ParseError(IrqtraceError, ValueError):
    """A text that does not fit the kernel's format.

    Attributes:
        message: what was wrong there, a lowercase fragment.
        path: the file, or a name for the text.
        line: the line, from 1.
        offset: the byte, from 0, counted from the start of the text.
    """

    def __init__(self, message: str, path: str, line: int, offset: int) -> None:
        super().__init__(message, path, line, offset)
        self.message = message
        self.path = path
        self.line = line
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.path}: line {self.line}, byte {self.offset}: {self.message}"


class SourceUnavailable(IrqtraceError, OSError):  # noqa: N818 - a fixed public name, and it reads as a statement
    """Counts cannot be had here: masked, not Linux, no permission. The message says what would help.

    Made from ``(errno, message)`` or ``(errno, message, path)``, like any ``OSError``; errno is 0 where the system
    gave none.
    """

    def __str__(self) -> str:
        return str(self.strerror)


class PrivilegeError(IrqtraceError, PermissionError):
    """The system refused a privilege that was asked for: real-time priority, locked memory, a latency request.

    Made from ``(errno, message)`` or ``(errno, message, path)``.
    """

    def __str__(self) -> str:
        return str(self.strerror)


class TraceFormatError(IrqtraceError, ValueError):
    """A file that is no trace, a damaged one, or one that only a newer version can read."""


class IrqtraceWarning(UserWarning):
    """What a person must know about a result that is right nevertheless."""


def in_words(error: BaseException, nameless: str = "") -> str:
    """What an error says: one of the system names the file, and not its number. ``nameless``: what it is of if none."""
    if not isinstance(error, OSError) or isinstance(error, IrqtraceError) or not error.errno:
        return str(error)
    said = error.strerror or type(error).__name__
    where = nameless if error.filename is None else error.filename
    return f"{where}: {said[:1].lower()}{said[1:]}" if where else said
