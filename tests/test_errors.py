"""Errors say what, where, and what helps; a caller can tell them apart."""

from __future__ import annotations

import copy
import errno
import pickle

import pytest

from irqtrace import IrqtraceError, ParseError, PrivilegeError, SourceUnavailable, TraceFormatError

ERRORS = [
    ParseError("a letter where a count should be", "/proc/interrupts", 3, 117),
    SourceUnavailable(errno.EACCES, "/proc/interrupts: masked; run it outside the container", "/proc/interrupts"),
    SourceUnavailable(0, "/proc/interrupts: empty"),
    PrivilegeError(errno.EPERM, "SCHED_FIFO: operation not permitted; run as root"),
    TraceFormatError("t.parquet: truncated"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_is_one_of_ours_and_survives_a_copy(error: Exception) -> None:
    assert isinstance(error, IrqtraceError)
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(copied) is type(error)
        assert str(copied) == str(error)


def test_a_parse_error_says_where() -> None:
    error = ERRORS[0]
    assert isinstance(error, ParseError)
    assert isinstance(error, ValueError)
    assert (error.path, error.line, error.offset) == ("/proc/interrupts", 3, 117)
    assert str(error) == "/proc/interrupts: line 3, byte 117: a letter where a count should be"


def test_system_errors_keep_their_number_and_speak_without_it() -> None:
    error = ERRORS[1]
    assert isinstance(error, OSError)
    assert (error.errno, error.filename) == (errno.EACCES, "/proc/interrupts")
    assert str(error) == "/proc/interrupts: masked; run it outside the container"
    assert isinstance(ERRORS[3], PermissionError)
