"""Analyses over many rows of Parquet beside the same figures asked for by hand, and beside pandas.

Each measurement is a process of its own, so that its memory is known.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from big_trace import big_trace
from report import in_turns, report

BUILD = Path(__file__).resolve().parent.parent / "build"
EVERY_MS = 1_000
TURNS = 3


def main(rows: int, few_rows: int) -> None:
    many, few = (str(big_trace(BUILD / f"bench-{count}.parquet", count)) for count in (rows, few_rows))
    results: dict[str, list[tuple[float, float]]] = {}
    measures = [(f"{who}_{what}", path) for what, path in _pairs(many, few) for who in ("ours", "other")]

    def measured(name: str, path: str) -> Callable[[], None]:
        def run() -> None:
            out = subprocess.run([sys.executable, __file__, name, path], capture_output=True, text=True, check=True)
            results.setdefault(name, []).append(tuple(json.loads(out.stdout)))

        return run

    in_turns(TURNS, *(measured(name, path) for name, path in measures))
    print(f"# {rows:,} rows beside Polars by hand, {few_rows:,} beside pandas, windows of {EVERY_MS} ms; {TURNS} turns")
    for name, values in results.items():
        report(f"{name}_time", "s", [took for took, _ in values])
        report(f"{name}_memory", "GiB", [peak for _, peak in values])


def _pairs(many: str, few: str) -> list[tuple[str, str]]:
    return [("rates", many), ("imbalance", many), ("rates_pandas", few), ("imbalance_pandas", few)]


def measure(name: str, path: str) -> None:
    """Prints how long one took, and the most memory that the process had beyond what it begins with, in GiB."""
    import by_hand  # noqa: PLC0415 - each in its own process
    import with_pandas  # noqa: PLC0415

    import irqtrace  # noqa: PLC0415

    every, every_ns = f"{EVERY_MS}ms", EVERY_MS * 1_000_000
    ways: dict[str, Callable[[], object]] = {
        "ours_rates": lambda: irqtrace.rates(path, every),
        "other_rates": lambda: by_hand.rates(path, every_ns),
        "ours_imbalance": lambda: irqtrace.imbalance(path, every),
        "other_imbalance": lambda: by_hand.imbalance(path, every_ns),
        "ours_rates_pandas": lambda: irqtrace.rates(path, every),
        "other_rates_pandas": lambda: with_pandas.rates(path, every_ns),
        "ours_imbalance_pandas": lambda: irqtrace.imbalance(path, every),
        "other_imbalance_pandas": lambda: with_pandas.imbalance(path, every_ns),
    }
    irqtrace.rates  # noqa: B018 - loads what the name stands for
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    ways[name]()
    took = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([took, peak / 2**20]))


if __name__ == "__main__":
    if sys.argv[1].isdigit():
        main(int(sys.argv[1]), int(sys.argv[2]))
    else:
        measure(sys.argv[1], sys.argv[2])
