"""Flat tables that come without our description: what the rows alone tell, and what they must not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from made import small_trace
from test_analyses import of_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from irqtrace import Trace

CPUS = ("kind", "irq", "name", "cpu")


# What they are


def test_a_flat_table_is_what_its_trace_is_however_it_comes(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(missed=0))
    frame = trace.frame()
    expected = irqtrace.rates(trace, "10ms")["count"]
    plain = frame.with_columns(pl.col("time").dt.epoch("ns"), pl.col(pl.Enum, pl.Categorical).cast(pl.String))
    tables: list[Any] = [frame, frame.lazy(), trace.to_arrow(), plain, plain.with_columns(pl.col("cpu").cast(pl.Int64))]
    with duckdb.connect() as connection:
        tables.append(connection.from_arrow(trace.to_arrow()).to_arrow_table())
    for table in tables:
        assert irqtrace.rates(table, "10ms")["count"].to_list() == expected.to_list()


def test_the_order_of_rows_changes_nothing(make_trace: Callable[..., Trace]) -> None:
    frame = make_trace().frame()
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    for analysis in (irqtrace.rates, irqtrace.imbalance):
        left, right = (analysis(table, "5ms").sort(pl.all()) for table in (frame, shuffled))
        assert_frame_equal(left, right, categorical_as_str=True)


def test_machines_are_told_apart_where_there_are_several() -> None:
    first, second = of_machine(small_trace(1), "one"), of_machine(small_trace(2), "two")
    both = irqtrace.rates(pl.concat([first, second]), "10ms")
    assert both.columns[-6:-4] == ["host", "boot"]
    for host, table in (("one", first), ("two", second)):
        alone = irqtrace.rates(table, "10ms")
        own = both.filter(pl.col("host").cast(pl.String) == host).drop("host", "boot")
        assert_frame_equal(own, alone, categorical_as_str=True, check_row_order=False)
    assert irqtrace.imbalance([first, second])["host"].cast(pl.String).unique().sort().to_list() == ["one", "two"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.drop("cpu"), "column 'cpu', which this one lacks"),
        (lambda frame: frame.with_columns(pl.col("delta").cast(pl.String)), "column 'delta' .* a whole number"),
        (lambda frame: frame.with_columns(time=pl.lit("now")), "column 'time' .* a time or whole nanoseconds"),
        (lambda frame: frame.with_columns(kind=pl.lit("hard")), "column 'kind' .* and not 'hard'"),
    ],
)
def test_a_table_that_is_not_flat_is_refused_by_its_column(
    make_trace: Callable[..., Trace], change: Callable[[pl.DataFrame], pl.DataFrame], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        irqtrace.rates(change(make_trace().frame()))
