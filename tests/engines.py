"""The reductions on Ray and Dask, with two workers each on this machine, give what they give here.

Run by ``make test-engines``.
"""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from polars.testing import assert_frame_equal

from irqtrace.analyses import imbalance, jitter, rates
from irqtrace.analyses.engines import Ray
from irqtrace.analyses.spread import map_files
from irqtrace.errors import IrqtraceWarning, TraceFormatError
from made import small_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from irqtrace.analyses.spread import Engine, Reduce

REDUCTIONS: dict[str, tuple[Any, Reduce]] = {
    "rates": (rates, partial(rates.reduce, every="20ms")),
    "imbalance": (imbalance, partial(imbalance.reduce, every="20ms")),
    "jitter": (jitter, jitter.reduce),
}


@pytest.fixture(scope="session", params=["ray", "dask"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each of them, started once."""
    yield from {"ray": on_ray, "dask": on_dask}[request.param]()


def on_ray() -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as environment, tempfile.TemporaryDirectory(prefix="ray-") as folder:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Ray would make a token on its own, and leave it in the home folder.
        environment.setenv("RAY_AUTH_MODE", "token")
        environment.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        import ray  # noqa: PLC0415 - it reads the environment as it is imported

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
        yield Ray()
        ray.shutdown()


def on_dask() -> Iterator[Engine]:
    from distributed import Client, LocalCluster  # noqa: PLC0415 - as late as Ray

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client.get_executor()


@pytest.mark.parametrize("name", REDUCTIONS)
def test_an_engine_gives_what_one_process_gives_to_the_last_bit(engine: Engine, tmp_path: Path, name: str) -> None:
    for seed in range(5):
        replace(small_trace(seed, samples=200), host=f"host{seed}").save(tmp_path / f"{seed}.parquet")
    analysis, reduce = REDUCTIONS[name]
    there, here = (map_files(tmp_path, reduce, of) for of in (engine, "serial"))
    for table in here.tables:
        keys = list(here.kind.tables[table].keys)
        assert_frame_equal(there[table].sort(keys), here[table].sort(keys), check_exact=True)
    assert_frame_equal(analysis.finish(there), analysis.finish(here), check_exact=True, categorical_as_str=True)


def test_an_unreadable_file_is_named_and_the_others_are_done(engine: Engine, tmp_path: Path) -> None:
    for seed in range(3):
        replace(small_trace(seed), host=f"host{seed}").save(tmp_path / f"{seed}.parquet")
    good = map_files(tmp_path, rates.reduce)
    (tmp_path / "1-bad.parquet").write_text("no trace")
    with pytest.warns(IrqtraceWarning, match=r"1-bad\.parquet: no trace.*left out"):
        state = map_files(tmp_path, rates.reduce, engine)
    assert_frame_equal(rates.finish(state), rates.finish(good), check_exact=True, categorical_as_str=True)
    with pytest.raises(TraceFormatError, match=r"1-bad\.parquet"):
        map_files(tmp_path / "1-bad.parquet", rates.reduce, engine)
