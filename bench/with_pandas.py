"""Rates and imbalance as pandas gives them."""

import numpy as np
import pandas as pd

__all__ = ["imbalance", "rates"]

INTERVAL_NS = 1_000_000
COLUMNS = ["sample", "time", "read_ns", "kind", "irq", "name", "cpu", "delta"]


def rates(path: str, every_ns: int) -> pd.DataFrame:
    """Counts and rates with their bounds, per line and window."""
    flat = pd.read_parquet(path, columns=COLUMNS)
    flat["window"] = flat["sample"] * INTERVAL_NS // every_ns
    counts = flat.groupby(["window", "kind", "irq", "name"], observed=True)["delta"].sum().rename("count").reset_index()
    begin = flat["time"].astype("int64")
    reads = pd.DataFrame({"kind": flat["kind"], "window": flat["window"], "b": begin, "e": begin + flat["read_ns"]})
    spans = reads.groupby(["kind", "window"], observed=True).agg(
        b0=("b", "min"), e0=("e", "min"), b1=("b", "max"), e1=("e", "max")
    )
    for edge in "be":
        before = spans.groupby("kind", observed=True)[f"{edge}1"].shift()
        spans[f"{edge}0"] = before.fillna(spans[f"{edge}0"])
    rows = counts.merge(spans.reset_index(), on=["kind", "window"])
    rows["rate"] = rows["count"] * 2e9 / (rows["b1"] + rows["e1"] - rows["b0"] - rows["e0"])
    rows["rate_lo"] = rows["count"] * 1e9 / (rows["e1"] - rows["b0"])
    rows["rate_hi"] = rows["count"] * 1e9 / (rows["b1"] - rows["e0"])
    return rows


def imbalance(path: str, every_ns: int) -> pd.DataFrame:
    """How evenly the CPUs shared each line, per window."""
    flat = pd.read_parquet(path, columns=["sample", "kind", "irq", "name", "cpu", "delta"])
    flat["window"] = flat["sample"] * INTERVAL_NS // every_ns
    keys = ["window", "kind", "irq", "name"]
    summed = flat.groupby([*keys, "cpu"], observed=True)["delta"].sum()
    cells = summed.unstack("cpu", fill_value=0)  # noqa: PD010 - there is nothing left to aggregate
    counts = np.sort(cells.to_numpy(dtype=float), axis=1)
    n, total = counts.shape[1], counts.sum(axis=1)
    shares = counts / total[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(np.where(shares > 0, shares * np.log(shares), 0), axis=1)
    return pd.DataFrame(
        {
            "total": cells.to_numpy().sum(axis=1),
            "busiest_cpu": cells.columns.to_numpy()[cells.to_numpy().argmax(axis=1)],
            "busiest_share": shares[:, -1],
            "max_over_mean": counts[:, -1] * n / total,
            "cv": counts.std(axis=1) * n / total,
            "gini": 2 * (counts * np.arange(1, n + 1)).sum(axis=1) / (n * total) - (n + 1) / n,
            "effective_cpus": np.exp(entropy),
        },
        index=cells.index,
    )
