"""A process that records for hours does not keep memory that it does not use."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

COUNT = """
import ctypes, sys
from irqtrace.cli.memory import give_large_blocks_back

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "recorder":
    give_large_blocks_back()
libc.free(libc.malloc(8 << 20))
before = libc.mallinfo2().hblks
block = libc.malloc(1 << 20)
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.parametrize(("who", "from_the_system"), [("recorder", "1\n"), ("anybody", "0\n")])
def test_large_blocks_of_a_recorder_come_from_the_system_and_go_back_to_it(who: str, from_the_system: str) -> None:
    try:
        is_glibc = hasattr(ctypes.CDLL(None), "mallinfo2")
    except (OSError, TypeError):
        is_glibc = False
    if not is_glibc:
        pytest.skip("another C library does so by itself")
    done = subprocess.run([sys.executable, "-c", COUNT, who], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, from_the_system, "")
