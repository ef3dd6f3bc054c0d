"""What damage leaves of a trace is right, or it is said to be damaged. `make soak` does more of the same."""

from __future__ import annotations

import os
import pickle
import random
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import irqtrace
from corrupted import complete_trace, damage_complete, damage_unfinished, outcome, truncations
from irqtrace import _core, files, open_trace
from irqtrace.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def test_a_trace_that_is_cut_at_any_byte_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    complete_trace(path)
    recorded, whole = open_trace(path).frame(), path.read_bytes()
    for damaged in truncations(whole):
        path.write_bytes(damaged)
        assert outcome(path, recorded) == "error"


def test_a_trace_that_is_damaged_at_random_is_said_to_be_damaged(tmp_path: Path) -> None:
    damage_complete(tmp_path, random.Random(1), times=1_000)  # noqa: S311 - only places are chosen


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_a_recording_that_was_cut_off_and_damaged_is_right_or_said_to_be_damaged(tmp_path: Path) -> None:
    damage_unfinished(tmp_path, random.Random(2), times=300)  # noqa: S311 - only places are chosen


def test_a_long_trace_is_checked_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    complete_trace(path)
    monkeypatch.setattr(files, "AT_ONCE_BYTES", 100)
    recorded, whole = open_trace(path).scan().select("delta").collect(), path.read_bytes()
    assert irqtrace.verify(path)
    assert main(["verify", str(path)]) == 0
    assert "as it was written" in capfd.readouterr().out
    # The sample of its first row: the column of deltas has nothing to do with it.
    path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    assert open_trace(path).scan().select("delta").collect().equals(recorded)
    with pytest.raises(irqtrace.TraceFormatError, match=r"bytes 0 to .* are not what was written"):
        irqtrace.verify(path)
    with pytest.raises(irqtrace.TraceFormatError, match="are not what was written"):
        open_trace(path).frame()
    assert main(["verify", str(path)]) == 1
    assert f"{path}: damaged: bytes 0 to" in capfd.readouterr().err


def test_what_another_tool_wrote_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    complete_trace(path)
    trace = open_trace(path)
    description = pq.read_metadata(path).metadata[b"irqtrace"]
    table = pq.read_table(path).replace_schema_metadata({"irqtrace": description})
    pq.write_table(table, tmp_path / "copy.parquet")
    assert not irqtrace.verify(tmp_path / "copy.parquet")
    assert open_trace(tmp_path / "copy.parquet").frame().equals(trace.frame())


def test_checksums_that_are_missing_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    complete_trace(path)
    path.write_bytes(path.read_bytes().replace(b"IRQCRC32", b"IRQCRC33"))
    with pytest.raises(irqtrace.TraceFormatError, match="its checksums are missing"):
        open_trace(path)


def test_the_file_that_was_opened_is_the_one_that_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        complete_trace(tmp_path / folder / "t.parquet")
    monkeypatch.chdir(tmp_path / "here")
    recorded = open_trace("t.parquet").frame()
    # Without the other it would not be found, and with it that would be checked.
    for ways in ("elsewhere", "there"):
        monkeypatch.chdir(tmp_path / "here")
        trace, sent = open_trace("t.parquet"), pickle.dumps(open_trace("t.parquet"))
        monkeypatch.chdir(tmp_path if ways == "elsewhere" else tmp_path / "there")
        assert trace.frame().equals(recorded)
        assert pickle.loads(sent).frame().equals(recorded)  # noqa: S301 - it was made above
    damaged = bytearray((tmp_path / "here" / "t.parquet").read_bytes())
    damaged[50] ^= 1
    (tmp_path / "here" / "t.parquet").write_bytes(damaged)
    monkeypatch.chdir(tmp_path / "here")
    trace = open_trace("t.parquet")
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(irqtrace.TraceFormatError, match="are not what was written"):
        trace.frame()


def test_a_pipe_is_no_trace_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t-000001.parquet")
    with pytest.raises(OSError, match="a pipe is no trace"):
        open_trace(tmp_path / "t-000001.parquet")
    with pytest.raises(OSError, match="a pipe is no trace"):
        open_trace(tmp_path)
