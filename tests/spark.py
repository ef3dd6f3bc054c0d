"""The reductions on a real engine: local PySpark gives what Polars gives. Run by ``make test-spark``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal
from pyspark.sql import SparkSession

from documented import block, ran
from irqtrace.analyses import imbalance, rates
from irqtrace.analyses.engines import Spark
from irqtrace.analyses.spread import map_files
from irqtrace.errors import IrqtraceWarning
from made import small_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    """Spark in this process, with two tasks at a time."""
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    yield spark
    spark.stop()


@pytest.mark.parametrize("analysis", [rates, imbalance])
def test_spark_gives_what_polars_gives_to_the_last_bit_of_counts(session: Any, tmp_path: Path, analysis: Any) -> None:  # noqa: ANN401
    for seed in range(5):
        replace(small_trace(seed, samples=200), host=f"host{seed}").save(tmp_path / f"{seed}.parquet")
    reduce = partial(analysis.reduce, every="20ms")
    there, here = (map_files(tmp_path, reduce, engine) for engine in (Spark(session), "serial"))
    for name in here.tables:
        keys = list(here.kind.tables[name].keys)
        assert_frame_equal(there[name].sort(keys), here[name].sort(keys))
    assert_frame_equal(analysis.finish(there), analysis.finish(here), check_exact=True, categorical_as_str=True)


def test_an_unreadable_file_on_spark_is_named_and_the_others_are_done(session: Any, tmp_path: Path) -> None:  # noqa: ANN401
    small_trace().save(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("no trace")
    with pytest.warns(IrqtraceWarning, match=r"b\.parquet: no trace.*left out"):
        state = map_files(tmp_path, rates.reduce, Spark(session))
    assert rates.finish(state)["count"].sum() > 0


def test_the_page_s_code_for_spark_sums_each_line_and_cpu(session: Any, tmp_path: Path) -> None:  # noqa: ANN401
    made = small_trace(samples=400)
    # Spark's working folder is the one that it was started in.
    path = made.save(tmp_path / "t.parquet")
    code = block("docs/analysis.md", "nanosAsLong").replace("t.parquet", str(path))
    (sums,) = (value for value in ran(code, {"spark": session}) if value is not None)
    try:
        assert {(row["name"], row["cpu"]): row["sum(delta)"] for row in sums.collect()} == made.sums()
    finally:
        session.conf.unset("spark.sql.legacy.parquet.nanosAsLong")


def test_files_that_are_not_there_are_the_same_error_as_without_spark(session: Any, tmp_path: Path) -> None:  # noqa: ANN401
    with pytest.raises(FileNotFoundError, match=r"a\.parquet"):
        map_files([tmp_path / "a.parquet", tmp_path / "b.parquet"], rates.reduce, Spark(session))
