"""A disk that fails ends a recording in words, and what was flushed stays."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

import irqtrace
from checked import conserved
from disks import disk_in_memory, disk_of_a_file
from irqtrace import _core, open_trace
from killed import fill_and_open, opened, recorder, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from disks import Disk

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")

GIVE_UP_S = 120
"""Nothing here takes long: what has not ended by then hangs."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if shutil.which("mkfs.ext4") is None or shutil.which("losetup") is None:
        pytest.skip("no mkfs.ext4 or no losetup here")
    with disk_of_a_file(tmp_path / "disk") as disk:
        yield disk


def broken(disk: Disk, command: str, *numbers: int) -> Path:
    """Records until what this command does to the disk ends it, with one of these errors of the system."""
    path = disk.folder / "t.parquet"
    process = recorder(path, "--flush", "20ms")
    journal = path.with_name("t.parquet.journal")
    # The head, and some flushes.
    until(lambda: journal.exists() and journal.stat().st_size > 8_000, process)
    try:
        disk.run(command)
        _, said = process.communicate(timeout=GIVE_UP_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1
    assert said in [
        f"irqtrace: {path}: {os.strerror(number).lower()}; what was flushed until then is in {path}.partial\n"
        for number in numbers
    ]
    return path


def test_a_disk_that_cannot_be_written_to_any_more_ends_a_recording(disk: Disk) -> None:
    """Most of it goes: what is on its way there fails, which the next flush is told.

    Where the file system's own log was on its way too, it has become read-only before that flush writes.
    """
    path = broken(disk, "truncate -s 256K $image && losetup -c $device", errno.EIO, errno.EROFS)
    trace = opened(path, "cut off")
    assert conserved(trace)
    assert len(trace.samples) > 0


def test_a_disk_that_becomes_read_only_ends_a_recording(disk: Disk) -> None:
    """As a file system does that finds itself damaged: with an error where something was on its way to the disk."""
    path = broken(disk, "echo for a test > /sys/fs/ext4/${device#/dev/}/trigger_fs_error", errno.EROFS, errno.EIO)
    trace = opened(path, "cut off")
    assert conserved(trace)
    assert len(trace.samples) > 0
    # What cannot be repaired in its place can be written elsewhere.
    with pytest.raises(OSError, match=os.strerror(errno.EROFS)):
        irqtrace.repair(path)
    assert opened(path, "cut off").frame().equals(trace.frame())


def test_what_was_flushed_is_there_after_the_file_system_went_down(disk: Disk, tmp_path: Path) -> None:
    """Without a word to the disk of what was still to be written: as in a crash."""
    # FS_IOC_SHUTDOWN, and not even its log is to be written.
    down = (
        f'{sys.executable} -c \'import fcntl, os, struct; fcntl.ioctl(os.open("{tmp_path}/disk", os.O_RDONLY), '
        f'0x8004587D, struct.pack("I", 2))\''
    )
    path = broken(disk, down, errno.EIO)
    disk.run(f"umount {tmp_path}/disk && mount -o loop $image {tmp_path}/disk")
    trace = opened(path, "cut off")
    assert conserved(trace)
    assert len(trace.samples) > 0
    irqtrace.repair(path)
    assert open_trace(path).frame().equals(trace.frame())


@pytest.mark.parametrize("size_kib", [8, 44, 120])
def test_a_disk_that_the_recorder_fills_ends_it_at_any_byte(tmp_path: Path, size_kib: int) -> None:
    with disk_in_memory(tmp_path / "disk", f"{size_kib}k") as disk:
        fill_and_open(disk.folder / "t.parquet")
