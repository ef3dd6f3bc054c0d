"""What the sampler misses while a Python thread on the other core never gives the interpreter up, and without it."""

import os
import sys
import threading

from report import in_turns, report

import irqtrace


def main(turns: int) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        print("# skipped missed_alone missed_beside_hog: it takes two CPUs")
        return
    hog_cpu, sampler_cpu = cpus[0], cpus[-1]
    alone: list[float] = []
    beside: list[float] = []

    def with_hog() -> None:
        stop = threading.Event()
        hog = threading.Thread(target=_hold, args=(hog_cpu, stop), name="hog")
        hog.start()
        try:
            beside.append(_missed_share(sampler_cpu))
        finally:
            stop.set()
            hog.join()

    in_turns(turns, lambda: alone.append(_missed_share(sampler_cpu)), with_hog)
    print(f"# missed at 1 kHz on CPU {sampler_cpu}, a thread that holds the GIL on CPU {hog_cpu}; {turns} turns of 1 s")
    report("missed_alone", "of-1", alone)
    report("missed_beside_hog", "of-1", beside)


def _hold(cpu: int, stop: threading.Event) -> None:
    os.sched_setaffinity(threading.get_native_id(), [cpu])
    count = 0
    while not stop.is_set():
        for count in range(10_000):  # noqa: B007 - nothing but the interpreter's own work
            pass


def _missed_share(cpu: int) -> float:
    groups = irqtrace.record("1s", pin=cpu).info.groups
    missed = sum(group.missed for group in groups)
    return missed / (missed + sum(group.reads for group in groups))


if __name__ == "__main__":
    main(int(sys.argv[1]))
