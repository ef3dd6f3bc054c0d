"""Ten million rows from the core to a Polars frame: how long, from where, and for how much memory."""

import os
import time
from pathlib import Path

import polars as pl
import pyarrow as pa
from report import report

from irqtrace import Trace, _core
from irqtrace.trace import memory_trace

READS, LINES, CPUS = 5_001, 125, 16
ROUNDS = 15


def main() -> None:
    pl.DataFrame(_trace(2))  # what Polars loads on its first use is not the trace's
    trace = _trace(READS)
    took_ms, grown = [], []
    for _ in range(ROUNDS):
        before = _resident_bytes()
        begin = time.perf_counter_ns()
        frame = pl.DataFrame(trace)
        took_ms.append((time.perf_counter_ns() - begin) / 1e6)
        grown.append((_resident_bytes() - before) / 2**20)
    print(f"# {frame.height} rows, {frame.estimated_size() / 2**20:.0f} MiB in {frame.n_chunks()} chunks")
    report("frame_rows", "rows", [frame.height])
    report("frame_time", "ms", took_ms)
    report("frame_growth", "MiB", grown)
    report("frame_smallest_chunk", "rows", [min(frame["delta"].chunk_lengths()[:-1])])
    report("frame_foreign_columns", "columns", [_foreign_columns(trace, frame)])


def _trace(count: int) -> Trace:
    """Every cell grows by one from read to read."""
    texts = (_text(read) for read in range(count))
    reads = [(read * 1_000_000, read * 1_000_000 + 50_000, text, None) for read, text in enumerate(texts, 1)]
    core = _core.replay(reads, interval_ns=1_000_000, kinds={"irq": 1_000_000})
    if core is None:
        raise RuntimeError("a replay without a path makes a trace")
    return memory_trace(core)


def _text(count: int) -> bytes:
    cells = b"%10d " % count * CPUS
    header = b"           " + b"".join(b"CPU%-8d" % cpu for cpu in range(CPUS)) + b"\n"
    lines = (b"%4d: %s PCI-MSIX-0000:00:05.0 %4d-edge      eth0-%d\n" % (at, cells, at, at) for at in range(LINES))
    return header + b"".join(lines)


def _foreign_columns(trace: Trace, frame: pl.DataFrame) -> int:
    """How many columns do not lie in the core's own buffers, chunk by chunk."""
    table = pa.table(trace)
    foreign = 0
    for name in frame.columns:
        ours = [_address(chunk) for chunk in table[name].chunks]
        theirs = [_address(chunk.to_arrow()) for chunk in frame[name].get_chunks()]
        foreign += ours != theirs
    return foreign


def _address(array: pa.Array) -> int:
    address: int = array.buffers()[1].address + array.offset * array.type.bit_width // 8
    return address


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
