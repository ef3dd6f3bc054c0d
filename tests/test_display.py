"""What is shown fits, and harms no terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from irqtrace.display.snapshot import snapshot_table
from irqtrace.display.summary import print_summary
from irqtrace.display.table import frame_table
from irqtrace.display.text import bounded_text, bytes_text, harmless, number_text, rate_text, time_text
from made import MadeLine, MadeRead, MadeTrace

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from irqtrace import Trace

NASTY = "eth0\x1b]0;owned\x07\x9b2J\u202eevil\r\n"


def shown(what: RenderableType, width: int = 80) -> str:
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    screen.print(what)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_terminal_escapes_are_shown_and_not_sent() -> None:
    assert harmless(NASTY) == r"eth0\x1b]0;owned\x07\x9b2J\u202eevil\x0d\x0a"
    assert harmless("Größe 測定") == "Größe 測定"


@given(st.text())
def test_what_is_shown_is_printable(text: str) -> None:
    assert harmless(text).isprintable()


@given(st.text(st.characters(categories=["Cc", "Cf", "L", "N"]), min_size=1))
def test_no_table_sends_what_a_name_holds(name: str) -> None:
    frame = pl.DataFrame({"name": [name], "count": [1]})
    assert all(line.isprintable() for line in shown(frame_table(frame, 80), 10_000).splitlines())


def test_a_trace_with_a_nasty_name_is_shown_harmless_and_keeps_it(make_trace: Callable[..., Trace]) -> None:
    line = MadeLine(0, "irq", "7", NASTY)
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {(0, 0): n}) for n in range(3)]
    trace = make_trace(MadeTrace(1_000_000, {("irq", "proc"): 1}, [line], reads))
    assert trace.lines["name"].to_list() == [NASTY]
    screen = Console(file=io.StringIO(), width=80, color_system=None)
    print_summary(screen, trace)
    assert isinstance(screen.file, io.StringIO)
    assert all(text.isprintable() for text in screen.file.getvalue().splitlines())
    assert "\x1b" not in trace._repr_html_()
    assert repr(trace).isprintable()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_fits_and_cuts_names_rather_than_numbers(width: int) -> None:
    frame = pl.DataFrame({"kind": ["irq"], "name": ["a" * 200], "count": [123_456_789], "rate": [1234.5]})
    lines = shown(frame_table(frame, width), width).splitlines()
    assert max(map(len, lines)) <= width
    assert "123,456,789" in lines[-1]
    assert "1,234" in lines[-1]


def test_numbers_without_room_make_the_table_wider_and_are_not_cut() -> None:
    rate = 123_456_789.0
    frame = pl.DataFrame({"kind": ["softirq"], "name": ["a" * 99], "count": [10**15]} | {key: [rate] for key in "abc"})
    screen = Console(file=io.StringIO(), width=40, color_system=None)
    screen.print(frame_table(frame, 40), crop=False)
    assert isinstance(screen.file, io.StringIO)
    assert screen.file.getvalue().count("123,456,789") == 3
    assert "1,000,000,000,000,000" in screen.file.getvalue()


def test_many_cpus_are_told_by_the_busiest() -> None:
    frame = pl.DataFrame(
        {
            "kind": ["irq"] * 64,
            "irq": ["7"] * 64,
            "name": ["eth0"] * 64,
            "cpu": range(64),
            "count": [0] * 40 + [9] * 24,
        },
        schema_overrides={"cpu": pl.UInt16, "count": pl.UInt64},
    )
    text = shown(snapshot_table(frame, 80))
    assert "busiest CPU" in text
    assert "216" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (time_text(0), "0 ns"),
        (time_text(48_200), "48.2 µs"),
        (time_text(999_960), "1 ms"),
        (time_text(1_500_000_000), "1.5 s"),
        (time_text(3_600_000_000_000), "3,600 s"),
        (time_text(None), "–"),
        (rate_text(1_234.5), "1,234"),
        (rate_text(12.34), "12.3"),
        (bytes_text(87_612), "87.6 kB"),
        (rate_text(30 / 86_400), "0.000347"),
        (rate_text(1e-9), "1.00e-9"),
        (rate_text(0), "0.0"),
        (rate_text(0.1, "hi"), "0.100"),
        (number_text(0.99618, "hi"), "0.997"),
        (bounded_text(30 / 86_400, 0.00034722, 0.00034723), "0.000347 ± 0.000001"),
        (bounded_text(1311.94, 1311.6, 1312.31), "1,311.9 ± 0.5"),
        (bounded_text(10.0, 10.0, 10.0), "10.0 ± 0.0"),
        (bounded_text(5000.0, 4000.0, 7000.0), "5,000 ± 2,000"),
        (bounded_text(5.0, None, 7.0), "–"),
    ],
)
def test_numbers_read_well(text: str, expected: str) -> None:
    assert text == expected


@given(rate=st.floats(1e-7, 1e7), below=st.floats(0, 0.5), above=st.floats(0, 0.5))
def test_bounds_are_shown_around_the_rate_and_no_narrower_than_they_are(
    rate: float, below: float, above: float
) -> None:
    lowest, highest = rate * (1 - below), rate * (1 + above)
    low, middle, high = (
        float(text.replace(",", "")) for text in (rate_text(lowest, "lo"), rate_text(rate), rate_text(highest, "hi"))
    )
    noise = 1e-11 * highest
    assert low <= lowest + noise
    assert highest - noise <= high
    assert low <= middle <= high
    assert middle == pytest.approx(rate, rel=5e-3)
    middle, off = (float(text.replace(",", "")) for text in bounded_text(rate, lowest, highest).split(" ± "))
    assert middle - off <= lowest + noise
    assert highest - noise <= middle + off
