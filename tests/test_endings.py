"""However a recorder is told to end, its file is complete, and nothing else is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from checked import conserved
from irqtrace import _core, open_trace
from killed import end_at_any_moment, recorder, until
from terminal import InTerminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")

GIVE_UP_S = 120
"""Nothing here takes long: what has not ended by then hangs."""


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()} - {"proc"}


def test_a_recorder_that_is_told_to_end_at_any_moment_leaves_a_complete_file_or_none(tmp_path: Path) -> None:
    chance = random.Random(2)  # noqa: S311 - only moments are chosen
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) * 2:
        end_at_any_moment(tmp_path, number, chance)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_asks_twice_is_not_answered_with_less(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "t.parquet"
    process = recorder(path, "--flush", "20ms")
    until(path.with_name("t.parquet.journal").exists, process)
    # They come one by one, as long as it is there to hear them: at the last moments too.
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(0.001)
    _, said = process.communicate(timeout=GIVE_UP_S)
    assert process.returncode in {0, 130, -number}
    assert "/irqtrace/cli/" not in said
    assert names(tmp_path) == {"t.parquet"}
    assert conserved(open_trace(path))


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_recording_whose_terminal_is_closed_is_complete(tmp_path: Path, quiet: list[str]) -> None:
    path = tmp_path / "t.parquet"
    journal = path.with_name("t.parquet.journal")
    with InTerminal("record", "10m", "-o", path, "--flush", "20ms", *quiet) as terminal:
        while not journal.exists():
            time.sleep(0.002)
        if not quiet:
            terminal.wait_for("samples/s")
        terminal.close()
        # Its summary has nowhere to go; without one there is nothing that fails.
        assert terminal.process.wait(GIVE_UP_S) == (0 if quiet else 128 + signal.SIGHUP)
    assert names(tmp_path) == {"t.parquet"}
    assert conserved(open_trace(path))


def test_a_recording_that_is_to_outlive_its_terminal_does_so(tmp_path: Path) -> None:
    """As nohup, and a shell's disown, start it: its progress is shown to nobody from then on."""
    path = tmp_path / "t.parquet"
    with InTerminal("record", "1s", "-o", path, "--flush", "20ms", ignores_hangup=True) as terminal:
        terminal.wait_for("samples/s")
        terminal.close()
        assert terminal.process.wait(GIVE_UP_S) == 128 + signal.SIGHUP
    assert names(tmp_path) == {"t.parquet"}
    trace = open_trace(path)
    # All of its points, read or missed.
    assert {group.reads + group.missed for group in trace.info.groups} == {1_001}
    assert conserved(trace)


def test_ctrl_c_in_a_terminal_ends_a_recording_with_its_summary(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with InTerminal("record", "10m", "-o", path, "--flush", "20ms") as terminal:
        terminal.wait_for("samples/s")
        terminal.type(b"\x03")
        terminal.wait_for("the sampler itself")
        assert terminal.process.wait(GIVE_UP_S) == 0
    assert names(tmp_path) == {"t.parquet"}
    assert conserved(open_trace(path))


def test_a_summary_that_nobody_reads_costs_no_recording(fake_proc: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "irqtrace", "record", "20ms", "-o", str(path), "--procfs", str(fake_proc)]
    with os.fdopen(writes, "wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=GIVE_UP_S)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")
    assert names(tmp_path) == {"t.parquet"}
    assert conserved(open_trace(path))
