"""The promises on what analyses take: each with what it is held against, how far it must reach, how that is judged."""

from collections.abc import Callable
from math import inf

from judge import Judged, Results, ratio, row
from report import median

__all__ = ["ROWS"]

WHAT = {
    "rates": "`rates` in windows of 1 s over 100 million rows of Parquet",
    "imbalance": "`imbalance` in windows of 1 s over 100 million rows of Parquet",
    "jitter": "`jitter` over 100 million rows of Parquet",
    "storms": "`storms` over 100 million rows of Parquet",
    "interference": "`interference` of 2 of 16 CPUs over 100 million rows of Parquet",
    "compare": "`compare` of 100 million rows of Parquet with 10 million",
}
MOST_GIB = 2
MOST_SECONDS = 2


def _as_fast(analysis: str) -> Callable[[Results], Judged]:
    ours, hand = f"ours_{analysis}_time", f"hand_{analysis}_time"
    as_measured = ratio(ours, hand, 1.2, "s")

    def judge(results: Results) -> Judged:
        if inf in results[ours]:
            return Judged(f"out of memory, to {median(results[hand]):.4g} s", met=False)
        return as_measured(results)

    return judge


def _memory(results: Results) -> Judged:
    most = {analysis: max(results[f"ours_{analysis}_memory"]) for analysis in WHAT}
    told = (f"{name} {gib:.2f} GiB" if gib < inf else f"{name} more than there is" for name, gib in most.items())
    return Judged(", ".join(told), max(most.values()) <= MOST_GIB)


def _never_slower(analysis: str) -> Callable[[Results], Judged]:
    """In no turn."""

    def judge(results: Results) -> Judged:
        ours, pandas = results[f"ours_{analysis}_few_time"], results[f"pandas_{analysis}_few_time"]
        slowest = max(our / other for our, other in zip(ours, pandas, strict=True))
        measured = f"at most {slowest:.3f} × in a turn ({median(ours):.4g} to {median(pandas):.4g} s)"
        return Judged(measured, slowest <= 1)

    return judge


def _overhead(results: Results) -> Judged:
    """The first turn starts the engine's Python processes."""
    first, *_ = results["spark_time"]
    spark, alone, start = (median(results[name]) for name in ("spark_time", "spark_alone_time", "spark_start"))
    measured = (
        f"{spark - alone:+.3g} s ({spark:.3g} to {alone:.3g} s), {first - alone:+.3g} s in the first turn; "
        f"{start:.3g} s more to start a session"
    )
    return Judged(measured, met=None)


def _page(results: Results) -> Judged:
    took = median(results["page_time"])
    return Judged(f"{took:.2f} s", took < MOST_SECONDS)


ROWS = (
    *(
        row(
            what,
            "the same figure in hand-written lazy Polars, the best query that we know",
            "≤ 1.2 ×",
            _as_fast(analysis),
            f"ours_{analysis}_time",
            f"hand_{analysis}_time",
        )
        for analysis, what in WHAT.items()
    ),
    row(
        "memory of the same, beyond the result itself",
        "",
        f"≤ {MOST_GIB} GiB",
        _memory,
        *(f"ours_{analysis}_memory" for analysis in WHAT),
    ),
    *(
        row(
            f"`{analysis}` in windows of 1 s over 10 million rows of Parquet",
            "pandas doing the same",
            "never slower",
            _never_slower(analysis),
            f"ours_{analysis}_few_time",
            f"pandas_{analysis}_few_time",
        )
        for analysis in ("rates", "imbalance")
    ),
    row(
        "64 trace files on local Spark with 2 tasks",
        "the same on Polars, one after the other",
        "the engine's own overhead, shown",
        _overhead,
        "spark_time",
        "spark_alone_time",
        "spark_start",
    ),
    row(
        "`irqtrace report` on a 10-minute 1 kHz trace of this machine, process start included",
        "",
        f"< {MOST_SECONDS} s",
        _page,
        "page_time",
    ),
)
