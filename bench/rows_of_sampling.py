"""The promises on what sampling takes: each with what it is held against, how far it must reach, how that is judged."""

from collections.abc import Callable

from judge import Judged, Results, ratio, row
from report import median, quartile_range

__all__ = ["ROWS"]

_BARE_INTERRUPTS = "bare_interrupts_cpu"


def _lower(ours: str, theirs: str, at_least: float) -> Callable[[Results], Judged]:
    """Says also what reading alone takes: no sampler of the same file can be lower."""

    def judge(results: Results) -> Judged:
        our, their, bare = (median(results[name]) for name in (ours, theirs, _BARE_INTERRUPTS))
        measured = (
            f"{their / our:.2f} × lower ({our:.3g} to {their:.4g} µs; a bare loop of `pread` alone takes {bare:.3g} "
        )
        return Judged(f"{measured}µs, {their / bare:.2f} × lower)", their / our >= at_least)

    return judge


def _no_more_missed(ours: str, theirs: str) -> Callable[[Results], Judged]:
    def judge(results: Results) -> Judged:
        our, their, spread = median(results[ours]), median(results[theirs]), quartile_range(results[theirs])
        measured = f"median {our:.3%} to {their:.3%}, interquartile range {spread:.3%}"
        return Judged(measured, our <= their + spread)

    return judge


def _strict(results: Results) -> Judged:
    speed = median(results["strict_big"])
    return Judged(f"{speed:.0f} MB/s", speed >= 500)


def _frame(results: Results) -> Judged:
    rows, took, grown = median(results["frame_rows"]), median(results["frame_time"]), max(results["frame_growth"])
    chunk, foreign = median(results["frame_smallest_chunk"]), median(results["frame_foreign_columns"])
    measured = (
        f"{rows / 1e6:.1f} million rows in {took:.2f} ms, {foreign:.0f} columns copied, memory {grown:+.2f} MiB, "
        f"chunks of {chunk:,.0f} rows or more"
    )
    # A frame's own description takes some pages; the rows take hundreds of MiB.
    met = rows >= 1e7 and took < 10 and foreign == 0 and grown < 1 and chunk >= 1 << 16
    return Judged(measured, met)


def _allocations(results: Results) -> Judged:
    (passed,) = results["no_allocations"]
    return Judged("0" if passed else "the test fails", bool(passed))


_PREAD = "a bare `pread` loop on the same file"
_BARE_LOOP = "a bare loop that sleeps to the grid and `pread`s the same files"
_CYCLICTEST = "cyclictest; same interval, pin, priority, locked memory and latency request"

ROWS = (
    row(
        "read + parse + store, back to back, /proc/interrupts",
        _PREAD,
        "≤ 1.03 ×",
        ratio("read_parse_store", "bare_pread", 1.03, "µs", 1e3),
        "read_parse_store",
        "bare_pread",
    ),
    row(
        "only device lines wanted (prefix read)",
        "the full read",
        "≤ 0.40 ×",
        ratio("device_lines", "whole_text", 0.40, "µs", 1e3),
        "device_lines",
        "whole_text",
    ),
    row(
        "incremental parse of a 1,152-CPU, 13 MB text, 1 % of the cells changed",
        "comparison of two equal copies, warm",
        "≤ 2 ×",
        ratio("incremental_big_1_percent", "compare_big", 2, "ms"),
        "incremental_big_1_percent",
        "compare_big",
    ),
    row("strict parse of the same", "one core", "≥ 500 MB/s", _strict, "strict_big"),
    row(
        "paced at 1 kHz, defaults: missed samples",
        _BARE_LOOP,
        "median ≤ median + interquartile range",
        _no_more_missed("paced_missed", "bare_paced_missed"),
        "paced_missed",
        "bare_paced_missed",
    ),
    row(
        "the same: CPU time of the whole process, start to end",
        _BARE_LOOP,
        "≤ 1.15 ×",
        ratio("paced_cpu", "bare_paced_cpu", 1.15, "ms per s"),
        "paced_cpu",
        "bare_paced_cpu",
    ),
    row(
        "lateness at 1 kHz, p50",
        _CYCLICTEST,
        "≤ 1.2 ×",
        ratio("late_p50", "cyclictest_p50", 1.2, "µs"),
        "late_p50",
        "cyclictest_p50",
    ),
    row(
        "lateness at 1 kHz, p99",
        _CYCLICTEST,
        "≤ 1.2 ×",
        ratio("late_p99", "cyclictest_p99", 1.2, "µs"),
        "late_p99",
        "cyclictest_p99",
    ),
    row(
        "CPU time per sample of /proc/interrupts at 1 kHz",
        "a plain Python read-and-split loop that makes numbers of the counts",
        "≥ 2 × lower",
        _lower("sampler_cpu", "python_counts_cpu", 2),
        "sampler_cpu",
        "python_counts_cpu",
        _BARE_INTERRUPTS,
    ),
    row(
        "CPU time per sample of /proc/interrupts at 1 kHz",
        "the same loop that leaves them as text",
        "≥ 2 × lower",
        _lower("sampler_cpu", "python_split_cpu", 2),
        "sampler_cpu",
        "python_split_cpu",
        _BARE_INTERRUPTS,
    ),
    row(
        "CPU time per sample of /proc/interrupts at 1 kHz",
        "python-linux-procfs",
        "≥ 8 × lower",
        _lower("sampler_cpu", "procfs_cpu", 8),
        "sampler_cpu",
        "procfs_cpu",
        _BARE_INTERRUPTS,
    ),
    row(
        "missed samples beside a Python thread that holds the GIL on the other core",
        "the same without it",
        "median ≤ median + interquartile range",
        _no_more_missed("missed_beside_hog", "missed_alone"),
        "missed_beside_hog",
        "missed_alone",
    ),
    row(
        "10 million rows as `pl.DataFrame(trace)`",
        "",
        "< 10 ms, same buffer addresses, no growth of memory, chunks of 64k rows or more",
        _frame,
        "frame_time",
    ),
    row("allocations of the sampler thread per sample, steady state", "", "0", _allocations, "no_allocations"),
)
