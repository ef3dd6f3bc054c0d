"""Segments while their recorder begins others and drops the oldest."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from checked import conserved
from irqtrace import IrqtraceWarning, _core, listing, open_trace, unfinished
from killed import recorder, until
from rotated import SAMPLES, counted, rotated, save, small, steady

if TYPE_CHECKING:
    from pathlib import Path


def test_files_that_are_renamed_or_dropped_while_they_are_opened_are_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = small(tmp_path)
    read_footer = irqtrace.files.read_footer
    dropped: list[Path] = []

    def drop_before_it_is_read(path: str) -> Any:  # noqa: ANN401
        if not dropped:
            dropped.append(paths[0])
            paths[0].unlink()
        return read_footer(path)

    monkeypatch.setattr(irqtrace.files, "read_footer", drop_before_it_is_read)
    trace = open_trace(tmp_path)
    assert dropped
    assert trace._meta["span"] == [8, 24]


def test_files_that_never_settle_are_an_error_and_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path)

    def gone(path: str) -> Any:  # noqa: ANN401
        raise FileNotFoundError(path)

    monkeypatch.setattr(irqtrace.files, "read_footer", gone)
    with pytest.raises(OSError, match="come and go faster than they can be opened"):
        open_trace(tmp_path)


class Tail:
    """A last segment that is under way, made of one that is complete."""

    def __init__(self, path: Path, *, under_way: bool = True) -> None:
        self.table = pq.read_table(path)
        self.meta = self.table.schema.metadata[b"irqtrace"].decode()
        self.under_way = under_way

    def check(self, at_most: int | None = None) -> None:
        assert at_most is None or at_most > 0

    def flat(self, columns: list[str] | None = None) -> pa.Table:
        return self.table.select(columns or self.table.column_names)


@pytest.mark.parametrize("under_way", [True, False])
def test_the_last_segment_may_be_without_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, under_way: bool
) -> None:
    paths = small(tmp_path)
    frame = open_trace(tmp_path).frame()
    tail = Tail(paths[2], under_way=under_way)
    for suffix in (".partial", ".journal"):
        paths[2].with_name(paths[2].name + suffix).touch()
    paths[2].unlink()
    monkeypatch.setattr(unfinished, "find", {str(paths[2]): tail}.get)
    said = "t-000003.parquet: the recording " + ("is still under way" if under_way else "was cut off")
    for name in ("", "t.parquet", "t-*.parquet"):
        with pytest.warns(IrqtraceWarning, match=said) as told:
            trace = open_trace(tmp_path / name)
        assert [warning.filename for warning in told] == [__file__]
        assert_frame_equal(trace.frame(), frame)
    assert_frame_equal(pickle.loads(pickle.dumps(trace)).frame(), frame)  # noqa: S301
    assert conserved(trace.slice("12ms"))
    with pytest.warns(IrqtraceWarning, match=said):
        assert_frame_equal(irqtrace.rates(tmp_path), irqtrace.rates(trace))


def test_a_segment_that_ended_too_early_leaves_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = steady()
    paths = save(tmp_path, rotated(machine, [8, 15]))
    (early,) = save(tmp_path / "early", rotated(machine, [8, 12])[1:2])
    tail = Tail(early, under_way=False)
    early.unlink()
    paths[1].rename(paths[1].with_name(paths[1].name + ".partial"))
    monkeypatch.setattr(unfinished, "find", {str(paths[1]): tail}.get)
    with pytest.warns(IrqtraceWarning, match=r"the end of number 2, .*t-000002\.parquet"):
        trace = open_trace(tmp_path)
    assert [(w.first_sample, w.last_sample) for w in trace.warnings] == [(12, 14)]
    assert conserved(trace)


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_what_a_recorder_writes_in_segments_is_one_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    kinds = {"irq": "1ms", "arch": "1ms", "softirq": "30ms"}
    recorded = irqtrace.record("1s", kinds=kinds, path=path, rotate="50ms")
    assert len(list(tmp_path.iterdir())) >= 3
    for trace in (recorded, open_trace(tmp_path), open_trace(path)):
        assert conserved(trace)
        assert [warning.type for warning in trace.warnings if warning.type == "missing_segments"] == []
        samples = trace.samples
        for group in trace._meta["groups"]:
            assert len(samples.filter(kind=group["kind"])) == group["reads"]
    frame = recorded.frame()
    recorded.write(tmp_path / "whole")
    assert_frame_equal(open_trace(tmp_path / "whole").frame(), frame)
    assert_frame_equal(irqtrace.rates(tmp_path, "100ms"), irqtrace.rates(tmp_path / "whole", "100ms"))
    (tmp_path / "t-000002.parquet").unlink()
    with pytest.warns(IrqtraceWarning, match="number 2, from"):
        assert conserved(open_trace(tmp_path))


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_segments_are_opened_and_dumped_while_their_recorder_begins_and_drops_others(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    process = recorder(folder / "t.parquet", "--flush", "20ms", "--rotate", "40ms", "--keep", "120ms")
    try:
        until(lambda: any(listing.number_of(str(path)) > 4 for path in folder.glob("*.parquet")), process)
        for number in range(10):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                dumped = irqtrace.dump(folder, tmp_path / f"{number}.parquet", last="100ms" if number % 2 else None)
            assert conserved(dumped)
            assert dumped.info.duration_ns >= 80_000_000
            assert not [warning for warning in told if "not there" in str(warning.message)]
            assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = open_trace(folder)
    assert conserved(trace)
    assert trace._meta["recording"] is not None


def test_an_opened_recording_under_way_can_be_read_when_its_segments_are_removed(tmp_path: Path) -> None:
    paths = small(tmp_path)
    frame, every = open_trace(tmp_path).frame(), irqtrace.rates(tmp_path, "2ms")
    # The next has begun, and nothing of it is there.
    (tmp_path / "t-000004.parquet.partial").write_bytes(b"PAR1")
    trace, flat, part = open_trace(tmp_path), open_trace(tmp_path).scan(), open_trace(tmp_path).slice("5ms")
    for path in paths:
        path.unlink()
    assert trace.info.duration_ns == SAMPLES * 10**6
    assert_frame_equal(flat.collect(), frame)
    assert_frame_equal(
        flat.filter(pl.col("sample") > 9).select("delta").collect(engine="streaming"),
        frame.filter(pl.col("sample") > 9).select("delta"),
    )
    for one in (trace, pickle.loads(pickle.dumps(trace))):  # noqa: S301
        assert_frame_equal(one.frame(), frame)
        assert_frame_equal(irqtrace.rates(one, "2ms"), every)
    assert_frame_equal(pickle.loads(pickle.dumps(part)).frame(), part.frame())  # noqa: S301
    assert conserved(trace.slice("12ms"))


@pytest.mark.parametrize("at_once", [0, 1 << 20])
def test_a_segment_that_was_removed_though_it_was_to_be_read_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("irqtrace.segments.HELD", 1)
    # Long ones are not checked before they are read.
    monkeypatch.setattr("irqtrace.files.AT_ONCE_BYTES", at_once)
    paths = small(tmp_path / "s")
    (tmp_path / "s" / "t-000004.parquet.partial").write_bytes(b"PAR1")
    trace = open_trace(tmp_path / "s")
    for path in paths[:2]:
        path.unlink()
    for read in (
        trace.frame,
        lambda: trace.deltas,
        lambda: irqtrace.quality(trace),
        lambda: irqtrace.rates(trace),
        lambda: trace.write(tmp_path / "w.parquet"),
        lambda: trace.slice("9ms", "11ms").frame(),
    ):
        with pytest.raises(FileNotFoundError, match=r"removed since the trace was opened.*open it again.*/s") as told:
            read()
        assert told.value.filename
    # What was kept open, and what is still there.
    assert conserved(trace.slice("1ms", "3ms"))
    assert conserved(trace.slice("17ms"))


@pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")
def test_analyses_beside_a_recorder_that_drops_segments_lose_nothing(tmp_path: Path) -> None:
    process = recorder(tmp_path / "t.parquet", "--flush", "20ms", "--keep", "1s")
    try:
        until(lambda: any(listing.number_of(str(path)) > 14 for path in tmp_path.glob("*.parquet")), process)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IrqtraceWarning)
            for _ in range(20):
                assert counted(tmp_path) > 0
                assert counted(tmp_path / "t.parquet") > 0
                assert open_trace(tmp_path).info.duration_ns > 0
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
