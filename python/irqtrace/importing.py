"""Texts that were captured elsewhere become a trace."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from . import _core
from .durations import Duration, duration_ns
from .files import utf8_path
from .trace import Trace, memory_trace, open_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["import_sources", "import_text"]

Path_ = str | bytes | os.PathLike[str]
Paths = Path_ | Sequence[Path_]


def import_text(
    source: Paths | Mapping[str | datetime, Paths],
    *,
    times: Literal["names", "mtimes"] | None = None,
    since_1970: bool = False,
    zone: str | None = None,
    host: str | None = None,
    same_machine: bool = False,
    within: Duration = "100ms",
    path: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    """The trace of texts of /proc/interrupts and /proc/softirqs that were captured with other means.

    Each text needs a time: a line before it, as ``date`` prints it; the name of its file or folder; one that is given
    by hand; or when its file was last changed. Times that name neither UTC nor an offset are of a zone that has to be
    given. Reads are kept at the times that they have, be these regular or not. docs/import.md has the forms of times,
    what is taken for granted, and what is refused.

    Args:
        source: files, logs with several texts, folders of these, or reports that were collected from a machine
            (sosreport, unpacked), in any order; or a mapping of times to files or reports.
        times: where the times of texts come from that have none before them, and of reports without a date. None and
            ``"names"`` take the names; ``"mtimes"`` when each file was last changed, which copying may have changed.
        since_1970: whether numbers that may as well be dates are seconds since 1970, which is asked for where all
            numbers of a log, of a folder's names, or that were given by hand may be either; and where one in a name
            would be yet to come.
        zone: of times that name none: ``"UTC"``, ``"Europe/Berlin"``, ``"+01:00"``.
        host: the name of the machine, where no report tells it.
        same_machine: whether the texts are of one start of one machine also where its devices, or their counts, look
            like another's, as after drivers were loaded anew, or where counts grew faster than a CPU can count. The
            kernel's own counts have to go on all the same.
        within: how long after its time a text was read at most (before it, for ``"mtimes"``), from 0 to 2 s. What is
            longer makes the bounds of rates wider.
        path: the trace file to write; memory stays bounded then. It appears under its name when it is complete. None
            keeps the trace in memory.
        overwrite: whether a file of that name may be replaced.
        progress: is called about ten times a second with the bytes of texts that were read and those of all; both are 0
            while it is found out how many there are.

    Raises:
        ParseError: for a text that does not fit the kernel's format, anything else in a file, a time that cannot be
            used, a clock that runs backwards, or texts that are not of one machine; with file, line and byte.
        ValueError: if a time or zone is not known, and for options that make no sense.
        SourceUnavailable: for an empty folder, and for what is packed.
        FileNotFoundError, FileExistsError, OSError: as `record`.

    >>> trace = irqtrace.import_text("captures/", zone="Europe/Berlin")  # doctest: +SKIP
    >>> pair = {"2026-01-01T12:00:00Z": "before.txt", "2026-01-01T12:05:00Z": "after.txt"}
    >>> trace = irqtrace.import_text(pair)  # doctest: +SKIP
    """
    return import_sources(
        list(_sources(source)),
        times=times,
        since_1970=since_1970,
        zone=zone,
        host=host,
        same_machine=same_machine,
        within=within,
        path=path,
        overwrite=overwrite,
        progress=progress,
    )


def import_sources(
    sources: Sequence[tuple[str, str | None]],
    *,
    times: str | None,
    since_1970: bool,
    zone: str | None,
    host: str | None,
    same_machine: bool,
    within: Duration,
    path: str | Path | None,
    overwrite: bool,
    progress: Callable[[int, int], None] | None,
) -> Trace:
    """The same of paths, each with its time where that is given by hand."""
    core = _core.import_text(
        sources,
        times=times,
        since_1970=since_1970,
        zone=zone,
        host=host,
        same_machine=same_machine,
        within_ns=duration_ns(within, "within"),
        path=None if path is None else utf8_path(path),
        overwrite=overwrite,
        progress=progress,
    )
    if path is not None:
        return open_trace(path)
    assert core is not None  # noqa: S101 - what goes to no file comes back
    return memory_trace(core)


def _sources(source: Paths | Mapping[str | datetime, Paths]) -> Iterator[tuple[str, str | None]]:
    """Each path, and its time where it was given."""
    if isinstance(source, Mapping):
        for at, paths in source.items():
            yield from ((path, _time(at)) for path in _paths(paths))
    else:
        yield from ((path, None) for path in _paths(source))


def _paths(paths: Paths) -> Iterator[str]:
    is_one = isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Iterable)
    listed: Iterable[object] = [paths] if is_one else paths  # type: ignore[assignment]
    for path in listed:
        if not isinstance(path, str | bytes | os.PathLike):
            raise TypeError(f"a source is the path of a file or folder, and not {type(path).__name__}")
        yield os.fsdecode(path)


def _time(at: str | datetime) -> str:
    if isinstance(at, datetime):
        return (at if at.tzinfo is None else at.astimezone(UTC)).isoformat()
    if not isinstance(at, str):
        raise TypeError(f"a time is text or a datetime, and not {type(at).__name__}")
    return at
