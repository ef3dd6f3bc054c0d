"""The command line: one verb a file."""

from __future__ import annotations

import argparse
import errno
import os
import re
import stat
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from irqtrace._core import __version__
from irqtrace.display.text import harmless
from irqtrace.errors import IrqtraceError, IrqtraceWarning, in_words
from irqtrace.files import is_panic

from . import (
    compare,
    doctor,
    dump,
    imbalance,
    importing,
    interference,
    jitter,
    lines,
    quality,
    rates,
    record,
    repair,
    report,
    snapshot,
    storms,
    verify,
)
from .output import as_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

VERBS = (
    record,
    repair,
    verify,
    dump,
    importing,
    snapshot,
    lines,
    report,
    rates,
    imbalance,
    jitter,
    storms,
    interference,
    compare,
    quality,
    doctor,
)

USAGE, FAILURE, HUNG_UP, BROKEN_PIPE = 2, 1, 129, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status.

    0 is success, 2 a request that makes no sense, 1 any other failure. Where nobody is left to read what is printed, it
    is that of the signal which says so: 141 for a pipe, 129 for a terminal. With IRQTRACE_DEBUG set, errors come with
    their traceback.
    """
    _replace_closed_streams()
    parser = argparse.ArgumentParser(
        prog="irqtrace",
        description="Samples the kernel's interrupt counters at sub-millisecond intervals.",
        epilog="`irqtrace doctor` tells what this machine allows. `irqtrace VERB --help` tells more about a verb.",
    )
    parser.add_argument("--version", action="version", version=f"irqtrace {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        verb.add_to(verbs)
    for its_parser in verbs.choices.values():
        # A duration below zero is a wrong value and no unknown option: what takes it says what would be right.
        its_parser._negative_number_matcher = re.compile(r"-\.?\d")  # noqa: SLF001 - argparse has no other way
    asked, command = _before_dashes(sys.argv[1:] if arguments is None else list(arguments))
    options = parser.parse_args(asked)
    if command is not None and options.verb != "record":
        parser.error(f"{options.verb} runs no command; `irqtrace record -- COMMAND` does")
    options.command = command
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warnings_shown()
            warnings.simplefilter("always", IrqtraceWarning)
            status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough.
        _print_no_more()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return 130
    except BaseException as error:
        if _is_of_a_closed_terminal(error):
            _print_no_more()
            return HUNG_UP
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if os.environ.get("IRQTRACE_DEBUG"):
            raise
        notes = getattr(error, "__notes__", ())
        said = "; ".join([as_options(_said(error)), *notes])
        print(f"irqtrace: {harmless(said)}", file=sys.stderr)
        _print_no_more_if_it_fails()
        return USAGE if isinstance(error, ValueError) and not isinstance(error, IrqtraceError) else FAILURE
    return status


def _replace_closed_streams() -> None:
    """Gives what is printed somewhere to go where the shell has closed a stream (``>&-``)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end


def _print_no_more() -> None:
    """What Python still holds for our output must not fail at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _print_no_more_if_it_fails() -> None:
    """What could not be printed would fail once more at Python's end, and the status would be Python's."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _print_no_more()


def _is_of_a_closed_terminal(error: BaseException) -> bool:
    """Whether it comes from printing on a terminal that is not there any more."""
    if not isinstance(error, OSError) or error.errno != errno.EIO or error.filename is not None:
        return False
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
                return True
    return False


def _before_dashes(arguments: list[str]) -> tuple[list[str], list[str] | None]:
    """What is ours, and what comes after a lone ``--``: argparse would mix the two."""
    if "--" not in arguments:
        return arguments, None
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _said(error: BaseException) -> str:
    if isinstance(error, IrqtraceError | ValueError | OSError):
        # A file's errors name it: what names none was being printed.
        return in_words(error, "standard output")
    return f"a mistake in irqtrace itself: {type(error).__name__}: {error}; IRQTRACE_DEBUG=1 shows where"


def _warnings_shown() -> Callable[..., None]:
    """What shows warnings, each text once: a verb may read the same file for several reasons."""
    shown: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, IrqtraceWarning) and str(message) not in shown:
            shown.add(str(message))
            print(f"irqtrace: warning: {harmless(as_options(str(message)))}", file=sys.stderr)

    return show
