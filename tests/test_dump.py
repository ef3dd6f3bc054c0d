"""A dump is the last of a recording in one file, whatever becomes of the recording meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from polars.testing import assert_frame_equal

import irqtrace
from checked import assert_same_trace, conserved
from hotplug import changing_machine
from irqtrace import IrqtraceWarning, TraceFormatError, _core, dumping, open_trace
from irqtrace.cli import main
from killed import recorder, until
from made import small_trace
from rotated import rotated, save

if TYPE_CHECKING:
    from pathlib import Path

    from irqtrace import Trace


@pytest.fixture
def segments(tmp_path: Path) -> list[Path]:
    """A recording in three segments, of the samples up to 7, 14 and 23."""
    return save(tmp_path / "rec", rotated(changing_machine(3, 24), [8, 15]))


def damage_rows(path: Path) -> None:
    """Leaves the end of a file as it is, so that it can be opened, and nothing of its rows."""
    data = path.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    path.write_bytes(data[:4] + b"\xff" * (len(data) - footer - 4) + data[-footer:])


@pytest.mark.parametrize("last", [None, "1ms", "5ms", "10ms", "24ms", "1h"])
def test_a_dump_is_the_last_of_the_recording(segments: list[Path], tmp_path: Path, last: str | None) -> None:
    trace = open_trace(segments[0].parent)
    part = trace if last in {None, "24ms", "1h"} else trace.slice(f"-{last}")
    for name in ("rec", "rec/t.parquet", "rec/t-*.parquet"):
        dumped = irqtrace.dump(tmp_path / name, tmp_path / "d.parquet", last=last, overwrite=True)
        assert_same_trace(dumped, part)
        assert conserved(dumped)
    assert dumped._meta["segment"] is None
    assert dumped._meta["recording"] == "r1"


def test_only_segments_that_reach_into_the_time_are_read(segments: list[Path], tmp_path: Path) -> None:
    part = open_trace(segments[0].parent).slice("-9ms")
    expected = part.frame()
    damage_rows(segments[1])
    assert_frame_equal(irqtrace.dump(tmp_path / "rec", tmp_path / "d.parquet", last="9ms").frame(), expected)
    with pytest.raises(TraceFormatError, match="damaged"):
        irqtrace.dump(tmp_path / "rec", tmp_path / "d.parquet", last="10ms", overwrite=True)
    assert_frame_equal(open_trace(tmp_path / "d.parquet").frame(), expected)


def test_segments_that_are_dropped_meanwhile_are_not_in_it(
    segments: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[Path] = []

    def opened(recording: Path, *, newest: bool = False) -> Trace:
        trace = open_trace(recording, newest=newest)
        if recording == segments[0].parent and not dropped:
            dropped.append(segments[0])
            segments[0].unlink()
        return trace

    monkeypatch.setattr(dumping, "open_trace", opened)
    dumped = irqtrace.dump(tmp_path / "rec", tmp_path / "d.parquet")
    assert dropped
    assert dumped._meta["span"] == [8, 24]
    assert conserved(dumped)


def test_a_trace_in_one_file_is_dumped_too(tmp_path: Path) -> None:
    path = small_trace().save(tmp_path / "t.parquet")
    dumped = irqtrace.dump(path, tmp_path / "d.parquet", last="7ms")
    assert_same_trace(dumped, open_trace(path).slice("-7ms"))


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_a_recording_goes_on_while_it_is_dumped(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    process = recorder(path, "--flush", "50ms")
    try:
        until(path.with_name("t.parquet.journal").exists, process)
        with pytest.warns(IrqtraceWarning, match="still under way"):
            dumped = irqtrace.dump(path, tmp_path / "d.parquet")
        rows = dumped.frame()
        assert conserved(dumped)
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0
    assert open_trace(path).frame().head(len(rows)).equals(rows)


def test_a_dump_replaces_nothing_unasked_and_never_its_source(segments: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    path.write_text("kept")
    with pytest.raises(FileExistsError):
        irqtrace.dump(tmp_path / "rec", path)
    with pytest.raises(FileNotFoundError):
        irqtrace.dump(tmp_path / "none.parquet", path, overwrite=True)
    with pytest.raises(FileNotFoundError):
        irqtrace.dump(tmp_path / "rec", tmp_path / "no" / "d.parquet")
    with pytest.raises(ValueError, match="is a part of what is to be dumped"):
        irqtrace.dump(tmp_path / "rec", segments[1], overwrite=True)
    with pytest.raises(ValueError, match="last '0s' is not longer than zero"):
        irqtrace.dump(tmp_path / "rec", path, last="0s", overwrite=True)
    assert path.read_text() == "kept"


def test_the_command_says_what_it_wrote(
    segments: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.parquet"
    arguments = ["dump", str(segments[0].parent), "--last", "5ms", "--output", str(path)]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert (said.out.startswith(f"{path}: 5 ms, "), said.err) == (True, "")
    assert main(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    capsys.readouterr()
    segments[1].unlink()
    assert main(["dump", str(segments[0].parent), "-o", str(path), "--force"]) == 0
    assert "warning: " in (told := capsys.readouterr().err)
    assert "number 2, from 2023-11-14 22:13:20.008 to 2023-11-14 22:13:20.015 UTC" in told
    assert open_trace(path).warnings[0].type == "missing_segments"


@pytest.mark.parametrize(
    ("what", "status", "says"),
    [
        (["rec", "--last", "5"], 2, "last '5' is no duration"),
        (["none", "-o", "d.parquet"], 1, "none: no such file"),
        (["empty"], 1, "the folder holds no trace files"),
    ],
)
def test_what_cannot_be_dumped_is_said_in_one_line(
    segments: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: list[str],
    status: int,
    says: str,
) -> None:
    monkeypatch.chdir(segments[0].parent.parent)
    (tmp_path / "empty").mkdir()
    assert main(["dump", *what, "-o", "d.parquet"]) == status
    said = capsys.readouterr()
    assert says in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert not (tmp_path / "d.parquet").exists()


def test_a_dump_takes_the_place_of_no_segment_and_hides_none(tmp_path: Path) -> None:
    old = save(tmp_path / "rec", rotated(changing_machine(3, 24), [8, 15]))
    old += save(tmp_path / "rec", rotated(changing_machine(4, 24), [8], recording="r2"), behind=3)
    kept = {path: path.read_bytes() for path in old}
    for target in (*old, tmp_path / "rec" / "t.parquet"):
        with pytest.raises(ValueError, match="choose another name"):
            irqtrace.dump(tmp_path / "rec", target, overwrite=True)
    assert {path: path.read_bytes() for path in old} == kept
    assert len(list((tmp_path / "rec").iterdir())) == len(old)


def test_the_dump_of_one_segment_is_no_segment(segments: list[Path], tmp_path: Path) -> None:
    for last in (None, "3ms"):
        dumped = irqtrace.dump(segments[1], tmp_path / "d.parquet", last=last, overwrite=True)
        assert dumped._meta["segment"] is None
        assert dumped._meta["recording"] == "r1"
        assert conserved(dumped)
