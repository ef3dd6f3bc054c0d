"""The machine that the figures are of."""

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

__all__ = ["CpuTimes", "describe"]


@dataclass(frozen=True)
class CpuTimes:
    """CPU time of all CPUs since the start of the system, in ticks."""

    total: int
    idle: int
    stolen: int

    @classmethod
    def now(cls) -> Self:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return cls(sum(ticks), ticks[3] + ticks[4], ticks[7])

    def busy_since(self, before: Self) -> str:
        return f"{1 - (self.idle - before.idle) / (self.total - before.total):.1%}"

    def stolen_since(self, before: Self) -> str:
        return f"{(self.stolen - before.stolen) / (self.total - before.total):.2%}"


def describe() -> dict[str, str]:
    """What a reader must know of the machine to make sense of a figure."""
    before = CpuTimes.now()
    time.sleep(2)
    busy = CpuTimes.now().busy_since(before)
    model = _cpuinfo("model name") or platform.machine()
    virtual = ", virtual machine" if "hypervisor" in _cpuinfo("flags").split() else ""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    sizes = [f"{path}: {len(_bytes(path)):,} bytes" for path in ("/proc/interrupts", "/proc/softirqs")]
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "CPUs": f"{os.cpu_count()} × {model}{virtual}",
        "memory": f"{memory_gib:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "texts": "; ".join(sizes),
        "tools": f"{rustc}; Python {platform.python_version()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "busy with other things before it": busy,
    }


def _cpuinfo(key: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
