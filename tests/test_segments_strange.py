"""Segments that are missing, damaged, foreign or twice there: what is left out is told with its name."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from checked import conserved
from irqtrace import IrqtraceWarning, TraceFormatError, _core, joining, listing, open_trace
from irqtrace.cli import main
from made import in_memory, small_trace
from rotated import counted, rotated, save, small, steady

NAMES = Path(__file__).parents[1] / "rust/core/tests/segment-names.txt"


def test_a_name_has_the_number_that_the_recorder_finds_in_it_too(tmp_path: Path) -> None:
    lines = [line.split(" ") for line in NAMES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    of_recording = {name: int(number) for name, number in lines if number != "-"}
    for name, _ in lines:
        (tmp_path / name).touch()
        is_segment = name != "t.parquet" and listing.series_name(name) == "t.parquet"
        assert (listing.number_of(name) if is_segment else None) == of_recording.get(name), name
    found = [name.removeprefix(f"{tmp_path}/") for name in listing.series_names(str(tmp_path / "t.parquet"))]
    assert sorted(found) == sorted(of_recording)
    assert [of_recording[name] for name in found] == sorted(of_recording.values())


def test_segments_go_on_where_their_numbers_have_more_digits(tmp_path: Path) -> None:
    paths = small(tmp_path)
    whole = open_trace(tmp_path).frame()
    for path, number in zip(paths, ("9999998", "9999999", "010000000"), strict=True):
        path.rename(tmp_path / f"t-{number}.parquet")
    # What is named by a date is no segment.
    (tmp_path / "t-20261128.parquet").write_text("another's")
    assert_frame_equal(open_trace(tmp_path / "t.parquet").frame(), whole)


def test_an_empty_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no trace files"):
        open_trace(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file matches"):
        open_trace(tmp_path / "t-*.parquet")
    with pytest.raises(FileNotFoundError):
        open_trace(tmp_path / "t.parquet")


# Gives up every right after all is loaded, as in test_privilege.py.
OPEN_AS_NOBODY = """
import os, sys
import irqtrace
from irqtrace.cli import main
assert main(["rates", "s"]) == 0
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for name in sys.argv[1:]:
    for verb in ("rates", "repair"):
        assert main([verb, name]) == 1
"""


@pytest.mark.parametrize("mode", [0o000, 0o711])
def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, mode: int) -> None:
    small(tmp_path / "s")
    small(tmp_path / "shut")
    (tmp_path / "shut").chmod(mode)
    tmp_path.chmod(0o755)
    names = ["shut", "shut/t.parquet", "shut/*.parquet"]
    command = [sys.executable, "-c", OPEN_AS_NOBODY, *names]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (tmp_path / "shut").chmod(0o755)
    assert process.returncode == 0, process.stderr
    said = process.stderr.splitlines()
    assert len(said) == 2 * len(names)
    assert all(line.startswith("irqtrace: shut") and line.endswith(": permission denied") for line in said), said


def test_what_is_no_file_among_segments_is_said_in_words(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "sub.parquet").mkdir()
    with pytest.warns(IrqtraceWarning, match=r"^[^\[]*/sub\.parquet: is a directory: left out"):
        assert conserved(open_trace(tmp_path))


def test_segments_of_which_none_is_unfinished_are_not_said_to_be_none(tmp_path: Path) -> None:
    small(tmp_path)
    for name in (tmp_path, tmp_path / "t.parquet", tmp_path / "t-*.parquet"):
        with pytest.raises(OSError, match="there is nothing unfinished among its files to repair"):
            irqtrace.repair(name)
    with pytest.raises(FileNotFoundError):
        irqtrace.repair(tmp_path / "u.parquet")


def test_several_recordings_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    small(tmp_path, name="a")
    small(tmp_path, name="b", cuts=(9,))
    both = r"a-000001\.parquet to .*a-000003\.parquet \(of testhost, from 2023.*; .*b-000001\.parquet to .*b-000002"
    with pytest.raises(TraceFormatError, match=both):
        open_trace(tmp_path)
    assert len(open_trace(tmp_path / "a.parquet").samples) == len(open_trace(tmp_path / "b-*.parquet").samples)
    assert len(irqtrace.report([tmp_path / "a.parquet"]).traces) == 1


def test_a_segment_of_another_recording_among_the_others_is_named(tmp_path: Path) -> None:
    small(tmp_path)
    meta, made = rotated(steady(), [8, 15], recording="r2")[1]
    meta["host"]["host"] = "other"
    (path,) = save(tmp_path / "other", [(meta, made)])
    path.rename(tmp_path / path.name)
    with pytest.raises(
        TraceFormatError, match=r"t-000002\.parquet: stands among .*t-000001\.parquet: its host is other"
    ):
        open_trace(tmp_path)


def test_traces_in_a_folder_that_are_no_segments_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_trace().save(tmp_path / f"{name}.parquet")
    with pytest.raises(
        TraceFormatError, match=r"2 traces that are no segments of one recording \(.*a\.parquet, .*b\.parquet\)"
    ):
        open_trace(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"host": {"host": "other"}}, r"does not belong to .*t-000001\.parquet: its host is other and not testhost"),
        ({"host": {"boot": "b00b"}}, "its boot is b00b and not b007"),
        ({"interval_ns": 5}, "its interval in ns is 5 and not 1000000"),
        ({"segment": 2}, r"is segment 2 of its recording, and so is .*t-000002\.parquet"),
        ({"span": [14, 24]}, r"overlaps .*t-000002\.parquet: it begins with sample 14, and that goes up to 14"),
        ({"span": [16, 24]}, r"does not follow .*t-000002\.parquet: it begins with sample 16, and that ends with 14"),
        ({"span": None}, "segment 3 has no span"),
        (
            {"baselines": {"count": 10**9}},
            r"does not follow .*t-000002\.parquet: line .* begins with a count of 1000000000",
        ),
        ({"baselines": None}, r"begins with a count of 0 and not with the \d+ before it"),
    ],
)
@pytest.mark.parametrize("name", ["", "t.parquet"])
def test_a_segment_that_does_not_belong_is_named(tmp_path: Path, change: dict[str, Any], says: str, name: str) -> None:
    segments = rotated(steady(), [8, 15])
    meta = segments[2][0]
    paths = save(tmp_path, segments)
    for key, value in change.items():
        if key == "baselines":
            counts = meta[key]["count"]
            meta[key] = (
                {column: [] for column in meta[key]} if value is None else {**meta[key], "count": [10**9, *counts[1:]]}
            )
        else:
            meta[key] = {**meta[key], **value} if isinstance(value, dict) else value
    (path,) = save(tmp_path / "changed", [(meta, segments[2][1])])
    path.rename(paths[2])
    with pytest.raises(TraceFormatError, match=rf"t-000003\.parquet: .*{says}"):
        open_trace(tmp_path / name)


def test_a_damaged_segment_is_a_gap_that_names_it(tmp_path: Path) -> None:
    paths = small(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-9])
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet: truncated") as told:
        trace = open_trace(tmp_path)
    assert [warning.filename for warning in told] == [__file__]
    (warning,) = trace.warnings
    assert (warning.type, warning.count, warning.first_sample, warning.last_sample) == ("missing_segments", 1, 8, 14)
    assert "2023-11-14 22:13:20.008 to 2023-11-14 22:13:20.015 UTC" in str(warning)
    assert conserved(trace)


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
@pytest.mark.parametrize("at", [0, -1])
def test_a_damaged_segment_at_an_end_is_told_in_the_trace_as_well(tmp_path: Path, at: int) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    irqtrace.record("700ms", path=folder / "t.parquet", rotate="200ms")
    paths = sorted(folder.iterdir())
    rest = [irqtrace.rates(path)["count"].sum() for path in paths if path is not paths[at]]
    paths[at].write_bytes(paths[at].read_bytes()[:-100])
    says = rf"number {len(paths) if at else 1}; .*{paths[at].name}: truncated.*, {'from .* on' if at else 'up to .*'}\)"
    with pytest.warns(IrqtraceWarning, match=says) as told:
        trace = open_trace(folder)
    assert len(told) == 1
    trace.write(tmp_path / "w")
    for one in (trace, open_trace(tmp_path / "w")):
        (warning,) = (warning for warning in one.warnings if warning.type == "missing_segments")
        assert warning.count == 1
        assert conserved(one)
    with pytest.warns(IrqtraceWarning, match=says) as told:
        assert irqtrace.rates(folder)["count"].sum() == irqtrace.rates(trace)["count"].sum() == sum(rest)
    assert len(told) == 1


def test_what_cannot_be_read_behind_a_recording_and_is_none_of_it_is_left_out(tmp_path: Path) -> None:
    small(tmp_path)
    for name, content in (("t-000004.parquet", b""), ("t-202611.parquet", b"PAR1irqtrace12345678")):
        (tmp_path / name).write_bytes(content)
    with pytest.warns(IrqtraceWarning, match="left out, and the segments are opened") as told:
        trace = open_trace(tmp_path)
    assert len(told) == 2
    assert trace.warnings == ()


def test_what_is_no_trace_among_segments_is_left_out_with_its_name(tmp_path: Path) -> None:
    small(tmp_path)
    frame = open_trace(tmp_path).frame()
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.warns(IrqtraceWarning, match=r"other\.parquet: no trace: .*: left out, and the segments are opened"):
        assert_frame_equal(open_trace(tmp_path).frame(), frame)


def test_what_was_cut_out_of_a_recording_is_no_segment_of_it(tmp_path: Path) -> None:
    small(tmp_path)
    trace = open_trace(tmp_path)
    frame = trace.frame()
    trace.slice("3ms", "9ms").write(tmp_path / "cut-out.parquet")
    assert_frame_equal(open_trace(tmp_path).frame(), frame)


@pytest.mark.parametrize("at", range(3))
def test_a_segment_that_another_tool_wrote_anew_is_read_as_it_is(tmp_path: Path, at: int) -> None:
    paths = small(tmp_path)
    frame = open_trace(tmp_path).frame()
    table = pq.read_table(paths[at])
    plain = table.cast(
        pa.schema([(field.name, pa.int64() if field.name == "cpu" else _plain(field.type)) for field in table.schema])
    )
    written = plain.append_column("note", pa.nulls(len(plain), pa.string()))
    pq.write_table(written.replace_schema_metadata(table.schema.metadata), paths[at])
    assert_frame_equal(open_trace(tmp_path).frame(), frame)


def _plain(of: pa.DataType) -> pa.DataType:
    return of.value_type if pa.types.is_dictionary(of) else of


@pytest.mark.parametrize("at_once", [1.5, 100])
def test_damaged_rows_of_a_segment_are_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: float
) -> None:
    """However long they are together."""
    paths = small(tmp_path)
    monkeypatch.setattr(joining, "AT_ONCE_BYTES", int(at_once * max(path.stat().st_size for path in paths)))
    for path in paths:
        table = pq.read_table(path)
        irqtrace.files.write(table, table.schema.metadata[b"irqtrace"].decode(), path, overwrite=True)
    open_trace(tmp_path).frame()
    data = bytearray(paths[1].read_bytes())
    # Behind its row group, where no reader of rows stumbles over it.
    data[data.rindex(b"PAR1", 0, -4) - 9] ^= 1
    paths[1].write_bytes(data)
    trace = open_trace(tmp_path)
    for read in (trace.frame, lambda: trace.deltas, lambda: trace.slice("10ms"), lambda: irqtrace.rates(tmp_path)):
        with pytest.raises(TraceFormatError, match=r"t-000002\.parquet: damaged") as error:
            read()
        assert error.value.__notes__ == ["without this segment's file the others can be read, with a gap"]


def with_another(folder: Path) -> int:
    """The segments of a recording besides another trace in one folder; and what the other counts."""
    small(folder)
    other = small_trace().save(folder / "zz.parquet")
    return counted(other)


def test_a_damaged_file_takes_no_other_out_of_an_analysis(tmp_path: Path) -> None:
    trace = in_memory(steady().made)
    paths = [tmp_path / f"{name}.parquet" for name in ("day-000126", "day-000127", "day-20261127", "zz")]
    for at, path in enumerate(paths):
        trace.slice(f"{6 * at}ms", f"{6 * at + 6}ms").write(path)
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    with pytest.warns(IrqtraceWarning, match=r"day-000127\.parquet: truncated.*: left out") as told:
        assert counted(tmp_path) == counted([paths[0], *paths[2:]])
    assert len(told) == 1


def test_segments_that_do_not_go_together_take_no_other_recording_out_of_an_analysis(tmp_path: Path) -> None:
    other = with_another(tmp_path)
    copy_of = tmp_path / "t-000009.parquet"
    copy_of.write_bytes((tmp_path / "t-000002.parquet").read_bytes())
    with pytest.warns(IrqtraceWarning, match="is segment 2 of its recording, and so is .*: left out"):
        assert counted(tmp_path) == other


def test_what_only_a_dump_or_a_renamed_segment_has_is_analysed(tmp_path: Path) -> None:
    paths = small(tmp_path)
    whole = open_trace(tmp_path)
    rates_of_all = irqtrace.rates(whole)
    whole.slice(None, "8ms").write(tmp_path / "early.parquet")
    whole.slice("4ms", "10ms").write(tmp_path / "dump.parquet")
    late = irqtrace.rates(whole.slice("4ms"))
    assert_frame_equal(irqtrace.rates(tmp_path), rates_of_all)
    paths[0].unlink()
    for source in (tmp_path, [tmp_path / "early.parquet", tmp_path / "t.parquet", tmp_path / "dump.parquet"]):
        assert_frame_equal(irqtrace.rates(source), rates_of_all)
    (tmp_path / "early.parquet").unlink()
    # Of the first 8 ms the other dump has the second half.
    assert irqtrace.rates(tmp_path)["count"].to_list() == late["count"].to_list()


def test_a_segment_of_another_name_is_one_of_its_recording(tmp_path: Path) -> None:
    paths = small(tmp_path)
    expected = irqtrace.rates(tmp_path)
    paths[1].rename(tmp_path / "q.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_frame_equal(irqtrace.rates(tmp_path), expected)


def test_a_trace_in_the_place_of_a_missing_segment_leaves_a_gap_that_names_it(tmp_path: Path) -> None:
    paths = small(tmp_path)
    part = open_trace(tmp_path).slice("1ms", "3ms")
    paths[1].unlink()
    part.write(paths[1])
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet is another trace"):
        assert [w.type for w in open_trace(tmp_path).warnings] == ["missing_segments"]
    paths[1].unlink()
    paths[1].symlink_to("nowhere")
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet: a link to what is not there"):
        assert conserved(open_trace(tmp_path))
    paths[1].unlink()
    paths[2].rename(paths[1])
    with pytest.warns(IrqtraceWarning, match=r"number 2; .*t-000002\.parquet is another trace"):
        assert conserved(open_trace(tmp_path))


def test_segments_that_were_not_asked_for_are_a_gap(tmp_path: Path) -> None:
    paths = small(tmp_path)
    with pytest.warns(IrqtraceWarning, match=r"t-000002\.parquet was not asked for"):
        assert conserved(open_trace(tmp_path / "t-00000[13].parquet"))
    with pytest.warns(IrqtraceWarning, match=r"t-000002\.parquet was not asked for"):
        irqtrace.rates([paths[0], paths[2]])


def test_a_file_that_was_given_and_is_not_there_is_left_out_with_its_name(tmp_path: Path) -> None:
    paths = small(tmp_path)
    with pytest.warns(IrqtraceWarning, match=r"gone\.parquet: no such file.*: left out"):
        irqtrace.rates([*paths, tmp_path / "gone.parquet"])


def test_the_command_tells_what_is_left_out_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segments = rotated(steady(), [8, 15])
    paths = save(tmp_path, segments)
    table = pq.read_table(paths[1])
    irqtrace.files.write(table, table.schema.metadata[b"irqtrace"].decode(), paths[1], overwrite=True)
    data = bytearray(paths[1].read_bytes())
    data[200] ^= 1
    paths[1].write_bytes(data)
    small(tmp_path, name="other")
    assert main(["storms", str(tmp_path), "--every", "4ms"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "t-000002.parquet: damaged" in told[0]
