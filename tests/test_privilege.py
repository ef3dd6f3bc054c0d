"""What needs a right is refused clearly where it was asked for, never left out silently."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from irqtrace import _core

pytestmark = pytest.mark.skipif(not _core.LIVE, reason="this build cannot sample")

# Gives up every right after all is loaded, since the program may lie where only its owner reads.
AS_NOBODY = """
import os, resource, sys
import irqtrace
irqtrace.record("1ms", interval="1ms")
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    irqtrace.record("10ms", interval="1ms", **{sys.argv[1]: int(sys.argv[2])})
except irqtrace.PrivilegeError as error:
    print(type(error.errno).__name__, error)
else:
    print("recorded")
"""


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        pytest.param("fifo", 10, "SCHED_FIFO priority 10 refused", id="fifo"),
        pytest.param("dma_latency_us", 0, "/dev/cpu_dma_latency with 0 µs refused", id="dma-latency"),
    ],
)
def test_a_right_that_is_missing_is_named_where_it_was_asked_for(option: str, value: int, said: str) -> None:
    if option == "dma_latency_us" and not Path("/dev/cpu_dma_latency").exists():
        pytest.skip("this machine has no /dev/cpu_dma_latency")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", AS_NOBODY, option, str(value)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.stdout.startswith(f"int {said}"), done.stderr
    assert "run as root" in done.stdout
