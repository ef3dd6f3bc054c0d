"""A trace file of many rows: what a host with 16 CPUs and 40 busy lines gives in hours, made in a minute."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from irqtrace import _core
from irqtrace.schema import FLAT_ARROW

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["big_trace"]

LINES, CPUS, ROWS_A_READ = 40, 16, 20
ROW_GROUP = 1 << 20
STORM = 40
INTERVAL_NS = 1_000_000


def big_trace(path: Path, rows: int, host: str = "testhost") -> Path:
    """Writes the file, unless it is there already."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(1)
    names = {"irq": [str(20 + line) for line in range(LINES)], "name": [f"eth0-rx-{line}" for line in range(LINES)]}
    first, meta = _first_read(host)
    apart = LINES * CPUS // ROWS_A_READ
    partial = path.with_suffix(".partial")
    fields = {field.name: field for field in FLAT_ARROW}
    packed = dict.fromkeys(("sample", "time", "read_ns"), "DELTA_BINARY_PACKED")
    with pq.ParquetWriter(
        partial,
        FLAT_ARROW.with_metadata({"irqtrace": meta}),
        compression="zstd",
        use_dictionary=[name for name in fields if name not in packed],
        column_encoding=packed,
    ) as writer:
        writer.write_table(first)
        sample, begun = 1, first["time"][0].value
        for done in range(first.num_rows, rows, ROW_GROUP):
            reads = min(ROW_GROUP, rows - done) // ROWS_A_READ + 1
            count = reads * ROWS_A_READ
            samples = np.repeat(np.arange(sample, sample + reads), ROWS_A_READ)
            late = np.repeat(chance.integers(10_000, 60_000, reads), ROWS_A_READ)
            lengths = np.repeat(chance.integers(10_000, 50_000, reads), ROWS_A_READ).astype(np.uint32)
            # One of every so many cells: none twice in a read, as in any real trace.
            cells = (apart * np.arange(ROWS_A_READ) + chance.integers(0, apart, (reads, ROWS_A_READ))).ravel()
            keys = {"irq": cells // CPUS, "name": cells // CPUS}
            plain = {
                "sample": samples,
                "time": begun + samples * INTERVAL_NS + late,
                "read_ns": lengths,
                "cpu": (cells % CPUS).astype(np.uint16),
                "delta": chance.integers(1, 5, count) + STORM * _of_a_storm(samples, cells),
            }
            columns = []
            for name, field in fields.items():
                if name in plain:
                    columns.append(pa.array(plain[name]).cast(field.type))
                    continue
                known = first[name].chunk(0)
                values, fixed = names.get(name, known.dictionary), known.indices[0].as_py()
                indices = keys[name] if name in keys else np.full(count, fixed)
                columns.append(
                    pa.DictionaryArray.from_arrays(
                        pa.array(indices, field.type.index_type), pa.array(values, field.type.value_type)
                    )
                )
            writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema), row_group_size=ROW_GROUP)
            sample += reads
    partial.rename(path)
    return path


def _of_a_storm(samples: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For 50 ms in every 100 s, one line has many more interrupts."""
    storm: NDArray[np.bool_] = (samples // 50 % 2_000 == 7) & (cells // CPUS == 3)
    return storm


def _first_read(host: str) -> tuple[pa.Table, str]:
    """The first read of a replay of such a host, which names every cell, and the description of a trace."""
    header = b"           " + b"".join(b"CPU%-8d" % cpu for cpu in range(CPUS)) + b"\n"
    cells = b"%10d " % 7 * CPUS
    lines = (b"%4d: %s PCI-MSI %4d-edge      eth0-rx-%d\n" % (20 + at, cells, at, at) for at in range(LINES))
    text = header + b"".join(lines)
    core = _core.replay([(0, 20_000, text, None)], interval_ns=INTERVAL_NS, kinds={"irq": INTERVAL_NS})
    if core is None:
        raise RuntimeError("a replay without a path makes a trace")
    meta = json.loads(core.meta)
    meta["finals"] = {key: [] for key in meta["finals"]}
    meta["host"]["host"] = host
    table = pa.table(core.flat())
    at = table.schema.get_field_index("host")
    hosts = pa.array([host] * table.num_rows).dictionary_encode().cast(FLAT_ARROW.field("host").type)
    return table.set_column(at, FLAT_ARROW.field("host"), hosts), json.dumps(meta)
