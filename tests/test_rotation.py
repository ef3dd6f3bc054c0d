"""A recording goes on in another file when it was asked to, and is one recording all the same."""

from __future__ import annotations

import errno
import os
import random
import select
import signal
import time
import warnings
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import irqtrace
from checked import assert_same_trace, conserved
from irqtrace import IrqtraceWarning, _core, open_trace, recording
from irqtrace.cli import main
from irqtrace.recording import written
from irqtrace.rotation import Rotation
from killed import cut_off, kill_and_open, recorder, until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

live = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@live
def test_a_recording_in_segments_is_one_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    trace = irqtrace.record("600ms", rotate="200ms", path=path)
    assert names(tmp_path)[:2] == ["t-000001.parquet", "t-000002.parquet"]
    assert conserved(trace)
    assert {warning.type for warning in trace.warnings} <= {"missed_samples", "long_reads", "clock_step"}
    for name in (path, tmp_path):
        assert_same_trace(open_trace(name), trace)
    # Each is a trace by itself, and any tool reads all of them as one table.
    parts = [open_trace(tmp_path / name) for name in names(tmp_path)]
    assert all(conserved(part) for part in parts)
    total = pl.scan_parquet(tmp_path / "*.parquet").select(pl.col("delta").sum()).collect().item()
    assert total == trace.deltas["delta"].sum()


@live
def test_of_a_flight_recorder_the_last_is_kept(tmp_path: Path) -> None:
    trace = irqtrace.record("900ms", keep="300ms", path=tmp_path / "t.parquet")
    assert "t-000001.parquet" not in names(tmp_path)
    assert trace.info.duration_ns >= 300_000_000
    assert conserved(trace)
    assert all(warning.type != "missing_segments" for warning in trace.warnings)


class Stuck:
    """A sampler that cannot remove a segment, as if nobody may change that file."""

    def __init__(self, core: _core.Sampler, path: str) -> None:
        self._core = core
        self._path = path

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the sampler has it
        return getattr(self._core, name)

    def not_removed(self) -> list[tuple[str, int]]:
        return [*self._core.not_removed(), (self._path, errno.EPERM)]


@live
def test_a_segment_that_cannot_be_removed_is_told_once_and_the_recording_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Rust that it holds up no other; here that it comes out as a warning while it is recorded."""
    stuck, seen = str(tmp_path / "t-000001.parquet"), []

    def run(core: _core.Sampler, **options: Any) -> None:  # noqa: ANN401 - those of `recording.run`
        def progress(_: object) -> None:
            seen.append(capsys.readouterr().err)

        recording.run(Stuck(core, stuck), **{**options, "progress": progress})  # type: ignore[arg-type]

    monkeypatch.setattr("irqtrace.cli.record.run_recording", run)
    command = ["record", "500ms", "--keep", "200ms", "-o", str(tmp_path / "t.parquet"), "--quiet"]
    assert main(command) == 0
    says = f"{stuck}: operation not permitted: this segment is older than what is to be kept, and cannot be removed"
    assert seen[0] == f"irqtrace: warning: {says}\n"
    assert set(seen[1:]) == {""}
    assert conserved(open_trace(tmp_path))


@live
def test_a_warning_that_is_an_error_is_raised_when_the_recording_has_come_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, run = tmp_path / "t.parquet", recording.run

    def stuck(core: _core.Sampler, **options: Any) -> None:  # noqa: ANN401 - those of `recording.run`
        run(Stuck(core, str(tmp_path / "t-000001.parquet")), **options)  # type: ignore[arg-type]

    monkeypatch.setattr(recording, "run", stuck)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(IrqtraceWarning, match="cannot be removed"):
            irqtrace.record("500ms", keep="10s", path=path)
    assert open_trace(path).info.groups[0].reads > 250


def dumped(process: subprocess.Popen[str], folder: Path, count: int) -> bool:
    """Whether so many dumps are there. What the recorder says instead is a failure."""
    assert process.stderr is not None
    said, _, _ = select.select([process.stderr], [], [], 0)
    assert not said, process.stderr.readline()
    return len(list(folder.glob("t-dumps/2*.parquet"))) == count


@live
def test_a_recorder_that_is_asked_for_a_dump_writes_the_last_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    process = recorder(path, "--keep", "500ms", "--flush", "10ms")
    try:
        until(lambda: len(list(tmp_path.glob("t-*.parquet"))) > 2, process)
        for count in (1, 2):
            process.send_signal(signal.SIGUSR1)
            until(partial(dumped, process, tmp_path, count), process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, said) == (0, "")
    whole = open_trace(path)
    first, second = sorted(tmp_path.glob("t-dumps/*"))
    for dump in map(open_trace, (first, second)):
        assert conserved(dump)
        assert dump.info.duration_ns <= 500_000_000 + dump.info.interval_ns
        assert dump._meta["recording"] == whole._meta["recording"]
    assert open_trace(first).info.end_ns <= open_trace(second).info.end_ns <= whole.info.end_ns


@live
def test_a_dump_that_cannot_be_written_is_told_and_the_recording_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    (tmp_path / "t-dumps").write_text("in the way")
    process = recorder(path)
    try:
        until((tmp_path / "t.parquet.journal").exists, process)
        process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        assert "irqtrace: no dump: " in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert conserved(open_trace(path))


@live
def test_a_recorder_in_segments_that_is_killed_loses_a_flush_and_a_block_at_most(tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311 - only moments are chosen
    for kill in range(6):
        folder = tmp_path / str(kill)
        folder.mkdir()
        # Segments that end while it is killed, and what a disk takes to have them.
        assert kill_and_open(folder / "t.parquet", chance, 50, "--rotate", "100ms") < 0.05 + 0.1 + 0.2


@live
def test_a_recording_in_segments_that_was_cut_off_is_repaired_and_verified_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance, path = random.Random(4), tmp_path / "t.parquet"  # noqa: S311 - only moments are chosen
    while not cut_off(tmp_path):
        # Not just between two segments.
        for file in tmp_path.iterdir():
            file.unlink()
        kill_and_open(path, chance, 50, "--rotate", "100ms")
    [unfinished] = cut_off(tmp_path)
    assert irqtrace.verify(path)
    with pytest.warns(irqtrace.IrqtraceWarning, match="cut off"):
        before = open_trace(path).frame()
    assert main(["repair", str(tmp_path)]) == 0
    assert f"{unfinished}: " in capsys.readouterr().out.replace("\n", "")
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.journal"))
    assert open_trace(path).frame().equals(before)
    assert main(["verify", str(tmp_path)]) == 0
    assert f"{tmp_path}: as it was written" in capsys.readouterr().out
    damaged = bytearray(unfinished.read_bytes())
    damaged[100] ^= 1
    unfinished.write_bytes(damaged)
    assert main(["verify", str(tmp_path)]) == 1
    assert f"{unfinished}: damaged" in capsys.readouterr().err


@live
def test_the_command_tells_which_segments_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    assert main(["record", "500ms", "--rotate", "200ms", "-o", str(path)]) == 0
    last = names(tmp_path)[-1]
    said = capsys.readouterr().out.replace("\n", "")
    assert f"{tmp_path}/t-000001.parquet to {tmp_path}/{last}: {len(names(tmp_path))} segments, " in said


@live
@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("t-000001.parquet", "1 of them moved or removed since, "),
        ("t-*.parquet", " segments, moved or removed since"),
    ],
)
def test_what_others_remove_is_no_failure_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gone: str, says: str
) -> None:
    def removed(core: _core.Sampler) -> irqtrace.Trace:
        for path in tmp_path.glob(gone):
            path.unlink()
        return written(core)

    monkeypatch.setattr("irqtrace.cli.record.written", removed)
    command = ["--", "sh", "-c", "sleep 0.5; exit 7"]
    assert main(["record", "--rotate", "200ms", "-o", str(tmp_path / "t.parquet"), *command]) == 7
    said = capsys.readouterr().err
    assert says in said.replace("\n", "")
    assert "[Errno" not in said


@live
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_who_asks_for_dumps_without_end_ends_no_recorder(tmp_path: Path, number: signal.Signals) -> None:
    process = recorder(tmp_path / "t.parquet", "--keep", "500ms", "--flush", "10ms")
    try:
        until(lambda: len(list(tmp_path.glob("t-*.parquet"))) > 2, process)
        process.send_signal(number)
        while process.poll() is None:
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.001)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    # Python may tell of one that came while its handler was replaced.
    assert said == "" or said.startswith("Exception ignored"), said
    assert conserved(open_trace(tmp_path))


@pytest.mark.parametrize(
    ("rotate", "keep", "expected"),
    [
        (None, None, Rotation()),
        ("1h", None, Rotation(every_ns=3_600 * 10**9)),
        (timedelta(minutes=1), None, Rotation(every_ns=60 * 10**9)),
        ("500MB", None, Rotation(bytes=500_000_000)),
        ("1.5GiB", None, Rotation(bytes=3 << 29)),
        ("1h,500MB", None, Rotation(every_ns=3_600 * 10**9, bytes=500_000_000)),
        (None, "10min", Rotation(every_ns=60 * 10**9, keep_ns=600 * 10**9)),
        ("100MB", "1d", Rotation(bytes=100_000_000, keep_ns=86_400 * 10**9)),
    ],
)
def test_when_a_segment_ends_is_a_time_or_a_size(rotate: Any, keep: str | None, expected: Rotation) -> None:  # noqa: ANN401
    assert Rotation.checked(rotate, keep) == expected


@pytest.mark.parametrize(
    ("rotate", "keep", "says"),
    [
        ("500", None, 'rotate .500. is no duration; .*; or a size, like "500MB"'),
        ("0MB", None, "is no size of a file"),
        ("99999999999TB", None, "is no size of a file"),
        ("1h,2h", None, "has two durations"),
        ("1h,", None, "rotate '' is no duration"),
        ("1MB,2h,2MB", None, "has two sizes"),
        ("1h;2h", None, "is no duration"),
        ("-1h", None, "is not longer than zero"),
        (None, "0s", "keep .* is not longer than zero"),
        (5, None, "has no unit"),
    ],
)
def test_what_is_neither_is_refused(rotate: Any, keep: str | None, says: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=says):
        Rotation.checked(rotate, keep)


@live
@pytest.mark.parametrize("rotate", [None, "50ms"])
def test_a_recording_stays_where_it_began_whatever_the_working_folder_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotate: str | None
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    trace = irqtrace.record(
        "200ms", path="t.parquet", rotate=rotate, progress=lambda _: os.chdir(tmp_path / "elsewhere")
    )
    assert conserved(trace)
    assert len(trace.samples) > 0


@live
def test_what_was_flushed_is_found_behind_a_file_that_took_its_name(tmp_path: Path) -> None:
    process = recorder(tmp_path / "t.parquet", "--rotate", "300ms", "--flush", "20ms")
    until((tmp_path / "t-000002.parquet.journal").exists, process)
    (tmp_path / "t-000002.parquet").write_text("another's")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "t-000002.parquet: was made by somebody else" in said
    with pytest.warns(IrqtraceWarning, match="cut off"):
        trace = open_trace(tmp_path)
    assert len(trace._backing.series.parts) == 2  # type: ignore[attr-defined] # of segments
    assert conserved(trace)
    assert (tmp_path / "t-000002.parquet").read_text() == "another's"


@live
def test_segments_are_not_hidden_by_a_file_of_their_name(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    irqtrace.record("50ms", path=path)
    with pytest.raises(FileExistsError, match="would be opened in place of the segments"):
        irqtrace.record("200ms", path=path, rotate="50ms", overwrite=True)
    assert names(tmp_path) == ["t.parquet"]
    irqtrace.record("100ms", path=tmp_path / "u.parquet", rotate="50ms")
    with pytest.raises(FileExistsError, match="segments of this name are there, and would be hidden"):
        irqtrace.record("50ms", path=tmp_path / "u.parquet")


@live
def test_a_recording_in_memory_has_no_segments() -> None:
    with pytest.raises(ValueError, match="give a path"):
        irqtrace.record("1s", keep="100ms")
