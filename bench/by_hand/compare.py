"""A comparison by hand."""

import polars as pl

from irqtrace.analyses.ratio import t_quantile  # Polars has no Student's t

from .file import CPUS, SECONDS, code_of, last_sample, line_in, lines, spans, window_of

__all__ = ["compare"]

WINDOWS = 20
SIDES = ("before", "after")
FEWEST, LEAST, BY_CHANCE, OUTSIDE = 5, 0.05, 0.001, 0.05


def compare(before: str, after: str) -> pl.DataFrame:
    """Which lines became faster or slower, or moved between CPUs, and what of it may be chance."""
    flats = {side: pl.scan_parquet(path) for side, path in zip(SIDES, (before, after), strict=True)}
    shortest = min(last_sample(flat) + 1 for flat in flats.values())
    sides = {side: _side(flat, max(shortest // WINDOWS, 1), side) for side, flat in flats.items()}
    rows = sides["before"][0].join(sides["after"][0], on="irq")
    moved = _moved(sides["before"][1], sides["after"][1], rows)
    low, high, rate = pl.col("ratio_lo"), pl.col("ratio_hi"), {side: pl.col(f"rate_{side}") for side in SIDES}
    faster = pl.when(rate["after"] > rate["before"]).then(pl.lit("faster")).otherwise(pl.lit("slower"))
    other = pl.when("moved").then(pl.lit("moved")).otherwise(pl.lit("same"))
    return (
        _with_interval(rows)
        .join(moved, on="irq")
        .join(lines(flats["after"]), on="irq")
        .with_columns(excludes=(low > 1) | (high < 1))
        .with_columns(
            ratio=rate["after"] / rate["before"],
            significant=pl.col("excludes") | pl.col("moved"),
            change=pl.when("excludes").then(faster).otherwise(other),
            effect=pl.max_horizontal(
                (rate["after"] - rate["before"]).abs(),
                pl.when("moved").then(pl.col("moved_share") * pl.min_horizontal(*rate.values())),
            ),
        )
        .sort("significant", "effect", "name", descending=[True, True, False])
        .select(
            *("irq", "name", *(f"rate_{side}" for side in SIDES), "ratio", "ratio_lo", "ratio_hi"),
            *("significant", "moved_share", "change"),
        )
    )


def _side(flat: pl.LazyFrame, samples: int, side: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of each line its rate, the dispersion of its windows and their number; and of each CPU what its shares need."""
    cells = (
        flat.group_by(cell=line_in(samples) * CPUS + pl.col("cpu"))
        .agg(mine=pl.col("delta").sum().cast(pl.Float64))
        .select("mine", line=pl.col("cell") // CPUS, cpu=pl.col("cell") % CPUS)
        .select("mine", "cpu", window=window_of(pl.col("line")), code=code_of(pl.col("line")))
        .collect(engine="streaming")
        .join(lines(flat).select("code", "irq"), on="code")
    )
    around = spans(flat, samples).select("window", t=SECONDS)
    n, t = pl.col("n"), pl.col("t")
    windows = cells.group_by("irq", "window").agg(n=pl.col("mine").sum())
    total, squared = around.select(t.sum(), tt=(t**2).sum()).row(0)
    k = total**2 / squared
    rate = n.sum() / total
    of_line = (
        windows.join(around, on="window")
        .group_by("irq")
        .agg(
            n.sum().alias(f"n_{side}"),
            (n**2).sum().alias(f"nn_{side}"),
            rate.alias(f"rate_{side}"),
            (((n**2).sum() - 2 * rate * (n * t).sum() + rate**2 * squared).clip(0) / (n.sum() * (1 - 1 / k))).alias(
                f"own_{side}"
            ),
        )
        .with_columns(pl.lit(k - 1).alias(f"free_{side}"), pl.lit(total).alias(f"seconds_{side}"))
    )
    of_cpu = (
        cells.join(windows, on=["irq", "window"])
        .group_by("irq", "cpu")
        .agg(
            pl.col("mine").sum().alias(f"mine_{side}"),
            (pl.col("mine") ** 2).sum().alias(f"mm_{side}"),
            (pl.col("mine") * n).sum().alias(f"mn_{side}"),
        )
    )
    return of_line, of_cpu


def _with_interval(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds ratio_lo and ratio_hi."""
    free = pl.sum_horizontal(f"free_{side}" for side in SIDES)
    pooled = pl.sum_horizontal(pl.col(f"own_{side}") * pl.col(f"free_{side}") for side in SIDES) / free
    variances, logs = [], []
    for side in SIDES:
        n = pl.col(f"n_{side}") + 0.5
        variances.append(pl.max_horizontal(pl.max_horizontal(f"own_{side}", pooled) / n, 1 / (6 * n**2)))
        logs.append((n / pl.col(f"seconds_{side}")).log())
    variance = variances[0] + variances[1]
    welch = variances[0] ** 2 / pl.col("free_before") + variances[1] ** 2 / pl.col("free_after")
    found = rows.with_columns(variance=variance, degrees=variance**2 / welch, difference=logs[1] - logs[0])
    t = pl.Series([t_quantile(OUTSIDE, int(degrees)) for degrees in found["degrees"]])
    reach = t * found["variance"].sqrt()
    return found.with_columns(
        ratio_lo=(found["difference"] - reach).exp(), ratio_hi=(found["difference"] + reach).exp()
    )


def _moved(before: pl.DataFrame, after: pl.DataFrame, of_line: pl.DataFrame) -> pl.DataFrame:
    """irq, moved_share, moved."""
    cpus = before.join(after, on=["irq", "cpu"], how="full", coalesce=True).fill_null(0).join(of_line, on="irq")
    shares, variances = {}, {}
    for side in SIDES:
        mine, mm, mn, n, nn = (pl.col(f"{name}_{side}") for name in ("mine", "mm", "mn", "n", "nn"))
        share, k = mine / n, n**2 / nn
        shares[side] = share
        variances[side] = pl.when(k >= FEWEST).then((mm - 2 * share * mn + share**2 * nn).clip(0) / n**2 / (1 - 1 / k))
    n, n_after = pl.col("n_before"), pl.col("n_after")
    together = (shares["before"] * n + shares["after"] * n_after) / (n + n_after)
    least = together * (1 - together) * (1 / n + 1 / n_after)
    variance = variances["before"] + variances["after"]
    difference = (shares["after"] - shares["before"]).abs()
    found = cpus.group_by("irq").agg(
        moved_share=difference.sum() / 2,
        z=(difference / pl.max_horizontal(variance, least).sqrt()).filter(variance.is_not_null(), least > 0).max(),
        degrees=(n**2 / pl.col("nn_before") + n_after**2 / pl.col("nn_after") - 2).first(),
        cpus=pl.len(),
    )
    reach = pl.Series(
        [t_quantile(BY_CHANCE / cpus, int(degrees)) for cpus, degrees in found.select("cpus", "degrees").iter_rows()]
    )
    moved = ((found["z"] > reach) & (found["moved_share"] >= LEAST)).fill_null(value=False)
    return found.select("irq", "moved_share", moved=moved)
