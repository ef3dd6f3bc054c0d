"""Recording for a while, into memory or into a file."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

from .durations import Duration, positive_ns
from .errors import IrqtraceWarning, ParseError, SourceUnavailable, in_words
from .rotation import Rotation
from .settings import Kinds, Settings
from .trace import Trace, memory_trace, open_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from . import _core

__all__ = ["record", "run", "written"]

STEP_S = 0.1
"""How long a wait lasts at most, so that progress is shown and Ctrl-C is not kept waiting."""


def record(
    duration: Duration,
    *,
    interval: Duration = "1ms",
    kinds: Kinds | None = None,
    irqs: Sequence[int | str] | None = None,
    path: str | Path | None = None,
    flush: Duration = "1s",
    rotate: Duration | None = None,
    keep: Duration | None = None,
    overwrite: bool = False,
    pin: int | None = None,
    fifo: int | None = None,
    lock_memory: bool = False,
    dma_latency_us: int | None = None,
    spin: Duration = "0us",
    memory_limit: int = 1 << 30,
    procfs: str | Path = "/proc",
    progress: Callable[[_core.Progress], None] | None = None,
) -> Trace:
    """Samples for a while and returns what was measured.

    Args:
        duration: how long, like ``"10s"``.
        interval, kinds, irqs, pin, fifo, lock_memory, dma_latency_us, spin, procfs: as for `Sampler`.
        path: the trace file to write; memory stays bounded whatever the duration. It appears under its name when it is
            complete, also after Ctrl-C. Until then `open_trace` opens what was flushed, and whatever happens to the
            recorder, that much stays: see `repair`. None keeps the trace in memory.
        flush: how often what came is brought to the disk.
        rotate: a duration, a size like ``"500MB"``, or both (``"1h,500MB"``): the recording is in segments,
            ``NAME-000001.parquet`` and so on for a path ``NAME.parquet``. One ends with what comes next, in 0.1 s or
            so, once it is that long, or once a flush has made it that large: it is longer by so much, and larger by
            what comes between two flushes, which is much of a small one. Each is a complete trace, and `open_trace`
            of the path or the folder reads them as one. A segment also ends by itself before its description becomes
            too long to be opened at once (16 MB), which takes some thousand million rows.
        keep: only the last of the recording is kept, at least so much: older segments are removed. Without ``rotate``
            these are a tenth of it long. No segment is shorter than what comes at once, 0.1 s. One that cannot be
            removed is told, as an `IrqtraceWarning`, and tried again later.
        overwrite: whether a file of that name may be replaced.
        memory_limit: bytes. A recording in memory that reaches it ends early, and a warning in the trace says so.
        progress: is called about ten times a second with how far it is.

    Raises:
        ValueError, SourceUnavailable, PrivilegeError: as `Sampler`.
        FileExistsError: if there is such a file and ``overwrite`` is false; one that came to be there meanwhile is
            left alone too, and the error says where the recording is. Also if a recording of that name is unfinished,
            which is never replaced, or segments would be hidden by a file, be it complete or not.
        OSError: if the file cannot be written: FileNotFoundError, PermissionError and the like, with errno and the path
            as it was given.

    >>> trace = irqtrace.record("10s", interval="500us", kinds=["irq"])  # doctest: +SKIP
    """
    duration_ns = positive_ns(duration)
    settings = Settings.checked(
        interval=interval,
        kinds=kinds,
        irqs=irqs,
        pin=pin,
        fifo=fifo,
        lock_memory=lock_memory,
        dma_latency_us=dma_latency_us,
        spin=spin,
        batch_every="100ms",
        memory_limit=memory_limit,
        procfs=procfs,
    )
    core = settings.sampler(
        duration_ns=duration_ns,
        path=path,
        flush=flush,
        rotation=Rotation.checked(rotate, keep),
        overwrite=overwrite,
        stop_at_memory_limit=path is None,
    )
    run(core, progress=progress)
    return memory_trace(core.trace()) if path is None else written(core)


def written(core: _core.Sampler) -> Trace:
    """The trace of the files that a sampler has written."""
    return open_files(core.files)


def run(
    core: _core.Sampler,
    *,
    progress: Callable[[_core.Progress], None] | None = None,
    started: Callable[[], None] = lambda: None,
    over: Callable[[], bool] | None = None,
) -> None:
    """Samples until the sampler's own end or that which ``over`` tells; the recording is complete in any case.

    ``started`` is called once sampling has begun; where it fails, there is no recording. ``over`` waits for a while, a
    tenth of a second or so, and says whether that is enough.
    """
    over = over or (lambda: core.wait(STEP_S))
    told: set[str] = set()
    core.start()
    try:
        started()
    except BaseException:
        # What was to be recorded never began.
        core.abandon()
        raise
    try:
        while not over():
            # What fails to be told, or is to be an error, is no reason to end a recording.
            with suppress(OSError, ValueError, IrqtraceWarning):
                _tell_of_what_stays(core, told)
            if progress is not None:
                progress(core.progress())
    finally:
        try:
            core.stop()
        except (ParseError, SourceUnavailable) as error:
            if files := core.files():
                error.add_note(f"what was read until then is in {files[-1]}")
            raise
    _tell_of_what_stays(core, told)
    if progress is not None:
        progress(core.progress())


def _tell_of_what_stays(core: _core.Sampler, told: set[str]) -> None:
    """Warns of each segment that cannot be removed, once: a disk may fill up with them."""
    for path, number in core.not_removed():
        if path not in told:
            why = in_words(OSError(number, os.strerror(number), path))
            said = f"{why}: this segment is older than what is to be kept, and cannot be removed"
            warnings.warn(said, IrqtraceWarning, stacklevel=4)
            told.add(path)
