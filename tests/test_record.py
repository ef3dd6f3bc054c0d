"""A recording is whole: in memory, in a file, and where something stops it."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from checked import conserved
from irqtrace import _core, open_trace
from irqtrace.trace import memory_trace

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def interrupts(cpus: list[int], **counts: list[int]) -> bytes:
    """A text of /proc/interrupts; a device's line is named irqN, an arch line by its label."""
    rows = ["".join(f"       CPU{cpu}" for cpu in cpus)]
    for label, numbers in counts.items():
        cells = "".join(f" {number:>10}" for number in numbers)
        device = label.startswith("irq")
        rows.append(
            f"{label.removeprefix('irq'):>3}:{cells}   "
            + (f"IO-APIC 5-edge dev{label[3:]}" if device else f"About {label}")
        )
    return "\n".join(rows).encode() + b"\n"


def replayed(texts: list[bytes], **options: Any) -> irqtrace.Trace:  # noqa: ANN401
    """The trace of texts that were read a millisecond apart."""
    reads = [(n * MS, n * MS + 1_000, text, None) for n, text in enumerate(texts)]
    core = _core.replay(reads, interval_ns=MS, **options)
    assert core is not None
    return memory_trace(core)


def test_a_recording_in_memory_and_in_a_file_hold_what_was_read(fake_proc: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    in_memory = irqtrace.record("20ms", interval="2ms", procfs=fake_proc)
    in_file = irqtrace.record("20ms", interval="2ms", procfs=fake_proc, path=path)
    for trace in (in_memory, in_file, open_trace(path)):
        assert trace.lines["irq"].to_list() == ["24", "25", "LOC", "ERR", "NET_RX", "BLOCK"]
        assert trace.deltas["delta"].sum() == 0
        assert conserved(trace)
        assert set(trace.deltas["cpu"]) == {0, 3, None}


def test_an_existing_file_is_refused_before_anything_is_recorded(fake_proc: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_text("kept")
    with pytest.raises(FileExistsError):
        irqtrace.record("10ms", procfs=fake_proc, path=path)
    assert path.read_text() == "kept"
    assert irqtrace.record("10ms", procfs=fake_proc, path=path, overwrite=True).info.groups
    assert list(tmp_path.glob("*.parquet*")) == [path]


def test_progress_is_told(fake_proc: Path) -> None:
    told: list[int] = []
    irqtrace.record("5ms", procfs=fake_proc, progress=lambda progress: told.append(progress.samples))
    assert told
    assert told == sorted(told)


@pytest.mark.parametrize("duration", ["0s", "-1s", "forever", 5])
def test_a_duration_that_is_none_is_refused(duration: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match="duration"):
        irqtrace.record(duration)


def test_a_wrap_is_counted_and_is_no_reset() -> None:
    trace = replayed([interrupts([0], irq9=[count % 2**32]) for count in (2**32 - 2, 2**32 - 1, 2**32 + 3)])
    assert trace.deltas["delta"].to_list() == [0, 1, 4]
    assert not trace.warnings


def test_a_reset_is_a_warning_and_a_new_line() -> None:
    trace = replayed([interrupts([0], irq9=[count]) for count in (3_000_000, 3_000_005, 2, 4)])
    assert trace.deltas["delta"].to_list() == [0, 5, 0, 2]
    assert [warning.type for warning in trace.warnings if warning.type != "layout_changed"] == ["reset"]
    assert trace.lines.select("irq", "first_sample", "last_sample").rows() == [("9", 0, 1), ("9", 2, None)]
    assert conserved(trace)
    assert trace.slice("2ms").lines["first_sample"].to_list() == [2]


def test_a_falling_arch_line_is_no_wrap() -> None:
    trace = replayed([interrupts([0], CAL=[count]) for count in (1_000, 990, 995, 1_003)])
    assert trace.deltas["delta"].sum() == 3
    assert (trace.deltas["delta"] >= 0).all()
    assert [warning.type for warning in trace.warnings] == ["count_fell"]


def test_a_cpu_that_goes_and_comes_back_keeps_its_number_and_claims_nothing_for_the_gap() -> None:
    both, one = [0, 3], [0]
    trace = replayed(
        [
            interrupts(both, irq9=[10, 0], LOC=[100, 500]),
            interrupts(both, irq9=[11, 0], LOC=[101, 502]),
            interrupts(one, irq9=[12], LOC=[102]),
            interrupts(one, irq9=[13], LOC=[103]),
            interrupts(both, irq9=[14, 0], LOC=[104, 900]),
            interrupts(both, irq9=[15, 1], LOC=[105, 907]),
        ]
    )
    third = trace.deltas.filter(cpu=3)
    assert third.group_by("sample", maintain_order=True).agg(pl.col("delta").sum()).rows() == [
        (0, 0),
        (1, 2),
        (4, 0),
        (5, 8),
    ]
    assert conserved(trace)
    assert "layout_changed" in {warning.type for warning in trace.warnings}
    away = trace.slice("3ms", "4ms")
    assert set(away.deltas["cpu"]) == {0}
    for part in (away, trace.slice("1ms", "5ms"), trace.slice("5ms"), trace.slice("0s", "2ms")):
        assert conserved(part)


def test_a_part_conserves_counts_also_of_a_line_that_fell_and_went() -> None:
    texts = [interrupts([0], irq9=[n], **({"CAL": [90 if n >= 2 else 100]} if n < 7 else {})) for n in range(9)]
    part = replayed(texts).slice("4ms", "9ms")
    assert conserved(part)
    assert "count_fell" in {warning.type for warning in part.warnings}


def test_counts_of_unknown_cpus_keep_their_order_in_parts() -> None:
    texts = [interrupts([0], irq9=[n], IPI1=[n, 2 * n, 3 * n, 4 * n]) for n in range(12)]
    trace = replayed(texts)
    whole = trace.deltas.filter(pl.col("sample") >= 5).filter(line=1)["delta"].to_list()
    assert whole == [1, 2, 3, 4] * 7
    for part in (trace.slice("5ms"), trace.slice("3ms").slice("2ms"), pickle.loads(pickle.dumps(trace.slice("5ms")))):  # noqa: S301 - ours
        assert part.deltas.filter(line=1)["delta"].to_list() == whole
        assert conserved(part)


def test_a_part_is_pickled_without_the_rest_of_its_trace() -> None:
    trace = replayed([interrupts([0], irq9=[n * n]) for n in range(3_000)])
    assert len(pickle.dumps(trace.slice("5ms", "15ms"))) < len(pickle.dumps(trace)) / 4


def test_lines_that_come_and_go_are_told_apart() -> None:
    trace = replayed(
        [
            interrupts([0], irq8=[1], irq9=[5]),
            interrupts([0], irq8=[2]),
            interrupts([0], irq8=[3], irq9=[7], irq10=[1]),
            interrupts([0], irq8=[3], irq9=[9], irq10=[4]),
        ]
    )
    frame = irqtrace.rates(trace, "1ms", dense=True)
    windows = {irq: len(rows) for (irq,), rows in frame.group_by("irq")}
    assert windows == {"8": 4, "9": 3, "10": 2}
    assert conserved(trace)


def test_a_replay_into_a_file_is_the_replay_in_memory(tmp_path: Path) -> None:
    texts = [interrupts([0, 3], irq9=[n, 2 * n], LOC=[5 * n, n % 2]) for n in range(20)]
    reads = [(n * MS, n * MS + 1_000, text, None) for n, text in enumerate(texts)]
    path = tmp_path / "t.parquet"
    assert _core.replay(reads, interval_ns=MS, path=str(path)) is None
    memory, opened = replayed(texts), open_trace(path)
    for frame in ("deltas", "samples", "lines"):
        assert_frame_equal(getattr(opened, frame), getattr(memory, frame))
    assert_frame_equal(opened.frame(), memory.frame())
    assert_frame_equal(irqtrace.rates(opened, "5ms"), irqtrace.rates(memory, "5ms"))


@pytest.mark.parametrize(
    ("folder", "error", "number"),
    [("nowhere", FileNotFoundError, errno.ENOENT), ("file", NotADirectoryError, errno.ENOTDIR)],
)
def test_an_error_of_a_file_has_its_class_its_number_and_the_name_as_it_was_given(
    fake_proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, error: type[OSError], number: int
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    path = f"{folder}/t.parquet"
    in_memory = irqtrace.record("5ms", procfs=fake_proc)
    for write in (
        lambda: irqtrace.record("5ms", procfs=fake_proc, path=path),
        lambda: in_memory.write(path),
        lambda: in_memory.write(path, overwrite=True),
    ):
        with pytest.raises(error) as caught:
            write()
        assert (caught.value.errno, caught.value.filename) == (number, path)
        assert "partial" not in str(caught.value)


def test_a_disk_that_takes_no_more_is_said_in_the_systems_words(fake_proc: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "t.parquet")
    # The system's refusal to let a file grow stands for that of a full disk.
    code = (
        "import irqtrace, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "trace = irqtrace.record('5ms', procfs=sys.argv[2])\n"
        "for write in (lambda: irqtrace.record('5ms', procfs=sys.argv[2], path=sys.argv[1]),\n"
        "              lambda: trace.write(sys.argv[1])):\n"
        "    try:\n"
        "        write()\n"
        "    except OSError as error:\n"
        "        print(error.errno, error.filename, error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, str(fake_proc)], capture_output=True, text=True, check=False
    )
    said = f"{errno.EFBIG} {path} {os.strerror(errno.EFBIG)}\n"
    assert (done.stdout, done.stderr) == (said * 2, "")
    assert list(tmp_path.iterdir()) == [fake_proc]


def test_a_path_that_is_empty_is_refused_in_words(fake_proc: Path) -> None:
    with pytest.raises(ValueError, match="path is empty"):
        irqtrace.record("5ms", procfs=fake_proc, path="")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"irqs": [-1]}, ValueError),
        ({"irqs": [2**40]}, ValueError),
        ({"irqs": [1.5]}, TypeError),
        ({"irqs": [True]}, TypeError),
        ({"memory_limit": "1GB"}, TypeError),
        ({"memory_limit": 1e9}, TypeError),
        ({"memory_limit": None}, TypeError),
        ({"memory_limit": 2**64}, ValueError),
        ({"pin": True}, TypeError),
        ({"pin": 1.0}, TypeError),
    ],
)
def test_an_option_of_no_use_is_refused_in_words(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{next(iter(options))} .*(number|glob)"):
        irqtrace.record("1ms", **options)
