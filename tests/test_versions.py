"""A trace that was recorded with this version of the format, or with the one before, is read as what it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

import irqtrace
from checked import conserved
from irqtrace.meta import SCHEMA

FOLDER = Path(__file__).parent / "versions"
sys.path.insert(0, str(FOLDER))

import make  # noqa: E402 - what the files were made of lies beside them

READ = [SCHEMA - 1, SCHEMA]


def file_of(version: int) -> Path:
    return FOLDER / f"schema-{version}.parquet"


@pytest.mark.parametrize("version", READ)
def test_a_trace_of_each_version_is_kept_and_says_so(version: int) -> None:
    description = json.loads(pq.read_metadata(file_of(version)).metadata[b"irqtrace"])
    assert description["schema"] == version


@pytest.mark.parametrize("version", READ)
def test_every_count_of_a_version_is_read(version: int) -> None:
    trace = irqtrace.open_trace(file_of(version))
    rows = trace.frame().filter(pl.col("irq").is_not_null()).group_by("irq", "cpu").agg(pl.col("delta").sum())
    assert {(irq, cpu): delta for irq, cpu, delta in rows.iter_rows()} == make.growth()
    assert conserved(trace, wrapped=True)
    assert {warning.type for warning in trace.warnings} == {"reset", "layout_changed"}


@pytest.mark.parametrize("version", READ)
def test_a_version_is_analysed_cut_and_written_as_this_one(version: int, tmp_path: Path) -> None:
    trace = irqtrace.open_trace(file_of(version))
    rates = irqtrace.rates(trace, by=["name", "cpu"])
    nine = rates.filter(pl.col("name") == "nine", pl.col("cpu") == 0)
    assert nine["count"].to_list() == [3 * (make.READS - 1)]
    path = tmp_path / "part.parquet"
    trace.slice("50ms", "250ms").write(path)
    part = irqtrace.open_trace(path)
    assert conserved(part, wrapped=True)
    assert json.loads(pq.read_metadata(path).metadata[b"irqtrace"])["schema"] == SCHEMA
