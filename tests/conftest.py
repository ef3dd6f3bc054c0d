"""What the tests share: traces made by hand, a machine's texts, and a watch on threads."""

from __future__ import annotations

import signal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from irqtrace import Trace, open_trace
from made import MadeTrace, small_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TASKS = Path("/proc/self/task")


@pytest.fixture(autouse=True, scope="session")
def signals_are_heard() -> Iterator[None]:
    """Under `nohup` or `&` some signals come ignored, and a recording keeps to that: undo it."""
    ends = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    ignored = [number for number in ends if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(autouse=True)
def no_sampler_is_left() -> Iterator[None]:
    """No test leaves a thread of a sampler behind."""
    yield
    assert _sampler_threads() == []


@pytest.fixture
def make_trace(tmp_path: Path) -> Callable[..., Trace]:
    """Saves a trace that was made by hand as a file, and opens it."""
    numbers = count()

    def make(made: MadeTrace | None = None) -> Trace:
        return open_trace((made or small_trace()).save(tmp_path / f"made-{next(numbers)}.parquet"))

    return make


@pytest.fixture
def fake_proc(tmp_path: Path) -> Path:
    """A folder like /proc with the counters of a machine of two CPUs, one of which is CPU 3."""
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "interrupts").write_text(
        "           CPU0       CPU3       \n"
        " 24:         11          0  IO-APIC   5-edge      eth0-rx-0\n"
        " 25:          0         22  IO-APIC   6-edge      eth0-tx-0\n"
        "LOC:       1000       2000   Local timer interrupts\n"
        "ERR:          7\n"
    )
    (folder / "softirqs").write_text(
        "                    CPU0       CPU3       \n"
        "      NET_RX:         33         44\n"
        "       BLOCK:          0          5\n"
    )
    return folder


def _sampler_threads() -> list[str]:
    if not TASKS.is_dir():
        return []
    names = []
    for task in TASKS.iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            # A thread that has just ended.
            continue
    return [name for name in names if name.startswith("irqtrace")]
