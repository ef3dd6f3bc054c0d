"""A build without its Linux part opens traces; sampling it refuses with what would help."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import irqtrace
from made import small_trace

CODE = """
import sys
import irqtrace
from irqtrace import _core
assert not _core.LIVE
trace = irqtrace.open_trace(sys.argv[1])
assert len(trace.deltas) and len(irqtrace.rates(trace, "10ms")) and len(irqtrace.quality(trace)) == 3
trace.slice("5ms").write(sys.argv[1] + ".part")
assert irqtrace.open_trace(sys.argv[1] + ".part").samples["sample"].min() == 5
for sample in (lambda: irqtrace.Sampler(), lambda: irqtrace.record("1s")):
    try:
        sample()
    except irqtrace.SourceUnavailable as error:
        assert "Linux" in str(error), error
    else:
        raise AssertionError("it sampled")
"""


def test_a_build_without_its_linux_part_opens_a_trace_and_refuses_to_sample(tmp_path: Path) -> None:
    core = os.environ.get("IRQTRACE_PORTABLE_CORE")
    if core is None:
        pytest.skip("IRQTRACE_PORTABLE_CORE names no such build; `make test` makes one")
    package = tmp_path / "irqtrace"
    shutil.copytree(Path(irqtrace.__file__).parent, package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(core, package / "_core.abi3.so")
    path = small_trace().save(tmp_path / "t.parquet")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
