"""A report holds what the analyses say, and is a page that fits."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

import irqtrace
from counted import counted_trace
from irqtrace.display.report import print_report
from made import MadeLine, MadeRead, MadeTrace, small_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from irqtrace import Trace

NASTY = "eth0\x1b[2J\x07"


def page(report: irqtrace.Report, width: int) -> list[str]:
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    print_report(screen, report)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


def test_a_report_is_what_each_analysis_says(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(samples=400))
    report = irqtrace.report(trace)
    assert_frame_equal(report.rates, irqtrace.rates(trace).sort("count", descending=True, maintain_order=True))
    assert_frame_equal(report.imbalance, irqtrace.imbalance(trace).sort("total", descending=True, maintain_order=True))
    assert_frame_equal(report.frames["jitter"], irqtrace.jitter(trace))
    assert_frame_equal(report.storms, irqtrace.storms(trace))
    assert_frame_equal(report.quality, irqtrace.quality(trace))
    assert report.interference is None, "no CPU of this host is isolated"
    assert report.compare is None, "it has no marks"
    assert set(report.frames) == {"rates", "imbalance", "jitter", "storms", "quality"}


def test_a_report_of_a_trace_with_marks_says_what_changed_at_them(make_trace: Callable[..., Trace]) -> None:
    counts = np.random.default_rng(1).poisson(3, (600, 1))
    counts[300:] *= 2
    trace = make_trace(counted_trace({"eth0": counts}, marks={"moved": 301}))
    report = irqtrace.report(trace)
    assert report.compare is not None
    assert_frame_equal(report.compare, irqtrace.compare(trace))
    assert report.compare["change"].to_list() == ["faster"]
    assert any("What changed at the marks" in line for line in page(report, 100))
    assert '"compare"' in report.to_json()


def test_a_report_of_several_traces_tells_them_apart(tmp_path: Path) -> None:
    for seed in (1, 2):
        replace(small_trace(seed), host=f"host{seed}").save(tmp_path / f"{seed}.parquet")
    report = irqtrace.report(tmp_path)
    assert len(report.traces) == 2
    assert report.quality.columns[:2] == ["host", "boot"]
    assert len(report.quality) == 6


@pytest.mark.parametrize("width", [80, 120])
def test_a_page_of_a_report_tells_everything_and_harms_no_terminal(
    make_trace: Callable[..., Trace], width: int
) -> None:
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {(0, 0): n % 3}) for n in range(60)]
    report = irqtrace.report(
        make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [MadeLine(0, "irq", "7", NASTY)], reads))
    )
    lines = page(report, width)
    for title in ("How fast", "How evenly", "How regularly", "much faster than usual", "How good the recording is"):
        assert any(title in line for line in lines), title
    assert all(line.isprintable() for line in lines)
    assert "\x1b" not in report._repr_html_()
    assert repr(report).splitlines()[0] == lines[0]


def test_a_report_for_machines_is_json_with_all_rows(make_trace: Callable[..., Trace]) -> None:
    report = irqtrace.report(make_trace())
    told = json.loads(report.to_json())
    assert {name: len(frame) for name, frame in report.frames.items()} == {
        name: len(rows) for name, rows in told.items() if name != "warnings"
    }
    assert told["jitter"][0]["verdict"] == report.frames["jitter"]["verdict"][0]


@pytest.mark.parametrize("samples", [0, 1, 3])
def test_of_hardly_anything_a_report_says_hardly_anything(make_trace: Callable[..., Trace], samples: int) -> None:
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {(0, 0): 0}) for n in range(samples)]
    lines = [MadeLine(0, "irq", "7", "eth0")] if samples else []
    report = irqtrace.report(make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, lines, reads)))
    assert report.rates.is_empty()
    assert "nothing" in page(report, 80)
