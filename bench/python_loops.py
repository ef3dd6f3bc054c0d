"""CPU time per sample of /proc/interrupts: the sampler, plain loops in Python, and python-linux-procfs.

One plain loop only splits the text, the other makes numbers of the counts. Each samples at 1 kHz for a second per turn.
The CPU time is that of the whole process, all threads, opening included.
"""

import sys
import time
from collections.abc import Callable

from report import in_turns, report

import irqtrace

SAMPLES = 1_000
INTERVAL_S = 1e-3
# Debian's python3-linux-procfs is pure Python and runs under any interpreter; what is installed here comes first.
DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages"


def main(turns: int) -> None:
    ours: list[float] = []
    split: list[float] = []
    plain: list[float] = []
    procfs: list[float] = []
    measures = [
        lambda: ours.append(_sampler_us()),
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
    report("python_split_cpu", "us/sample", split)
    report("python_counts_cpu", "us/sample", plain)
    if procfs:
        report("procfs_cpu", "us/sample", procfs)


def _sampler_us() -> float:
    before = time.process_time_ns()
    trace = irqtrace.record("1s", kinds=["irq", "arch"])
    cpu_ns = time.process_time_ns() - before
    return cpu_ns / 1e3 / min(group.reads for group in trace.info.groups)


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
