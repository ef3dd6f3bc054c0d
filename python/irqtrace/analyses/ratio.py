"""The ratio of two rates, with an interval that knows how unevenly the interrupts came."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import polars as pl

__all__ = ["ratios", "t_quantile", "t_quantiles"]

OUTSIDE = 0.05
"""How often an interval may miss the truth."""

FARTHEST = 1e6
"""Of a bound from its ratio."""

SIDES = ("before", "after")


def ratios(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds ratio_lo and ratio_hi, the 95 % interval of the ratio of two rates, and whether it excludes 1: significant.

    A row has count (N), seconds (T), squares (Q) and windows (k) of both sides, count_before, count_after and so on;
    and unsure, by how many seconds T may be too long or too short, which makes the interval as much wider. With n
    interrupts in each window of t seconds, Q = Σ (n - t · N/T)² and k = T² / Σ t², which is the number of the windows
    where all are as long.

    φ = Q / (N · (1 - 1/k)) is the index of dispersion, 1 for a Poisson process, and φ/N the variance of ln N: so for
    quasi-Poisson counts (McCullagh and Nelder, 1989, chapter 6), and for what comes in bursts as long as these are
    shorter than a window (batch means: Schmeiser, 1982). Each side has its own φ, but none less than that of both
    together, since of few bursts it is found too small as easily as too great. A side that counted nothing, or has no
    second window, has the other's. No variance is below 1/(6 N²), which is what the two edges of a span do to the
    count of a perfectly regular stream.

    The interval is ln((N₂ + ½) / T₂) - ln((N₁ + ½) / T₁) ± t · √(variance₁ + variance₂), with the ½ of Haldane (1956)
    for what counted nothing, and Student's t for the degrees of freedom of Satterthwaite (1946) and Welch (1947).

    ratio_lo is 0 where nothing was counted after, ratio_hi null (there is none) where nothing was before; and both so
    where they lie more than a factor of 10⁶ apart from the ratio, which is to say that nothing is known. All three are
    null where neither side tells how unevenly interrupts come.
    """
    own = {side: _dispersion(side) for side in SIDES}
    rows = rows.with_columns(
        **{f"own_{side}": own[side] for side in SIDES},
        **{f"free_{side}": pl.when(own[side].is_not_null()).then(pl.col(f"windows_{side}") - 1) for side in SIDES},
    )
    free = pl.sum_horizontal(f"free_{side}" for side in SIDES)
    pooled = pl.sum_horizontal(pl.col(f"own_{side}") * pl.col(f"free_{side}") for side in SIDES) / free
    variances = {side: _variance(side, pl.when(free > 0).then(pooled)) for side in SIDES}
    logs = {side: ((pl.col(f"count_{side}") + 0.5) / pl.col(f"seconds_{side}")).log() for side in SIDES}
    welch = pl.sum_horizontal(variances[side] ** 2 / pl.col(f"free_{side}").fill_null(free) for side in SIDES)
    measured = rows.select(
        difference=logs["after"] - logs["before"],
        variance=variances["before"] + variances["after"],
        free=(variances["before"] + variances["after"]) ** 2 / welch,
    )
    reach = t_quantiles(OUTSIDE, measured["free"]) * measured["variance"].sqrt()
    unsure = rows.select(
        low=_stretched("before", -1) - _stretched("after", 1), high=_stretched("before", 1) - _stretched("after", -1)
    )
    ends = measured["difference"] - reach + unsure["low"], measured["difference"] + reach + unsure["high"]
    # No ratio of counts is anywhere near e^700, and what is beyond has no float.
    low, high = (end.clip(-700, 700).exp() for end in ends)
    is_told = (ends[1] - ends[0]) / 2 < math.log(FARTHEST)
    return rows.select(pl.exclude("^(own|free)_.*$")).with_columns(
        ratio_lo=pl.when(pl.col("count_after") > 0, is_told).then(low).otherwise(pl.when(low.is_not_null()).then(0.0)),
        ratio_hi=pl.when(pl.col("count_before") > 0, is_told).then(high),
        significant=(low > 1) | (high < 1),
    )


def _stretched(side: str, sign: int) -> pl.Expr:
    """The logarithm of how much longer or shorter the time of a side may be. None may be left of it."""
    part = 1 + sign * pl.col(f"unsure_{side}") / pl.col(f"seconds_{side}")
    return pl.when(part > 0).then(part.log()).otherwise(-math.inf)


def _dispersion(side: str) -> pl.Expr:
    count, windows = pl.col(f"count_{side}"), pl.col(f"windows_{side}")
    # A window and a very short one are no two windows.
    return pl.when(count > 0, windows >= 2 - 1e-9).then(pl.col(f"squares_{side}") / (count * (1 - 1 / windows)))


def _variance(side: str, pooled: pl.Expr) -> pl.Expr:
    count = pl.col(f"count_{side}") + 0.5
    dispersion = pl.when(pooled.is_not_null()).then(pl.max_horizontal(f"own_{side}", pooled))
    return pl.when(dispersion.is_not_null()).then(pl.max_horizontal(dispersion / count, 1 / (6 * count**2)))


def t_quantiles(outside: float | pl.Series, free: pl.Series) -> pl.Series:
    """`t_quantile` of each, null where there is no degree of freedom. Parts of one do not count, to be safe."""
    levels = [outside] * len(free) if isinstance(outside, float) else outside.to_list()
    values = [
        None if degrees is None or math.isnan(degrees) or degrees < 1 else t_quantile(level, int(degrees))
        for level, degrees in zip(levels, free.to_list(), strict=True)
    ]
    return pl.Series(values, dtype=pl.Float64)


@lru_cache(maxsize=4096)
def t_quantile(outside: float, free: int) -> float:
    """What Student's t with so many degrees of freedom exceeds in absolute value with the probability ``outside``.

    By Hill's expansion (Communications of the ACM 13, 1970, algorithm 396), to about six digits.
    """
    if free == 1:
        return 1 / math.tan(outside * math.pi / 2)
    if free == 2:  # noqa: PLR2004 - the two that have a closed form
        return math.sqrt(2 / (outside * (2 - outside)) - 2)
    a = 1 / (free - 0.5)
    b = 48 / a**2
    c = ((20_700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * free
    y = (d * outside) ** (2 / free)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(outside / 2)
        y = x**2
        if free < 5:  # noqa: PLR2004 - of the expansion, as all that follow
            c += 0.3 * (free - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y**2)
    else:
        tail = 1 / (((free + 6) / (free * y) - 0.089 * d - 0.822) * (free + 2) * 3) + 0.5 / (free + 4)
        y = (tail * y - 1) * (free + 1) / (free + 2) + 1 / y
    return math.sqrt(free * y)
