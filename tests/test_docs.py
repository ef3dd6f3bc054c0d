"""The code of the documentation runs, and gives what it says."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from counted import counted_trace
from documented import block, blocks, ran
from irqtrace import _core
from irqtrace.analyses import rates
from irqtrace.analyses.stored import write_state
from made import T0_NS, MadeTrace, small_trace

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/analysis.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which the code is run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_query_of_the_readme_sums_each_line_and_cpu(folder: Path) -> None:
    made = small_trace(samples=400)
    made.save(folder / "trace.parquet")
    rows = duckdb.execute(block("README.md", "FROM 'trace.parquet'")).fetchall()
    assert {(name, cpu): count for name, cpu, count in rows} == made.sums()


def test_duckdb_finds_the_busiest_second_of_each_line(folder: Path) -> None:
    made = small_trace(samples=3_500)
    made.save(folder / "t.parquet")
    rows = duckdb.execute(block(PAGE, "-- DuckDB")).fetchall()
    counts: Counter[tuple[str, int]] = Counter()
    for read, (line, _), delta in made.cells():
        counts[line.name, (T0_NS + read.begin) // 1_000_000_000] += delta
    most = {name: max(count for (of, _), count in counts.items() if of == name) for name, _ in counts}
    assert [count for *_, count in rows] == sorted(most.values(), reverse=True)
    assert {name: counts[name, second] for name, second, _ in rows} == most


def test_pandas_sums_each_line_and_cpu(folder: Path) -> None:
    made = small_trace(samples=400)
    made.save(folder / "t.parquet")
    (sums,) = ran(block(PAGE, "# pandas"), {})
    found = {(name, None if cpu != cpu else cpu): count for (name, cpu), count in sums.items()}  # noqa: PLR0124 - NaN
    assert found == made.sums()


@pytest.mark.skipif(not _core.LIVE, reason="a page that samples needs a build that does")
def test_all_the_python_of_the_page_runs_and_prints_the_columns_that_it_shows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_trace().save(folder / "page.parquet")
    whole = irqtrace.open_trace(small_trace(samples=3_500, missed=0).save(folder / "t.parquet"))
    (folder / "traces").mkdir()
    for name, part in (("a", whole.slice(None, "1.7s")), ("b", whole.slice("1.7s"))):
        part.write(folder / "traces" / f"{name}.parquet")
        write_state(rates.reduce(part, every="1s"), folder / f"{name}.state.parquet")
    names: dict[str, Any] = {"load": lambda: time.sleep(0.03)}
    for code in blocks(PAGE):
        if code.language != "python" or "spark" in code.text:
            continue
        values = ran(code.text, names)
        assert headings(capsys.readouterr().out) == headings(code.prints or "")
        if "map_files" in code.text:
            of_files, of_states = (value for value in values if value is not None)
            for answer in (of_files, of_states):
                assert_frame_equal(answer, irqtrace.rates(whole, "1s"), categorical_as_str=True)


def page_trace() -> MadeTrace:
    """Something like the trace of the page: by the clock, by chance and in bursts."""
    chance = np.random.default_rng(1)
    seconds = np.arange(30_000) / 1e3
    on = seconds < 24
    clock, bursts = (on & (np.arange(30_000) % 20 == 7)), 10 * (on & (chance.random(30_000) < 0.005))
    disk = np.where((seconds >= 26) & (seconds < 26.3), 20, on * chance.poisson(np.where(seconds < 12, 0.05, 0.07)))
    none = np.zeros(30_000, np.int64)
    lines = {
        "virtio4-input": np.stack([clock & (seconds < 12), clock & (seconds >= 12)], 1).astype(np.int64),
        "virtio1-req.0": np.stack([none, disk], 1),
        "NET_RX": np.stack([none, bursts], 1),
    }
    return counted_trace(lines, marks={"moved": 12_000})


def headings(printed: str) -> list[list[str]]:
    """Names and types of the columns of frames that were printed."""
    cells = [[cell.strip() for cell in line.strip("│").split("┆")] for line in printed.splitlines() if "┆" in line]
    rules = [at for at, row in enumerate(cells) if set(row) == {"---"}]
    return [row for at in rules for row in (cells[at - 1], cells[at + 1])]
