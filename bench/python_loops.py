"""CPU time per sample of /proc/interrupts: the sampler, plain loops in Python, and python-linux-procfs.

One plain loop only splits the text, the other makes numbers of the counts. Each samples at 1 kHz for a second per turn.
The CPU time is that of the whole process, all threads; opening and closing are told apart.
"""

import sys
import time
from collections.abc import Callable

from report import in_turns, report

import irqtrace

SAMPLES = 1_000
INTERVAL_S = 1e-3
SETTLE_S = 0.1
# Debian's python3-linux-procfs is pure Python and runs under any interpreter; what is installed here comes first.
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"


def main(turns: int) -> None:
    ours: list[float] = []
    split: list[float] = []
    plain: list[float] = []
    procfs: list[float] = []
    around: list[float] = []

    def sample() -> None:
        per_sample_us, opening_and_closing_us = _sampler_us()
        ours.append(per_sample_us)
        around.append(opening_and_closing_us)

    measures = [
        sample,
        lambda: split.append(_paced_us(_read_and_split)),
        lambda: plain.append(_paced_us(_read_counts)),
    ]
    try:
        reload = _procfs_reload()
    except ImportError as error:
        print(f"# skipped procfs_cpu: python-linux-procfs (Debian: python3-linux-procfs): {error}")
    else:
        measures.append(lambda: procfs.append(_paced_us(reload)))
    in_turns(turns, *measures)
    print(f"# CPU time per sample of /proc/interrupts at 1 kHz, {turns} turns of {SAMPLES} samples")
    report("sampler_cpu", "us/sample", ours)
    report("sampler_opening_and_closing_cpu", "us", around)
    report("python_split_cpu", "us/sample", split)
    report("python_counts_cpu", "us/sample", plain)
    if procfs:
        report("procfs_cpu", "us/sample", procfs)


def _sampler_us() -> tuple[float, float]:
    """CPU time per sample while it runs, and that of opening, closing, and having the trace."""
    before = time.process_time_ns()
    sampler = irqtrace.Sampler(kinds=["irq", "arch"])
    with sampler:
        time.sleep(SETTLE_S)
        began, first = time.process_time_ns(), sampler.progress.samples
        time.sleep(SAMPLES * INTERVAL_S)
        ended, last = time.process_time_ns(), sampler.progress.samples
        settled_share = first / (last - first)
    sampler.trace()
    whole = time.process_time_ns() - before
    running = ended - began
    return running / 1e3 / (last - first), (whole - running * (1 + settled_share)) / 1e3


def _paced_us(read: Callable[[], object]) -> float:
    before = time.process_time_ns()
    deadline = time.monotonic()
    for _ in range(SAMPLES):
        read()
        deadline += INTERVAL_S
        rest = deadline - time.monotonic()
        if rest > 0:
            time.sleep(rest)
    return (time.process_time_ns() - before) / 1e3 / SAMPLES


def _read_and_split() -> object:
    with open("/proc/interrupts") as file:  # noqa: PTH123 - the plainest loop there is
        return [line.split() for line in file]


def _read_counts() -> object:
    counts = {}
    with open("/proc/interrupts") as file:  # noqa: PTH123 - as above
        cpus = len(file.readline().split())
        for line in file:
            label, *fields = line.split()
            counts[label] = [int(field) for field in fields[:cpus] if field.isdigit()]
    return counts


def _procfs_reload() -> Callable[[], object]:
    sys.path.append(DEBIAN_PACKAGES)
    from procfs import interrupts  # noqa: PLC0415 - it may not be there

    reload: Callable[[], object] = interrupts().reload
    return reload


if __name__ == "__main__":
    main(int(sys.argv[1]))
