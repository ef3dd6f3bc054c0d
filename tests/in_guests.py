"""Live recordings of machines that change, for real: `make guest-test`. Its short form is replayed."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import irqtrace
from guest.machine import boot, missing
from guest.promises import PROMISES
from guest.seen import Seen
from irqtrace import _core

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample"),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

GUESTS = {8: ["suspend"], 16: []}
"""CPUs of each guest, and what it is told."""

RECORDINGS = [(8, "moved"), (8, "slept"), (16, "moved")]

PATIENCE_S = 240


@dataclass(frozen=True)
class Recording:
    """What came of a recording in a guest."""

    seen: Seen
    kept: dict[str, str]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], Recording]:
    """All of them, each guest run once."""
    found = {}
    for cpus, told in GUESTS.items():
        folder = tmp_path_factory.mktemp(f"guest-{cpus}")
        for name, content in boot(cpus, _command(told), folder, PATIENCE_S).items():
            (folder / name).write_bytes(content)
        for path in folder.glob("*.parquet"):
            log, kept = (json.loads(path.with_suffix(f".{what}.json").read_text()) for what in ("log", "kept"))
            found[cpus, path.stem] = Recording(Seen(path, log), kept)
    return found


def _command(told: list[str]) -> list[str]:
    """The program, run by this interpreter with these packages."""
    folders = [Path(irqtrace.__file__).parents[1], Path(__file__).parent]
    paths = os.pathsep.join(map(str, folders))
    settings = [f"PYTHONPATH={paths}", "PYTHONDONTWRITEBYTECODE=1", "HOME=/dev/shm"]
    return ["env", *settings, sys.executable, "-m", "guest.inside", *told]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: "-".join(map(str, recording)))
def test_a_machine_that_changes(
    recordings: dict[tuple[int, str], Recording], recording: tuple[int, str], promise: Callable[[Seen], None]
) -> None:
    there = recordings[recording]
    promise(there.seen)
    assert there.kept[promise.__name__] == "", "as it was seen in the guest"


def test_of_16_cpus_a_read_is_more_than_the_kernel_gives_at_once(
    recordings: dict[tuple[int, str], Recording],
) -> None:
    log = recordings[16, "moved"].seen.log
    assert all(look["at_once"] < len(look["interrupts"]) for look in log["looks"])
