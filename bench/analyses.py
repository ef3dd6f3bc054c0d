"""Analyses over many rows of Parquet beside the same figures asked for by hand, and beside pandas.

Each measurement is a process of its own, so that its memory is known.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path

from big_trace import big_trace
from report import in_turns, report

BUILD = Path(__file__).resolve().parent.parent / "build"
EVERY, EVERY_NS = "1s", 1_000_000_000
CPUS = [2, 3]
TURNS = 3

NAMES = ("rates", "imbalance", "jitter", "storms", "interference", "compare")
BESIDE_PANDAS = ("rates", "imbalance")
KILLED = -9


def main(rows: int, few_rows: int) -> None:
    many, few = (str(big_trace(BUILD / f"cells-{count}.parquet", count)) for count in (rows, few_rows))
    results: dict[str, list[tuple[float, float]]] = {}

    def measured(who: str, what: str, path: str, name: str) -> Callable[[], None]:
        def run() -> None:
            results.setdefault(name, []).append(_in_a_process(who, what, path, few))

        return run

    beside_pandas = [
        measured(who, what, few, f"{who}_{what}_few") for what in BESIDE_PANDAS for who in ("ours", "pandas")
    ]
    by_hand = {what: [measured(who, what, many, f"{who}_{what}") for who in ("ours", "hand")] for what in NAMES}
    for path in (many, few):
        Path(path).read_bytes()  # from here on it is in the kernel's cache
    in_turns(TURNS, *beside_pandas, *chain.from_iterable(by_hand.values()))
    print(f"# {rows:,} rows beside Polars by hand, {few_rows:,} beside pandas; {TURNS} turns")
    for name, values in results.items():
        report(f"{name}_time", "s", [took for took, _ in values])
        report(f"{name}_memory", "GiB", [peak for _, peak in values])


def _in_a_process(who: str, what: str, path: str, few: str) -> tuple[float, float]:
    """Seconds and GiB; infinite where the machine's memory was not enough."""
    command = [sys.executable, __file__, who, what, path, few]
    out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if out.returncode == KILLED:
        return inf, inf
    out.check_returncode()
    took, peak = json.loads(out.stdout)
    return took, peak


def measure(who: str, what: str, path: str, few: str) -> None:
    """Prints how long it took, and the most memory that it had beyond what it began with and the result, in GiB."""
    # Where memory is short, it is this process that has to go.
    Path("/proc/self/oom_score_adj").write_text("1000")
    run = _ways(who, path, few)[what]
    before = _status_kib("VmRSS")
    begin = time.perf_counter()
    result = run()
    took = time.perf_counter() - begin
    peak = _status_kib("VmHWM") - before
    size = result.estimated_size() if hasattr(result, "estimated_size") else 0
    print(json.dumps([took, peak / 2**20 - size / 2**30]))


def _ways(who: str, path: str, few: str) -> dict[str, Callable[[], object]]:
    """All analyses, loaded."""
    if who == "ours":
        import irqtrace  # noqa: PLC0415 - each in its own process

        return {
            "rates": partial(irqtrace.rates, path, EVERY),
            "imbalance": partial(irqtrace.imbalance, path, EVERY),
            "jitter": partial(irqtrace.jitter, path),
            "storms": partial(irqtrace.storms, path),
            "interference": partial(irqtrace.interference, path, CPUS),
            "compare": partial(irqtrace.compare, path, few),
        }
    if who == "pandas":
        import with_pandas  # noqa: PLC0415

        return {
            "rates": partial(with_pandas.rates, path, EVERY_NS),
            "imbalance": partial(with_pandas.imbalance, path, EVERY_NS),
        }
    import by_hand  # noqa: PLC0415

    return {
        "rates": partial(by_hand.rates, path, EVERY_NS),
        "imbalance": partial(by_hand.imbalance, path, EVERY_NS),
        "jitter": partial(by_hand.jitter, path),
        "storms": partial(by_hand.storms, path),
        "interference": partial(by_hand.interference, path, CPUS),
        "compare": partial(by_hand.compare, path, few),
    }


def _status_kib(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status tells no {name}")


if __name__ == "__main__":
    if sys.argv[1].isdigit():
        main(int(sys.argv[1]), int(sys.argv[2]))
    else:
        measure(*sys.argv[1:])
