"""How much of a line's interrupts other CPUs took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from .ratio import t_quantiles

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["moved", "of_window"]

LEAST = 0.05
"""What moved less is not worth a word."""

BY_CHANCE = 0.001
FEWEST = 5
"""Of windows of each side: fewer do not tell how much the shares vary."""


def of_window(columns: Iterable[str]) -> list[str]:
    """The columns by which the windows of what `columns` tell apart are told apart."""
    return list(dict.fromkeys(["rec", *columns, "window"]))


def moved(before: pl.DataFrame, after: pl.DataFrame, line: tuple[str, ...]) -> pl.DataFrame:
    """The columns of a line, moved_share, and moved: whether it is more than chance explains.

    Both frames have what each CPU counted in each window (count). With p the share of a CPU on each of the two sides,
    moved_share is ½ Σ |p₂ - p₁|, the total variation distance.

    It moved where the share of any CPU differs by more than t · √(variance₁ + variance₂). With n_c of n interrupts in a
    window, the variance of p is Σ (n_c - p · n)² / (Σ n)² / (1 - 1/k), where k = (Σ n)² / Σ n²: a ratio estimate over
    clusters (Cochran, Sampling Techniques, 1977, chapter 6), since a CPU takes the interrupts of a burst together. The
    sum of both is not less than what chance makes of interrupts that know nothing of each other. t is for one time in
    a thousand over all CPUs (Bonferroni), with k₁ + k₂ - 2 degrees of freedom.
    """
    cpus = _shares(before, line).join(
        _shares(after, line), on=[*line, "cpu"], how="full", coalesce=True, nulls_equal=True, suffix="_after"
    )
    sides = [_totals(before, line), _totals(after, line)]
    totals = sides[0].join(sides[1], on=line, nulls_equal=True, suffix="_after")
    cpus = cpus.join(totals, on=line, nulls_equal=True)
    variances, shares = [], []
    for suffix in ("", "_after"):
        mine, n, squares = (pl.col(f"{name}{suffix}") for name in ("mine", "n", "squares"))
        mine = mine.fill_null(0)
        share = mine / n
        own, both = (pl.col(f"{name}{suffix}").fill_null(0) for name in ("own", "both"))
        windows = n**2 / squares
        spread = (own - 2 * share * both + share**2 * squares).clip(0) / n**2
        shares.append(share)
        variances.append(pl.when(windows >= FEWEST).then(spread / (1 - 1 / windows)))
    n, n_after = pl.col("n"), pl.col("n_after")
    together = (shares[0] * n + shares[1] * n_after) / (n + n_after)
    least = together * (1 - together) * (1 / n + 1 / n_after)
    variance = variances[0] + variances[1]
    rows = cpus.with_columns(
        difference=shares[1] - shares[0],
        variance=pl.when(variance.is_not_null()).then(pl.max_horizontal(variance, least)),
        free=n**2 / pl.col("squares") + n_after**2 / pl.col("squares_after") - 2,
    )
    lines = rows.group_by(line).agg(
        moved_share=pl.col("difference").abs().sum() / 2,
        # A CPU that has the same share on both sides may have no variance.
        z=(pl.col("difference").abs() / pl.col("variance").sqrt()).filter(pl.col("variance") > 0).max(),
        free=pl.col("free").first(),
        cpus=pl.len(),
    )
    reach = t_quantiles(BY_CHANCE / lines["cpus"], lines["free"])
    known = (pl.col("z") > reach) & (pl.col("moved_share") >= LEAST)
    return lines.select(*line, "moved_share", moved=known.fill_null(value=False))


def _shares(cells: pl.DataFrame, line: tuple[str, ...]) -> pl.DataFrame:
    """Of each CPU Σ n_c, Σ n_c² and Σ n_c · n."""
    counted = cells.filter(pl.col("cpu").is_not_null()).with_columns(pl.col("count").cast(pl.Float64))
    mine, n = pl.col("count"), pl.col("n")
    return (
        counted.with_columns(n=mine.sum().over(of_window(line)))
        .group_by(*line, "cpu")
        .agg(mine=mine.sum(), own=(mine**2).sum(), both=(mine * n).sum())
        .filter(pl.col("mine") > 0)
    )


def _totals(cells: pl.DataFrame, line: tuple[str, ...]) -> pl.DataFrame:
    """Of each line Σ n and Σ n², where it counted anything."""
    n = pl.col("n")
    return (
        cells.filter(pl.col("cpu").is_not_null())
        .group_by(of_window(line))
        .agg(n=pl.col("count").sum().cast(pl.Float64))
        .group_by(line)
        .agg(n=n.sum(), squares=(n**2).sum())
        .filter(n > 0)
    )
