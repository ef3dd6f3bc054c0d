"""The Rust core: sampling, parsing and writing. Private; use the names of the package.

Every object is frozen and may be used from any thread. Blocking calls let go of the interpreter. What carries Arrow
data has ``__arrow_c_stream__`` (the Arrow C stream interface) and can be read any number of times.

Errors: ``irqtrace.ParseError``, ``SourceUnavailable``, ``TraceFormatError``, ``PrivilegeError`` (all
``IrqtraceError``), ``ValueError`` for a request that makes no sense here, ``FileExistsError`` and ``OSError`` for files.
"""

from collections.abc import Callable, Sequence
from typing import final

__all__ = [
    "LIVE",
    "Counts",
    "Progress",
    "ReadCost",
    "Sampler",
    "Stream",
    "Trace",
    "Unfinished",
    "__version__",
    "add_up_warnings",
    "begun_for",
    "can_dma_latency",
    "can_fifo",
    "can_lock_memory",
    "check_file",
    "check_footer",
    "host_facts",
    "import_text",
    "read_costs",
    "repair",
    "replay",
    "snapshot",
    "write_trace",
]

__version__: str
LIVE: bool
"""Whether this build can sample the running kernel: Linux, and not built without it."""

@final
class Stream:
    """A table: anything that takes ``__arrow_c_stream__`` reads it without a copy."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class Trace:
    """What was measured, in memory. Its own Arrow stream is the frame ``deltas``."""

    meta: str
    """The JSON object of the trace file's key ``irqtrace``, see docs/format.md."""
    @property
    def deltas_rows(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Frame ``deltas``: sample int64, time timestamp[ns, UTC], read_ns uint32, line uint32, cpu uint16?, delta int64."""

    def samples(self) -> Stream:
        """Frame ``samples``: sample int64, time, read_ns uint32, kind and engine dictionary, late_ns int64."""

    def flat(self) -> Stream:
        """The flat table: sample, time, read_ns, engine, kind, irq, name, cpu, delta, host, boot."""

@final
class Unfinished:
    """A recording without its end, up to its last flush: it stays what it was when it was opened."""

    def __new__(cls, path: str) -> Unfinished:
        """Opens the unfinished recording that is to become this file. Nothing is changed."""

    @property
    def meta(self) -> str:
        """The JSON object of a trace file's key ``irqtrace``."""

    @property
    def under_way(self) -> bool:
        """Somebody was recording it when it was opened."""

    def check(self, at_most: int | None = None) -> None:
        """Checks its row groups, unless they have more than so many bytes."""

    def flat(self, columns: list[str] | None = None) -> Stream:
        """The flat table, or these columns of it in the table's order."""

@final
class Counts:
    """An immutable copy of the counts of the newest reads: a read-only C-contiguous uint64 buffer (lines, columns).

    ``memoryview(counts)`` and ``numpy.asarray(counts)`` share it.
    """

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def lines(self) -> list[int]:
        """The key into the trace's ``lines`` of each row."""

    @property
    def cpus(self) -> list[int | None]:
        """The CPU of each column; None for counts that the kernel does not give per CPU. A cell that does not exist is 0."""

    @property
    def sample(self) -> int:
        """The ordinal of the newest read in it; -1 before the first."""

    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Progress:
    """How far a sampler is."""

    elapsed_ns: int
    samples: int  # grid points that were due up to now
    reads: int  # readings of groups
    missed: int  # grid points due for some group that were not read
    rows: int
    file_bytes: int  # written so far; 0 without a path
    memory_bytes: int
    late_last_ns: int

@final
class Sampler:
    """Samples on a thread of its own from ``start()`` until ``stop()``, the end of its duration, or an error."""

    def __new__(
        cls,
        *,
        interval_ns: int,
        kinds: dict[str, int] | None = None,  # kind -> interval_ns; None: all three at interval_ns
        irqs: Sequence[int | str] | None = None,
        pin: int | None = None,
        fifo: int | None = None,  # SCHED_FIFO priority, 1 to 99
        lock_memory: bool = False,
        dma_latency_us: int | None = None,
        spin_ns: int = 0,  # spin this long before each deadline instead of sleeping to it
        batch_every_ns: int = 100_000_000,
        memory_limit: int = 1 << 30,  # bytes
        stop_at_memory_limit: bool = False,  # else further samples are missed until somebody takes batches
        duration_ns: int | None = None,
        path: str | None = None,  # the flat Parquet file; else the trace is kept in memory
        flush_every_ns: int = 1_000_000_000,  # what came is brought to the disk this often
        rotate_every_ns: int | None = None,  # the file goes on in another with the first block after so long
        rotate_bytes: int | None = None,  # or after so many bytes were flushed
        keep_ns: int | None = None,  # segments that are older are removed
        overwrite: bool = False,
        procfs: str = ...,
        sysfs: str = ...,
    ) -> Sampler:
        """Checks everything that can be checked, opens the sources and reads them once; raises what is wrong."""

    def start(self) -> None:
        """Starts sampling; takes the privileges asked for or raises ``PrivilegeError``."""

    def stop(self) -> None:
        """Ends sampling, waits for the thread, completes the file. Twice is once. Raises what ended the recording."""

    def abandon(self) -> None:
        """Ends sampling, or keeps it from ever starting, and gives up the file: what has its name stays as it is."""

    def wait(self, timeout_s: float) -> bool:
        """Waits until sampling has ended by itself; True then, False when the time is over."""

    def next_batch(self, timeout_s: float) -> Trace | None:
        """What came since the last batch: when a block is full or ``batch_every_ns`` is over; None at a time-out.

        Raises StopIteration-like end by returning None with ``ended`` set.
        """

    @property
    def ended(self) -> bool:
        """Sampling has ended and every batch has been taken."""

    def trace(self) -> Trace:
        """All that was recorded and not taken as a batch. Works before and after ``stop()``; not with a path."""

    def mark(self, text: str) -> None: ...
    def counts(self) -> Counts: ...
    def files(self) -> list[str]:
        """One file, or segments as far as they are kept, of which the last is under way until the end."""

    def not_removed(self) -> list[tuple[str, int]]:
        """Segments that are not to be kept and cannot be removed, with the errno that says why. They are tried again."""

    def progress(self) -> Progress: ...

@final
class ReadCost:
    """What one read of one source costs here, measured now, back to back."""

    source: str  # "interrupts", "interrupts, device lines only", "softirqs", "one sysfs line"
    path: str
    kinds: list[str]
    bytes: int
    median_ns: int
    worst_ns: int

def snapshot(procfs: str = ..., interrupts: str | None = None, softirqs: str | None = None) -> tuple[Stream, list[str]]:
    """One read of everything: kind, irq, name (dictionary), cpu uint16?, count uint64; and sentences that warn.

    With paths, only those texts are read.
    """

def read_costs(procfs: str = ..., sysfs: str = ..., reads: int = 50) -> tuple[list[ReadCost], list[str]]:
    """The costs of the sources that can be read, and for those that cannot a sentence each."""

def host_facts(procfs: str = ..., sysfs: str = ...) -> str:
    """JSON of the machine's facts, the object ``host`` of docs/format.md."""

def can_fifo() -> str | None:
    """None where SCHED_FIFO may be used, else why not. Changes nothing."""

def can_dma_latency() -> str | None:
    """None where /dev/cpu_dma_latency may be opened for writing, else why not."""

def can_lock_memory() -> str | None:
    """None where memory may be locked, as far as the limits and capabilities tell, else why not. Locks nothing."""

def replay(
    reads: Sequence[tuple[int, int, bytes | None, bytes | None]],
    *,
    interval_ns: int,
    kinds: dict[str, int] | None = None,
    irqs: Sequence[int | str] | None = None,
    real_offset_ns: int = 0,
    path: str | None = None,
    overwrite: bool = False,
) -> Trace | None:
    """The trace that a sampler would have recorded from captured texts.

    Each read is (begin, end, interrupts, softirqs): CLOCK_MONOTONIC nanoseconds and the two texts. A text that is None
    is not read. Where a text contradicts itself the next text of the list is taken as the second attempt of the same
    read. With a path the file is written and None returned.
    """

def check_file(path: str, at_most: int | None = None) -> bool:
    """Checks all of a trace file that has checksums, unless it has more than so many bytes; whether it was checked."""

def check_footer(path: str) -> bool:
    """Checks a trace file's footer; whether it has checksums at all."""

def import_text(
    sources: Sequence[tuple[str, str | None]],
    *,
    within_ns: int,
    times: str | None = None,  # "names" or "mtimes"
    since_1970: bool = False,
    zone: str | None = None,
    host: str | None = None,
    same_machine: bool = False,
    path: str | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Trace | None:
    """The trace of captured texts: paths, each with its time where that is given by hand.

    ``progress`` is called about ten times a second with bytes that were read and those of all; both are 0 at first. What
    it raises ends the work. With a path the file is written and None returned.
    """

def begun_for(path: str) -> str | None:
    """Which recording a recorder began the file of this name for, or that which is to have it; None if none did."""

def repair(path: str, overwrite: bool = False) -> bool:
    """Makes a trace file of an unfinished recording; False if it was one, and only a journal was left, which is removed."""

def add_up_warnings(warnings: str, lines: str) -> str:
    """Adds up warnings of traces that follow one another: JSON lists as in their descriptions, and the same again.

    A warning that has a ``detail`` in place of its ``message`` gets its sentence.
    """

def write_trace(flat: object, meta: str, path: str, overwrite: bool = False) -> None:
    """Writes a flat table (anything with an Arrow stream) as a trace file."""
