"""A snapshot has a row for every cell that the kernel prints."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import polars as pl
import pytest

import irqtrace
from irqtrace import ParseError, SourceUnavailable

if TYPE_CHECKING:
    from pathlib import Path


def test_every_printed_cell_has_a_row_with_the_kernels_cpu(fake_proc: Path) -> None:
    frame = irqtrace.snapshot(procfs=fake_proc)
    assert dict(frame.schema) == {
        "kind": pl.Enum(["irq", "arch", "softirq"]),
        "irq": pl.Categorical,
        "name": pl.Categorical,
        "cpu": pl.UInt16,
        "count": pl.UInt64,
    }
    assert frame.select("kind", "irq", "name", "cpu", "count").rows() == [
        ("irq", "24", "eth0-rx-0", 0, 11),
        ("irq", "24", "eth0-rx-0", 3, 0),
        ("irq", "25", "eth0-tx-0", 0, 0),
        ("irq", "25", "eth0-tx-0", 3, 22),
        ("arch", "LOC", "Local timer interrupts", 0, 1000),
        ("arch", "LOC", "Local timer interrupts", 3, 2000),
        ("arch", "ERR", "ERR", None, 7),
        ("softirq", "NET_RX", "NET_RX", 0, 33),
        ("softirq", "NET_RX", "NET_RX", 3, 44),
        ("softirq", "BLOCK", "BLOCK", 0, 0),
        ("softirq", "BLOCK", "BLOCK", 3, 5),
    ]


def test_a_given_text_stands_for_itself_alone(fake_proc: Path) -> None:
    only_softirqs = irqtrace.snapshot(softirqs=fake_proc / "softirqs")
    assert only_softirqs["kind"].unique().to_list() == ["softirq"]
    only_interrupts = irqtrace.snapshot(fake_proc / "interrupts")
    assert set(only_interrupts["kind"]) == {"irq", "arch"}


def test_a_text_that_does_not_fit_says_where(fake_proc: Path) -> None:
    text = fake_proc / "interrupts"
    text.write_bytes(text.read_bytes().replace(b"2000 ", b"2x00 "))
    with pytest.raises(ParseError) as caught:
        irqtrace.snapshot(procfs=fake_proc)
    assert (caught.value.path, caught.value.line) == (str(text), 4)


def test_a_masked_text_says_what_would_help(fake_proc: Path) -> None:
    (fake_proc / "interrupts").write_text("")
    with pytest.raises(SourceUnavailable, match="interrupts"):
        irqtrace.snapshot(procfs=fake_proc)


@pytest.mark.parametrize(
    "text",
    ["MemTotal:       16318480 kB\nMemFree:         1234 kB\n", "Remark: 3 machines were seen\n", "rchar: 3239\n"],
)
def test_the_text_of_another_file_says_what_is_missing(tmp_path: Path, text: str) -> None:
    other = tmp_path / "meminfo"
    other.write_text(text)
    with pytest.raises(
        ParseError, match=r"meminfo: line 1, byte 0: no text of /proc/interrupts: a header of CPUs is missing"
    ):
        irqtrace.snapshot(interrupts=other)
    with pytest.raises(ParseError, match=r"meminfo: line 1"):
        irqtrace.snapshot(softirqs=other)


def test_a_text_that_is_cut_off_or_packed_is_told(fake_proc: Path) -> None:
    for name in ("interrupts", "softirqs"):
        path = fake_proc / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(ParseError, match=rf"{name}: line 1, byte 0: the text ends within a line, as where a copy"):
            irqtrace.snapshot(**{name: path})
        for packed in (gzip.compress(whole), whole.decode().encode("utf-16"), whole.decode().encode("utf-16-le")):
            path.write_bytes(packed)
            with pytest.raises(SourceUnavailable, match=rf"{name}: is packed or binary, and no text"):
                irqtrace.snapshot(**{name: path})
        path.write_bytes(whole)


def test_two_texts_have_to_be_of_one_machine(fake_proc: Path) -> None:
    interrupts, softirqs = fake_proc / "interrupts", fake_proc / "softirqs"
    both = irqtrace.snapshot(interrupts=interrupts, softirqs=softirqs)
    assert len(both) == len(irqtrace.snapshot(procfs=fake_proc))
    softirqs.write_text(softirqs.read_text().replace("CPU3", "CPU2"))
    with pytest.raises(ParseError, match=r"softirqs: line 1, byte 0: texts of two machines: CPU 3 is in the text of"):
        irqtrace.snapshot(interrupts=interrupts, softirqs=softirqs)


def test_a_missing_text_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        irqtrace.snapshot(interrupts=tmp_path / "nowhere")
