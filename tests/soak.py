"""What takes long: `make soak`. Each has a short form among the tests."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from irqtrace import _core
from killed import kill_and_open

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")

KILLS = int(os.environ.get("IRQTRACE_KILLS", "200"))
FLUSH_S, BLOCK_S = 0.05, 0.1

WRITE_S = 0.1
"""For what a disk takes to have a flush: it is not there before."""


def test_recorders_that_are_killed_at_any_moment_lose_a_flush_and_a_block_at_most(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)  # noqa: S311 - only moments are chosen
    lost = []
    for kill in range(KILLS):
        path = tmp_path / f"{kill}.parquet"
        lost.append(kill_and_open(path, chance, flush_ms=int(FLUSH_S * 1_000)))
        for file in tmp_path.iterdir():
            file.unlink()
    print(f"{KILLS} killed; at most {max(lost):.3f} s were lost")  # noqa: T201 - what came of minutes
    assert max(lost) <= FLUSH_S + BLOCK_S + WRITE_S
