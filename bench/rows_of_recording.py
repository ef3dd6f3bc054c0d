"""The promises on what a recording takes to keep."""

from collections.abc import Callable

from judge import Judged, Results, ratio, row
from report import median

__all__ = ["ROWS"]

LOADS = {"idle": "idle", "light": "under light load"}


def _bytes_a_sample(name: str, at_most: float) -> Callable[[Results], Judged]:
    def judge(results: Results) -> Judged:
        size = median(results[name])
        return Judged(f"{size:.1f} bytes", size <= at_most)

    return judge


def _times(name: str, at_most: float) -> Callable[[Results], Judged]:
    def judge(results: Results) -> Judged:
        times = median(results[name])
        return Judged(f"{times:.2f} ×", times <= at_most)

    return judge


def _beside(load: str) -> Callable[[Results], Judged]:
    def judge(results: Results) -> Judged:
        ours, *others = (median(results[f"size_{load}_{what}"]) / 1e6 for what in ("beside", "csv", "perf", "raw"))
        csv, perf, raw = others
        return Judged(f"{ours:.2f} MB; CSV {csv:.1f}, perf.data {perf:.1f}, raw texts {raw:.0f} MB", None)

    return judge


ROWS = tuple(
    one
    for load, said in LOADS.items()
    for one in (
        row(
            f"a live trace of all kinds at 1 kHz on disk, {said}",
            "its samples",
            "≤ 16 bytes a sample",
            _bytes_a_sample(f"size_{load}_a_sample", 16),
            f"size_{load}_a_sample",
        ),
        row(
            f"a trace, {said}",
            "the raw texts of the same seconds with their times, by `zstd -3 --long`",
            "≤ 0.5 ×",
            ratio(f"size_{load}_beside", f"size_{load}_zstd", 0.5, "MB", 1e6),
            f"size_{load}_beside",
            f"size_{load}_zstd",
        ),
        row(
            f"a trace, {said}",
            "CSV of the same table, `perf record -e 'irq:*'` and the raw texts of the same seconds",
            "shown",
            _beside(load),
            *(f"size_{load}_{what}" for what in ("beside", "csv", "perf", "raw")),
        ),
        row(
            f"bytes written in all for a recording of a minute, {said}",
            "its file",
            "≤ 2.5 ×",
            _times(f"size_{load}_written", 2.5),
            f"size_{load}_written",
        ),
        row(
            f"CPU time of writing a recording, {said}",
            "that of sampling it",
            "< 1 ×",
            ratio(f"size_{load}_writer", f"size_{load}_sampler", 1, "ms per s"),
            f"size_{load}_writer",
            f"size_{load}_sampler",
        ),
    )
)
