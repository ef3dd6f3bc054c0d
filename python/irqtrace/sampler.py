"""Sampling while your own code runs."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TypeVar

from .settings import Kinds, Settings
from .trace import Trace, memory_trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from . import _core
    from .durations import Duration

__all__ = ["Sampler"]

Result = TypeVar("Result")

_WAIT_S = 0.1
"""How long a wait for a batch lasts at most, so that Ctrl-C and cancellation are not kept waiting."""


class Sampler:
    """Samples on a thread of its own between entering and leaving a ``with`` block.

    A process that is forked meanwhile has no part in it, and may have samplers of its own.

    Args:
        interval: the grid's interval.
        kinds: what is read, of irq, arch and softirq: a list, or a dict with an interval for each, a whole multiple of
            ``interval``. None is all three.
        irqs: the lines wanted: an int is a numbered line, a string a whole-match glob, case-sensitive, on irq, name or
            any action. A kind without a match is not read; new lines that match join in.
        pin: the CPU that the sampler runs on.
        fifo: its SCHED_FIFO priority, 1 to 99; needs a privilege.
        lock_memory: keep its memory from being paged out; may need a privilege.
        dma_latency_us: ask the system for this wake-up latency at most while sampling; needs a privilege.
        spin: spin this long before each point of the grid in place of sleeping up to it: closer, and dearer.
        batch_every: how old a batch gets at most before the iteration hands it out.
        memory_limit: bytes of memory for what nobody has taken yet; samples beyond it are missed and counted.
        procfs: where the kernel's texts are.

    Raises:
        ValueError: for an option that makes no sense here; the message names what would.
        SourceUnavailable: if the counters cannot be read here; the message says what would help.
        PrivilegeError: on entering, for a privilege that was asked for and refused.

    >>> with irqtrace.Sampler(interval="500us", irqs=["eth0*"]) as sampler:  # doctest: +SKIP
    ...     run_benchmark()
    >>> trace = sampler.trace()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        interval: Duration = "1ms",
        kinds: Kinds | None = None,
        irqs: Sequence[int | str] | None = None,
        pin: int | None = None,
        fifo: int | None = None,
        lock_memory: bool = False,
        dma_latency_us: int | None = None,
        spin: Duration = "0us",
        batch_every: Duration = "100ms",
        memory_limit: int = 1 << 30,
        procfs: str | Path = "/proc",
    ) -> None:
        settings = Settings.checked(
            interval=interval,
            kinds=kinds,
            irqs=irqs,
            pin=pin,
            fifo=fifo,
            lock_memory=lock_memory,
            dma_latency_us=dma_latency_us,
            spin=spin,
            batch_every=batch_every,
            memory_limit=memory_limit,
            procfs=procfs,
        )
        self._core = settings.sampler()
        self._started = False
        self._taken: deque[_core.Trace] = deque()

    def __enter__(self) -> Self:
        if self._started:
            raise RuntimeError("a sampler samples once; make another one")
        self._core.start()
        self._started = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        try:
            return await _in_a_thread(self.__enter__)
        except asyncio.CancelledError:
            await _in_a_thread(self._core.abandon)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await _in_a_thread(self.stop)

    def __iter__(self) -> Iterator[Trace]:
        """Small traces that follow one another without a gap, until sampling ends.

        What was handed out is not in `trace` any more.
        """
        while self._may_come():
            self._take()
            yield from self._handed_out()

    async def __aiter__(self) -> AsyncIterator[Trace]:
        """The same without blocking the event loop. A batch that comes while a wait is cancelled is not lost."""
        while self._may_come():
            await asyncio.to_thread(self._take)
            for batch in self._handed_out():
                yield batch

    def stop(self) -> None:
        """Ends sampling; leaving the block does it too. Raises what ended it, if that was not this."""
        self._core.stop()

    def trace(self) -> Trace:
        """All that was recorded and not handed out as a batch, while sampling or after it."""
        return memory_trace(self._core.trace())

    def mark(self, text: str) -> None:
        """Names this instant; the name is kept in the trace."""
        self._core.mark(text)

    @property
    def counts(self) -> _core.Counts:
        """The kernel's counts at the newest read: an immutable uint64 buffer (lines, cpus), for ``numpy.asarray``."""
        return self._core.counts()

    @property
    def progress(self) -> _core.Progress:
        """How far it is: elapsed time, samples, missed ones, memory."""
        return self._core.progress()

    def _may_come(self) -> bool:
        if not self._started:
            raise RuntimeError("the sampler does not sample yet; iterate inside its `with` block")
        return bool(self._taken) or not self._core.ended

    def _take(self) -> None:
        # Into a queue and not returned: a cancelled wait throws the thread's result away, and counts with it.
        batch = self._core.next_batch(_WAIT_S)
        if batch is not None:
            self._taken.append(batch)

    def _handed_out(self) -> Iterator[Trace]:
        # Another thread may iterate too: whether there is a batch shows by taking it.
        while True:
            try:
                batch = self._taken.popleft()
            except IndexError:
                return
            yield memory_trace(batch)


async def _in_a_thread(function: Callable[[], Result]) -> Result:
    """What it returns, without blocking the event loop. A wait that is cancelled lasts until the thread is done."""
    work = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        raise
