"""Small disks of one's own, to fill and to break."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Disk", "disk_in_memory", "disk_of_a_file"]

DONE = "~done~"


class Disk:
    """A shell in a mount namespace of its own, and a disk that is mounted there and nowhere else.

    The kernel takes all of it away when the shell ends, however that comes about.
    """

    def __init__(self, shell: subprocess.Popen[str], inside: Path) -> None:
        self._shell = shell
        self._inside = inside

    @property
    def folder(self) -> Path:
        """The disk, from outside."""
        return Path(f"/proc/{self._shell.pid}/root{self._inside}")

    def set(self, name: str, command: str) -> None:
        """Gives a variable of the shell what a command prints."""
        self._do(f"{name}=$({command})")

    def run(self, command: str) -> str:
        """Runs a command of the shell; what it printed."""
        return self._do(f"( {command} ) 2>&1")

    def _do(self, command: str) -> str:
        """Skips the test where it is refused."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}; echo {DONE}$?\n")
        self._shell.stdin.flush()
        said = ""
        for line in self._shell.stdout:
            before, found, status = line.rpartition(DONE)
            said += before
            if found:
                if status.strip() != "0":
                    pytest.skip(f"no right to have a disk: {said.strip()}")
                return said
        pytest.skip(f"no right to have a disk: {said.strip()}")


@contextmanager
def _disk(folder: Path) -> Iterator[Disk]:
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        pytest.skip("no unshare or no mount here")
    folder.mkdir()
    command = ["unshare", "--mount", "sh"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as shell:
        try:
            yield Disk(shell, folder)
        finally:
            assert shell.stdin is not None
            shell.stdin.close()
            shell.wait()


@contextmanager
def disk_in_memory(folder: Path, size: str) -> Iterator[Disk]:
    """One in memory, of so many bytes."""
    with _disk(folder) as disk:
        disk.run(f"mount -t tmpfs -o size={size} irqtrace-test {folder}")
        yield disk


@contextmanager
def disk_of_a_file(folder: Path) -> Iterator[Disk]:
    """An ext4 of 16 MiB in a file, as a loop device; read-only once it finds itself damaged.

    In its shell, ``$image`` is the file and ``$device`` the device.
    """
    with _disk(folder) as disk:
        disk.set("image", f"echo {folder}.image")
        disk.run("truncate -s 16M $image && mkfs.ext4 -q -b 1024 $image")
        disk.run(f"mount -o loop,errors=remount-ro $image {folder}")
        disk.set("device", "losetup -n -O NAME -j $image")
        yield disk
