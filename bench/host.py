"""The machine that the figures are of."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["describe"]


def describe() -> dict[str, str]:
    """What a reader must know of the machine to make sense of a figure."""
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
        "load before": f"{os.getloadavg()[0]:.2f}",
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
