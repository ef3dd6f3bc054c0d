"""What takes long: `make soak`. Each has a short form among the tests."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from corrupted import damage_complete, damage_unfinished
from disks import disk_in_memory
from irqtrace import _core
from killed import end_at_any_moment, fill_and_open, kill_and_open

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")

TIMES = int(os.environ.get("IRQTRACE_SOAK", "200"))
FLUSH_S, BLOCK_S = 0.05, 0.1

WRITE_S = 0.1
"""For what a disk takes to have a flush: it is not there before."""


@pytest.fixture
def chance() -> random.Random:
    seed = int.from_bytes(os.urandom(4))
    tell(f"\nseed {seed}")
    return random.Random(seed)  # noqa: S311 - only moments are chosen


def tell(text: str) -> None:
    """How far it is, and what came of it."""
    print(text, flush=True)  # noqa: T201 - it takes minutes


def tell_each(done: int, of: int) -> None:
    if done and done % 20 == 0:
        tell(f"{done} of {of}")


def test_recorders_that_are_killed_at_any_moment_lose_a_flush_and_a_block_at_most(
    tmp_path: Path, chance: random.Random
) -> None:
    lost = []
    for kill in range(TIMES):
        tell_each(kill, TIMES)
        path = tmp_path / f"{kill}.parquet"
        lost.append(kill_and_open(path, chance, flush_ms=int(FLUSH_S * 1_000)))
        for file in tmp_path.iterdir():
            file.unlink()
    tell(f"{TIMES} killed; at most {max(lost):.3f} s were lost, {sorted(lost)[TIMES // 2]:.3f} s in the median")
    assert max(lost) <= FLUSH_S + BLOCK_S + WRITE_S


def test_recorders_in_segments_that_are_killed_lose_no_more(tmp_path: Path, chance: random.Random) -> None:
    lost = []
    kills = TIMES // 4
    for kill in range(kills):
        tell_each(kill, kills)
        folder = tmp_path / str(kill)
        folder.mkdir()
        lost.append(kill_and_open(folder / "t.parquet", chance, int(FLUSH_S * 1_000), "--rotate", "100ms"))
        shutil.rmtree(folder)
    tell(f"{kills} killed while segments came and went; at most {max(lost):.3f} s were lost")
    # What is flushed waits for a segment that is being completed.
    assert max(lost) <= FLUSH_S + BLOCK_S + 2 * WRITE_S


def test_damage_of_any_kind_is_told_or_leaves_what_was_recorded(tmp_path: Path, chance: random.Random) -> None:
    damage_complete(tmp_path, chance, 50 * TIMES)
    damage_unfinished(tmp_path, chance, 50 * TIMES)
    tell(f"\n{100 * TIMES} files were damaged")


def test_recorders_that_are_told_to_end_at_any_moment_leave_a_complete_file_or_none(
    tmp_path: Path, chance: random.Random
) -> None:
    ended: Counter[int] = Counter()
    for end in range(TIMES):
        tell_each(end, TIMES)
        ended[end_at_any_moment(tmp_path, chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]), chance)] += 1
    tell(f"{TIMES} told to end; with status {dict(ended)}")


def test_a_disk_of_4_mib_is_filled_by_the_recorder(tmp_path: Path) -> None:
    with disk_in_memory(tmp_path / "disk", "4m") as disk:
        samples = fill_and_open(disk.folder / "t.parquet")
    tell(f"\n4 MiB were full with {samples} reads")
    assert samples > 0


def test_disks_that_are_full_at_any_byte_end_a_recording_in_words(tmp_path: Path, chance: random.Random) -> None:
    kept = []
    disks = TIMES // 5
    for number in range(disks):
        tell_each(number, disks)
        with disk_in_memory(tmp_path / f"disk-{number}", f"{4 * chance.randint(1, 60)}k") as disk:
            kept.append(fill_and_open(disk.folder / "t.parquet"))
    tell(f"{disks} disks of 4 to 240 KiB were filled; with {min(kept)} to {max(kept)} reads kept")
