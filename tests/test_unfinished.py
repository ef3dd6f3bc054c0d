"""A recording can be opened while it is under way and after it was cut off, and analysed as any other."""

from __future__ import annotations

import copy
import errno
import fcntl
import os
import pickle
import random
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import irqtrace
from checked import conserved
from irqtrace import IrqtraceWarning, TraceFormatError, _core, files, open_trace
from irqtrace.cli import main
from killed import kill_and_open, opened, recorder, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")


@pytest.fixture
def cut_off(tmp_path: Path, fake_proc: Path) -> Path:
    """A recording that was cut off."""
    path = tmp_path / "t.parquet"
    process = recorder(path, "--flush", "20ms", "--procfs", str(fake_proc))
    journal = path.with_name("t.parquet.journal")
    # The head, and some flushes.
    until(lambda: journal.exists() and journal.stat().st_size > 4_000, process)
    process.kill()
    process.communicate()
    return path


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()} - {"proc"}


def test_a_recorder_that_is_killed_loses_nothing_that_it_flushed(tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - only moments are chosen
    for kill in range(5):
        kill_and_open(tmp_path / f"{kill}.parquet", chance, flush_ms=50)


def test_a_reader_beside_the_writer_sees_more_and_more(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    process = recorder(path, "--flush", "50ms")
    try:
        until(path.with_name("t.parquet.journal").exists, process)
        before = opened(path, "still under way")
        rows = before.frame()
        until(lambda: opened(path, "still under way").info.end_ns > before.info.end_ns, process)
        later = opened(path, "still under way")
        assert conserved(before)
        assert conserved(later)
        # The earlier one is a beginning of the later one, and stays what it was.
        assert before.frame().equals(rows)
        assert later.frame().head(len(rows)).equals(rows)
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0
    assert names(tmp_path) == {"t.parquet"}
    whole = open_trace(path)
    assert whole.frame().head(len(rows)).equals(rows)
    assert conserved(whole)


@pytest.mark.parametrize(
    "analysis", [irqtrace.rates, irqtrace.imbalance, irqtrace.jitter, irqtrace.storms, irqtrace.report]
)
def test_every_analysis_is_of_unfinished_recordings_too(cut_off: Path, analysis: Callable[..., object]) -> None:
    with pytest.warns(IrqtraceWarning, match="cut off"):
        of_unfinished = analysis(cut_off)
    irqtrace.repair(cut_off)
    assert str(analysis(cut_off)) == str(of_unfinished)


def test_a_query_of_an_unfinished_recording_is_that_of_its_trace_file(cut_off: Path) -> None:
    unfinished = opened(cut_off, "cut off")
    queries: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
        lambda flat: flat.select("delta", "irq"),
        lambda flat: flat.filter(pl.col("sample") > 20, pl.col("kind") == "irq").select("cpu"),
        lambda flat: flat.filter(pl.col("delta") < 0),
        lambda flat: flat.head(3),
        lambda flat: flat.tail(3).select("time"),
        lambda flat: flat.group_by("irq", maintain_order=True).agg(pl.len()),
        lambda flat: flat.select(pl.len()),
    ]
    answers = [query(unfinished.scan()).collect() for query in queries]
    frames = [unfinished.frame(), unfinished.deltas, unfinished.samples, unfinished.lines]
    arrow = unfinished.to_arrow()
    irqtrace.repair(cut_off)
    whole = open_trace(cut_off)
    for query, answer in zip(queries, answers, strict=True):
        assert query(whole.scan()).collect().equals(answer)
    for frame, of_whole in zip(frames, [whole.frame(), whole.deltas, whole.samples, whole.lines], strict=True):
        assert of_whole.equals(frame)
    assert whole.to_arrow().equals(arrow)


def test_opening_changes_nothing(cut_off: Path) -> None:
    files = {entry: entry.read_bytes() for entry in cut_off.parent.iterdir() if entry.is_file()}
    opened(cut_off, r"was cut off, and .* of it are there; irqtrace.repair").frame()
    assert {entry: entry.read_bytes() for entry in cut_off.parent.iterdir() if entry.is_file()} == files


def test_the_warning_points_at_whoever_opens_it(cut_off: Path) -> None:
    with pytest.warns(IrqtraceWarning) as told:
        trace = open_trace(cut_off)
    trace.write(cut_off)
    with pytest.warns(IrqtraceWarning) as told_of_newer:
        open_trace(cut_off)
    assert [warning.filename for warning in (*told, *told_of_newer)] == [__file__, __file__]


def test_an_unfinished_recording_is_opened_by_any_of_its_names(cut_off: Path) -> None:
    frame = opened(cut_off, "cut off").frame()
    for suffix in (".partial", ".journal"):
        assert opened(cut_off.with_name(cut_off.name + suffix), "cut off").frame().equals(frame)


def test_an_unfinished_recording_is_sliced_written_and_pickled(cut_off: Path, tmp_path: Path) -> None:
    trace = opened(cut_off, "cut off")
    part = trace.slice("5ms", "15ms")
    assert conserved(part)
    trace.write(tmp_path / "written.parquet")
    assert pickle.loads(pickle.dumps(part)).frame().equals(part.frame())  # noqa: S301
    for other in (open_trace(tmp_path / "written.parquet"), pickle.loads(pickle.dumps(trace)), copy.copy(trace)):  # noqa: S301
        assert other.frame().equals(trace.frame())
        assert other.warnings == trace.warnings


def test_repair_makes_a_trace_file_and_says_how_much_is_in_it(
    cut_off: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = opened(cut_off, "cut off").frame()
    assert main(["repair", str(cut_off)]) == 0
    assert capsys.readouterr().out.startswith(f"{cut_off}: ")
    assert names(cut_off.parent) == {"t.parquet"}
    repaired = open_trace(cut_off)
    assert repaired.frame().equals(frame)
    assert repaired.warnings[-1].type == "incomplete"
    assert main(["repair", str(cut_off)]) == 1
    assert "nothing unfinished" in capsys.readouterr().err
    assert main(["repair", str(cut_off.with_name("none"))]) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_journal_that_was_left_beside_its_complete_trace_is_removed(
    cut_off: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = cut_off.with_name("t.parquet.journal")
    left = journal.read_bytes()
    irqtrace.repair(cut_off)
    for name in (cut_off, cut_off.parent, journal):
        journal.write_bytes(left)
        assert main(["repair", str(name)]) == 0
        assert capsys.readouterr().out.startswith(f"{cut_off}: was complete; the journal ")
        assert names(cut_off.parent) == {"t.parquet"}
    journal.write_bytes(left)
    assert irqtrace.repair(cut_off) == [str(cut_off)]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_is_recorded_again_does_not_replace_what_was_cut_off(
    cut_off: Path, fake_proc: Path, capsys: pytest.CaptureFixture[str], force: list[str]
) -> None:
    again = ["record", "20ms", "-o", str(cut_off), "--procfs", str(fake_proc), "--quiet", *force]
    frame = opened(cut_off, "cut off").frame()
    assert main(again) == 1
    assert "irqtrace repair" in capsys.readouterr().err
    assert main([*again, "--", "nosuchcommand"]) == 1
    assert opened(cut_off, "cut off").frame().equals(frame)
    irqtrace.repair(cut_off)
    assert main([*again, "--force"]) == 0
    assert names(cut_off.parent) == {"t.parquet"}


@pytest.mark.parametrize("suffix", [".partial", ".journal", ".journal.new"])
def test_nothing_that_another_wrote_is_replaced(
    tmp_path: Path, fake_proc: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    other = tmp_path / f"t.parquet{suffix}"
    other.write_text("dear data")
    for force in ([], ["--force"]):
        options = ["-o", str(tmp_path / "t.parquet"), "--procfs", str(fake_proc), "--quiet", *force]
        assert main(["record", "20ms", *options]) == 1
        assert "unfinished recording" in capsys.readouterr().err
    assert other.read_text() == "dear data"
    assert names(tmp_path) == {other.name}


def test_a_recording_that_ended_before_there_was_anything_of_it_is_in_nobodys_way(
    tmp_path: Path, fake_proc: Path
) -> None:
    path = tmp_path / "t.parquet"
    for begin in (b"", b"PAR1", b"PAR1irqtrace\x01\x02\x03\x04\x05\x06\x07\x08"):
        (tmp_path / "t.parquet.partial").write_bytes(begin)
        with pytest.raises(TraceFormatError, match="nothing that can be opened"):
            open_trace(path)
        irqtrace.record("5ms", path=path, procfs=fake_proc, overwrite=True)
        assert names(tmp_path) == {"t.parquet"}
        path.unlink()


@pytest.mark.parametrize("name", ["t.partial", "t.parquet.journal"])
def test_a_name_that_is_one_of_the_files_under_way_is_refused(tmp_path: Path, fake_proc: Path, name: str) -> None:
    with pytest.raises(OSError, match="choose another name"):
        irqtrace.record("5ms", path=tmp_path / name, procfs=fake_proc)
    assert names(tmp_path) == set()


def test_a_reader_does_not_keep_a_recorder_from_its_lock(tmp_path: Path) -> None:
    """Whoever looks whether it is under way holds the file for a moment."""
    path = tmp_path / "t.parquet"
    partial = path.with_name("t.parquet.partial")
    partial.touch()
    with partial.open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        process = recorder(path, "--flush", "20ms")
        try:
            until(lambda: _has_open(process.pid, partial), process)
            fcntl.flock(reader, fcntl.LOCK_UN)
            until(path.with_name("t.parquet.journal").exists, process)
            opened(path, "still under way")
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0


def _has_open(pid: int, path: Path) -> bool:
    try:
        return any(descriptor.samefile(path) for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        # A descriptor that has just been closed.
        return False


def test_a_file_that_has_taken_the_place_of_a_recording_is_not_given_its_name(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    partial = path.with_name("t.parquet.partial")
    process = recorder(path, "--flush", "20ms")
    until(path.with_name("t.parquet.journal").exists, process)
    partial.rename(tmp_path / "moved")
    partial.write_text("dear data")
    _, said = process.communicate()
    assert process.returncode == 1
    assert "was removed while it was being written" in said
    assert not path.exists()
    assert partial.read_text() == "dear data"


def test_a_journal_of_another_recording_is_told_from_its_own(cut_off: Path, tmp_path: Path, fake_proc: Path) -> None:
    other = tmp_path / "other.parquet"
    process = recorder(other, "--flush", "20ms", "--procfs", str(fake_proc))
    until(other.with_name("other.parquet.journal").exists, process)
    process.kill()
    process.communicate()
    shutil.copy(f"{other}.journal", f"{cut_off}.journal")
    for what in (open_trace, irqtrace.repair):
        with pytest.raises(
            TraceFormatError, match=r"t.parquet.partial: is not of the recording of .*t.parquet.journal"
        ):
            what(cut_off)
    assert {"t.parquet.partial", "t.parquet.journal"} <= names(cut_off.parent)


def test_a_recording_is_opened_also_in_the_moment_in_which_it_becomes_complete(
    cut_off: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = opened(cut_off, "cut off").frame()
    read_footer, calls = files.read_footer, []

    def missing_once(path: Path) -> object:
        calls.append(path)
        if len(calls) == 1:
            irqtrace.repair(cut_off)
            raise FileNotFoundError(errno.ENOENT, "not yet", str(path))
        return read_footer(path)

    monkeypatch.setattr(files, "read_footer", missing_once)
    assert open_trace(cut_off).frame().equals(frame)
    assert len(calls) == 2


def test_a_damaged_file_is_said_to_be_so_whatever_is_beside_it(cut_off: Path) -> None:
    cut_off.with_name("t.parquet.journal").write_text("of something else")
    cut_off.write_text("no trace at all")
    with pytest.raises(TraceFormatError, match=r"t.parquet: no trace"):
        open_trace(cut_off)


def test_a_pipe_beside_it_hangs_nobody(tmp_path: Path, fake_proc: Path) -> None:
    path = tmp_path / "t.parquet"
    os.mkfifo(f"{path}.partial")
    for what in (lambda: open_trace(path), lambda: irqtrace.repair(path)):
        with pytest.raises(OSError, match="is not a file"):
            what()
    with pytest.raises(FileExistsError):
        irqtrace.record("5ms", path=path, procfs=fake_proc)


def test_a_pipe_in_the_place_of_its_journal_hangs_nobody(cut_off: Path) -> None:
    journal = cut_off.with_name("t.parquet.journal")
    journal.unlink()
    os.mkfifo(journal)
    for what in (open_trace, irqtrace.quality, irqtrace.repair):
        with pytest.raises(OSError, match="is not a file") as told:
            what(cut_off)
        assert told.value.filename == str(journal)
    assert names(cut_off.parent) == {"t.parquet.partial", "t.parquet.journal"}


def test_damage_to_a_row_group_is_said_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    process = recorder(path, "--interval", "50us", "--flush", "50ms")
    partial = path.with_name("t.parquet.partial")
    until(lambda: partial.exists() and partial.stat().st_size > 1_000, process)
    until(lambda: opened(path, "under way").info.duration_ns > 0, process)
    process.kill()
    process.communicate()
    data = bytearray(partial.read_bytes())
    data[2_000 : len(data) // 2] = bytes(len(data) // 2 - 2_000)
    partial.write_bytes(data)
    for read in (lambda: open_trace(path).frame(), lambda: irqtrace.repair(path)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IrqtraceWarning)
            with pytest.raises(TraceFormatError, match=r"t\.parquet"):
                read()


def test_two_do_not_record_into_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    process = recorder(path, "--flush", "20ms")
    try:
        until(path.with_name("t.parquet.journal").exists, process)
        assert main(["record", "10ms", "-o", str(path), "--force", "--quiet"]) == 1
        assert "is being recorded by somebody else" in capsys.readouterr().err
        assert main(["repair", str(path), "--force"]) == 1
        assert "still being written" in capsys.readouterr().err
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0
    assert conserved(open_trace(path))


def test_an_older_trace_is_opened_with_a_word_on_the_newer_one_that_was_cut_off(cut_off: Path) -> None:
    trace = opened(cut_off, "cut off")
    trace.write(cut_off)
    with pytest.warns(IrqtraceWarning, match=r"an unfinished recording .* beside it"):
        assert open_trace(cut_off).frame().equals(trace.frame())


@pytest.mark.parametrize("lost", ["journal", "partial"])
def test_a_recording_of_which_a_file_is_missing_is_said_so(cut_off: Path, lost: str) -> None:
    cut_off.with_name(f"t.parquet.{lost}").unlink()
    with pytest.raises((TraceFormatError, FileNotFoundError), match=r"t\.parquet"):
        open_trace(cut_off)


def test_damage_to_a_journal_is_no_wrong_number(cut_off: Path) -> None:
    """In Rust for every byte; here that it comes out as the error, or the warning, that it is."""
    journal = cut_off.with_name("t.parquet.journal")
    journal.write_bytes(journal.read_bytes()[:100])
    with pytest.raises(TraceFormatError, match=r"t.parquet.journal: the journal's head is cut off"):
        open_trace(cut_off)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB that is nearly full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    unmount = shutil.which("umount")
    options = ["-t", "tmpfs", "-o", "size=4m", "irqtrace-test", str(disk)]
    if (
        mount is None
        or unmount is None
        or subprocess.run([mount, *options], capture_output=True, check=False).returncode
    ):
        pytest.skip("no right to mount a disk")
    try:
        (disk / "full").write_bytes(bytes((4 << 20) - (48 << 10)))
        yield disk
    finally:
        subprocess.run([unmount, str(disk)], check=True)


def test_a_full_disk_ends_a_recording_and_what_was_flushed_stays(small_disk: Path) -> None:
    path = small_disk / "t.parquet"
    process = recorder(path, "--interval", "100us", "--flush", "20ms")
    _, said = process.communicate()
    assert process.returncode == 1
    assert said == (
        f"irqtrace: {path}: {os.strerror(errno.ENOSPC).lower()}; what was flushed until then is in {path}.partial\n"
    )
    trace = opened(path, "cut off")
    assert conserved(trace)
    assert len(trace.samples) > 0
    (small_disk / "full").unlink()
    irqtrace.repair(path)
    assert open_trace(path).frame().equals(trace.frame())


def test_a_folder_that_is_removed_ends_a_recording(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "t.parquet"
    process = recorder(path, "--flush", "20ms")
    until(path.with_name("t.parquet.journal").exists, process)
    shutil.rmtree(folder)
    _, said = process.communicate()
    assert (process.returncode, said) == (1, f"irqtrace: {path}: was removed while it was being written\n")


def test_an_interpreter_that_ends_while_it_records_leaves_what_was_flushed(tmp_path: Path, fake_proc: Path) -> None:
    code = (
        "import irqtrace, sys, time, os\n"
        "from irqtrace.settings import Settings\n"
        "core = Settings.checked(interval='1ms', kinds=None, irqs=None, pin=None, fifo=None, lock_memory=False,\n"
        "    dma_latency_us=None, spin='0us', batch_every='10ms', memory_limit=1 << 30, procfs=sys.argv[2])\n"
        "core = core.sampler(path=sys.argv[1], flush='20ms')\n"
        "core.start()\n"
        "while not os.path.exists(sys.argv[1] + '.journal'):\n"
        "    time.sleep(0.001)\n"
    )
    # With its last reference gone the recording ends as if it was told to; where the process just ends, it is cut off.
    for ending, left in (("del core\n", {"ended.parquet"}), ("os._exit(0)\n", None)):
        path = tmp_path / ("ended.parquet" if left else "cut.parquet")
        subprocess.run([sys.executable, "-c", code + ending, path, fake_proc], check=True)
        if left:
            assert names(tmp_path) == left
        trace = open_trace(path) if left else opened(path, "cut off")
        assert conserved(trace)
