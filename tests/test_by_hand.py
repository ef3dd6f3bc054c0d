"""The queries that the bench holds the analyses against give the same figures: else they would be no measure."""

from __future__ import annotations

import by_hand
import polars as pl
import pytest
import with_pandas
from big_trace import big_trace
from polars.testing import assert_frame_equal

import irqtrace
from irqtrace.analyses import jitter

EVERY, EVERY_NS = "100ms", 100_000_000
BOUNDS = ["rate", "rate_lo", "rate_hi"]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> str:
    """10 s of many cells, with storms."""
    return str(big_trace(tmp_path_factory.mktemp("big") / "big.parquet", 200_000))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first 4 s of the same, and then another length of windows."""
    return str(big_trace(tmp_path_factory.mktemp("short") / "short.parquet", 80_000))


def _same(ours: pl.DataFrame, other: pl.DataFrame) -> None:
    """All columns of the other, in the same order of rows; text as text and whole numbers as such."""
    as_text = [pl.col(name).cast(pl.String) for name in ("kind", "irq", "name") if name in other.columns]
    whole = pl.selectors.integer().cast(pl.Int64)
    frames = [frame.select(other.columns).with_columns(as_text).with_columns(whole) for frame in (ours, other)]
    assert len(other) > 0
    assert_frame_equal(*frames, rel_tol=1e-9)


def _with_window(ours: pl.DataFrame) -> pl.DataFrame:
    time = pl.col("time").dt.epoch("ns")
    return ours.with_columns(window=(time - time.min()) // EVERY_NS)


def test_rates(big: str) -> None:
    _same(_with_window(irqtrace.rates(big, EVERY)), by_hand.rates(big, EVERY_NS))


def test_imbalance(big: str) -> None:
    _same(_with_window(irqtrace.imbalance(big, EVERY)), by_hand.imbalance(big, EVERY_NS))


def test_interference(big: str) -> None:
    _same(irqtrace.interference(big, [2, 3]), by_hand.interference(big, [2, 3]))


def test_storms(big: str) -> None:
    ours = irqtrace.storms(big).with_columns(pl.col("begin", "end").dt.epoch("ns"))
    _same(ours, by_hand.storms(big).with_columns(cpus=pl.col("cpus").cast(ours.schema["cpus"])))


def test_compare(big: str, short: str) -> None:
    _same(irqtrace.compare(big, short), by_hand.compare(big, short))


def test_jitter(big: str) -> None:
    state = jitter.reduce(irqtrace.open_trace(big))
    _same(jitter.finish(state), by_hand.jitter(big))


def test_jitter_in_several_parts(big: str) -> None:
    assert_frame_equal(by_hand.jitter(big, at_a_time=10_000), by_hand.jitter(big))


def test_rates_of_pandas(big: str) -> None:
    told = with_pandas.rates(big, EVERY_NS)[["window", "irq", "count", *BOUNDS]]
    other = pl.from_pandas(told.astype({"irq": str})).sort("window", "irq")
    ours = _with_window(irqtrace.rates(big, EVERY)).filter(pl.col("count") > 0)
    _same(ours.with_columns(pl.col("irq").cast(pl.String)).sort("window", "irq"), other)


def test_imbalance_of_pandas(big: str) -> None:
    told = with_pandas.imbalance(big, EVERY_NS).reset_index()
    other = pl.from_pandas(told.astype(dict.fromkeys(("kind", "irq", "name"), str))).sort("window", "irq")
    ours = _with_window(irqtrace.imbalance(big, EVERY))
    _same(ours.with_columns(pl.col("irq").cast(pl.String)).sort("window", "irq"), other)
