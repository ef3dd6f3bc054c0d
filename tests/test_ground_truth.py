"""On a running kernel, what is done so many times is counted so many times."""

from __future__ import annotations

import mmap
import os
import socket
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
import pytest

import irqtrace
from irqtrace import Sampler, _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="needs a build that samples the running kernel")


@contextmanager
def on_one_cpu() -> Iterator[int]:
    """Holds this thread on one CPU, and gives its id."""
    before = os.sched_getaffinity(0)
    cpu = min(before)
    os.sched_setaffinity(0, {cpu})
    try:
        yield cpu
    finally:
        os.sched_setaffinity(0, before)


ROUNDS = 10


def grown(irq: str, cpu: int | None, work: Callable[[], None]) -> int:
    """How much a line grew while the work was done."""
    with Sampler(interval="1ms", irqs=[irq]) as sampler:
        work()
    deltas = sampler.trace().deltas
    return int((deltas if cpu is None else deltas.filter(pl.col("cpu") == cpu))["delta"].sum())


def assert_counts_exactly(irq: str, count: int, work: Callable[[], None], cpu: int | None = None) -> None:
    """Asserts that the work raises a line by so many: never by less, and by no more than what the background adds.

    The background is measured after the work for twice as long. It is no steady stream, so one round in which it
    explains all that was counted besides is enough: a count that is always too high fails all of them.
    """
    unexplained = []
    for _ in range(ROUNDS):
        begin = time.monotonic()
        over = grown(irq, cpu, work) - count
        took = time.monotonic() - begin
        assert over >= 0
        unexplained.append(over - grown(irq, cpu, partial(time.sleep, 2 * took)))
        if unexplained[-1] <= 0:
            return
    pytest.fail(f"{irq} grew by more than {count} and the background in each of {ROUNDS} rounds: {unexplained}")


def test_a_datagram_over_loopback_is_a_net_rx_on_its_senders_cpu() -> None:
    count = 10_000

    def send() -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(("127.0.0.1", 0))
            address = receiver.getsockname()
            for _ in range(count):
                sender.sendto(b"x", address)
                receiver.recv(1)

    with on_one_cpu() as cpu:
        assert_counts_exactly("NET_RX", count, send, cpu)


def test_a_direct_read_of_a_disk_is_a_block_softirq(tmp_path: Path) -> None:
    count, block = 200, 4096
    path = tmp_path / "blocks"
    path.write_bytes(os.urandom(block * count))
    os.sync()
    if os.major(path.stat().st_dev) == 0:
        pytest.skip(f"{tmp_path}: on no block device of its own, so a read need not be a BLOCK")
    try:
        file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        pytest.skip(f"{tmp_path}: no direct reads here: {error}")
    buffer = mmap.mmap(-1, block)

    def read() -> None:
        for at in range(count):
            os.preadv(file, [buffer], at * block)

    try:
        assert_counts_exactly("BLOCK", count, read)
    finally:
        os.close(file)
        buffer.close()


def test_a_sleep_is_a_local_timer_interrupt() -> None:
    if "LOC" not in irqtrace.snapshot().filter(kind="arch")["irq"]:
        pytest.skip("no LOC line on this architecture")
    count = 200

    def sleep() -> None:
        for _ in range(count):
            time.sleep(0.0002)

    assert grown("LOC", None, sleep) >= count
