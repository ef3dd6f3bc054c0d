"""The sampler measures the running kernel, and hands out what it measured without a gap."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from checked import conserved
from irqtrace import Sampler, SourceUnavailable, _core

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")


def total(traces: Iterable[irqtrace.Trace], **line: str) -> int:
    """What one line grew by in some traces."""
    return sum(sum(trace.frame().filter(**line)["delta"]) for trace in traces)


def until_now(sampler: Sampler) -> list[irqtrace.Trace]:
    """The batches that hold what has happened up to now: the last read of them began after it."""
    now, batches = time.time_ns(), []
    for batch in sampler:
        batches.append(batch)
        if (batch.samples["time"].dt.epoch("ns") > now).any():
            break
    return batches


def busy() -> None:
    """A little of everything that interrupts."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        one.bind(("127.0.0.1", 0))
        for _ in range(200):
            two.sendto(b"x", one.getsockname())
            one.recv(1)
    for _ in range(20):
        time.sleep(0.0005)


def test_counts_are_conserved_under_load() -> None:
    with Sampler(interval="1ms") as sampler:
        busy()
    trace = sampler.trace()
    assert conserved(trace)
    assert (trace.deltas["delta"] >= 0).all()
    assert not trace.deltas.is_empty()


def test_batches_follow_one_another_and_conserve_counts() -> None:
    batches = []
    with Sampler(interval="1ms", batch_every="10ms") as sampler:
        for batch in sampler:
            batches.append(batch)
            busy()
            if len(batches) == 3:
                break
    batches.append(sampler.trace())
    assert all(conserved(batch) for batch in batches)
    samples = pl.concat([batch.samples for batch in batches])
    for kind in irqtrace.schema.KINDS:
        ordinals = samples.filter(kind=kind)["sample"]
        assert ordinals.is_sorted()
        assert ordinals.is_unique().all()
    for before, after in itertools.pairwise(batches):
        previous = {(read["kind"], read["sample"]) for read in after._meta["previous"]}
        last = before.samples.group_by("kind").agg(pl.col("sample").max())
        assert {(kind, sample) for kind, sample in last.iter_rows()} <= previous


def test_async_batches_are_the_same_and_a_cancelled_wait_loses_none() -> None:
    async def gather() -> list[irqtrace.Trace]:
        batches: list[irqtrace.Trace] = []

        async def collect() -> None:
            batches.extend([batch async for batch in sampler])

        async with Sampler(interval="1ms", batch_every="5ms", kinds=["softirq"]) as sampler:
            for _ in range(3):
                task = asyncio.create_task(collect())
                await asyncio.sleep(0.02)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        batches.extend([batch async for batch in sampler])
        return batches

    batches = asyncio.run(gather())
    assert batches
    reached = None
    for batch in batches:
        previous = {read["kind"]: read["sample"] for read in batch._meta["previous"]}
        assert reached is None or previous["softirq"] == reached
        reached = batch.samples["sample"].max()


class SlowCore:
    """Stands for the core's sampler: its start lasts until it may go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.calls: list[tuple[str, int]] = []

    def start(self) -> None:
        self.begun.set()
        assert self.go_on.wait(60)
        self._called("start")

    def stop(self) -> None:
        self._called("stop")

    def abandon(self) -> None:
        self._called("abandon")

    def _called(self, name: str) -> None:
        self.calls.append((name, threading.get_ident()))


def test_the_event_loop_runs_on_while_a_sampler_starts_and_stops() -> None:
    sampler, core = Sampler(kinds=["softirq"]), SlowCore()
    sampler._core = cast("_core.Sampler", core)

    async def use() -> None:
        async def let_it() -> None:
            await asyncio.to_thread(core.begun.wait, 60)
            core.go_on.set()

        letting = asyncio.create_task(let_it())
        async with sampler:
            await letting

    asyncio.run(use())
    assert [name for name, _ in core.calls] == ["start", "stop"]
    assert threading.get_ident() not in {thread for _, thread in core.calls}


def test_a_start_that_is_cancelled_leaves_no_sampler_running() -> None:
    sampler, core = Sampler(kinds=["softirq"]), SlowCore()
    sampler._core = cast("_core.Sampler", core)

    async def use() -> None:
        async with sampler:
            raise AssertionError

    async def cancel() -> None:
        using = asyncio.create_task(use())
        await asyncio.to_thread(core.begun.wait, 60)
        using.cancel()
        # It is told, and waits for the thread that cannot be.
        await asyncio.sleep(0)
        core.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await using

    asyncio.run(cancel())
    assert [name for name, _ in core.calls] == ["start", "abandon"]


def test_threads_that_iterate_at_once_take_no_batch_twice_and_none_from_nowhere() -> None:
    class TakenMeanwhile(deque[_core.Trace]):
        """Another thread takes the last batch between the look and the grasp."""

        def __bool__(self) -> bool:
            return True

    sampler = Sampler(kinds=["softirq"])
    sampler._taken = TakenMeanwhile()
    assert list(sampler._handed_out()) == []


def test_a_mark_is_kept_with_its_time() -> None:
    with Sampler(interval="1ms", kinds=["softirq"]) as sampler:
        before = time.time_ns()
        sampler.mark("here")
        after = time.time_ns()
    (mark,) = sampler.trace().marks
    assert mark.text == "here"
    assert before - 1_000_000_000 < mark.time_ns < after + 1_000_000_000


def test_counts_are_a_read_only_copy_of_the_newest_read() -> None:
    with Sampler(interval="1ms", kinds=["softirq"]) as sampler:
        next(iter(sampler))
        counts = sampler.counts
    array: Any = np.asarray(counts)
    assert array.dtype == np.uint64
    assert array.shape == counts.shape == (len(counts.lines), len(counts.cpus))
    assert not array.flags.writeable
    assert counts.sample >= 0


def test_a_frame_shares_the_buffers_of_the_recording() -> None:
    with Sampler(interval="1ms") as sampler:
        busy()
    trace = sampler.trace()
    one, two = (pl.DataFrame(trace)["delta"].rechunk().to_arrow() for _ in range(2))
    if pl.DataFrame(trace).n_chunks() == 1:
        assert one.buffers()[1].address == two.buffers()[1].address


def test_memory_and_file_hold_the_same_frames(tmp_path: Path) -> None:
    with Sampler(interval="1ms") as sampler:
        busy()
    trace = sampler.trace()
    trace.write(tmp_path / "t.parquet")
    opened = irqtrace.open_trace(tmp_path / "t.parquet")
    for frame in ("deltas", "samples", "lines"):
        assert_frame_equal(getattr(opened, frame), getattr(trace, frame))
    assert opened._meta == trace._meta


# What makes no sense


@pytest.mark.parametrize("interval", ["0s", "-1ms", "5 parsecs", 0])
def test_an_interval_that_is_none_is_refused_with_the_smallest_sensible(interval: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"interval .*smallest sensible value here is \d+us"):
        Sampler(interval=interval)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kinds": ["irqs"]}, "'irqs'; the kinds are irq, arch, softirq"),
        ({"kinds": []}, "kinds is empty"),
        ({"kinds": {"irq": "1ms", "arch": "2.5ms"}}, "no whole multiple of the interval 1ms; 2ms and 3ms are"),
        ({"kinds": {"irq": "500us"}}, "no whole multiple of the interval 1ms; 1ms and 2ms are"),
        ({"irqs": ["nosuchline*"]}, "nosuchline"),
        ({"irqs": [999_999]}, "999999"),
        ({"pin": 4095}, "4095"),
        ({"pin": -1}, "pin -1"),
        ({"fifo": 100}, "fifo 100 .* 1 to 99"),
        ({"dma_latency_us": -1}, "dma_latency_us -1"),
        ({"spin": "1ms"}, "spin '1ms'"),
        ({"batch_every": "0s"}, "batch_every"),
        ({"memory_limit": 0}, "memory_limit 0"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_with_what_exists(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Sampler(interval="1ms", **options)


def test_a_masked_text_is_unavailable(fake_proc: Path) -> None:
    (fake_proc / "interrupts").write_text("")
    with pytest.raises(SourceUnavailable, match=r"what can be read here is kinds=softirq"):
        Sampler(procfs=fake_proc)
    Sampler(procfs=fake_proc, kinds=["softirq"])
    (fake_proc / "softirqs").unlink()
    with pytest.raises(SourceUnavailable) as caught:
        Sampler(procfs=fake_proc)
    assert "what can be read" not in str(caught.value)


def test_a_sampler_samples_once_and_only_when_entered() -> None:
    sampler = Sampler(kinds=["softirq"])
    with pytest.raises(RuntimeError, match="with"):
        next(iter(sampler))
    with sampler:
        pass
    with pytest.raises(RuntimeError, match="once"), sampler:
        pass
