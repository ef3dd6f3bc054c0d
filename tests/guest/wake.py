"""Wakes a guest that sleeps, through QEMU's own protocol (QMP): no alarm of its clock may come before it sleeps."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

__all__ = ["wait_and_wake"]

ASLEEP_S = 3
"""What the guest counts of its sleep are whole seconds."""


def wait_and_wake(process: subprocess.Popen[bytes], path: Path, timeout_s: float) -> bool:
    """Waits until a guest has ended, and wakes it whenever it sleeps: whether it ended in time."""
    until = time.monotonic() + timeout_s
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as port:
        port.settimeout(timeout_s)
        try:
            port.connect(str(path))
            with port.makefile("rw") as lines:
                lines.readline()
                _ask(lines, "qmp_capabilities")
                while process.poll() is None and time.monotonic() < until:
                    if _ask(lines, "query-status")["status"] == "suspended":
                        time.sleep(ASLEEP_S)
                        _ask(lines, "system_wakeup")
                    time.sleep(0.2)
        except (OSError, EOFError):
            pass  # it has ended, or is about to
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    return process.poll() is not None


def _ask(lines: TextIO, what: str) -> dict[str, Any]:
    """What is returned; events come in between."""
    lines.write(json.dumps({"execute": what}) + "\n")
    lines.flush()
    for line in lines:
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"{what}: {answer['error']}")
        if "return" in answer:
            returned: dict[str, Any] = answer["return"]
            return returned
    raise EOFError
