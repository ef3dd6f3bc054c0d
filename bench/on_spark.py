"""The reduction of many trace files on local Spark, beside the same on Polars, one file after the other."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from big_trace import big_trace
from report import in_turns, report

from irqtrace.analyses import rates
from irqtrace.analyses.engines import Spark
from irqtrace.analyses.spread import map_files

FLEET = Path(__file__).resolve().parent.parent / "build" / "fleet"
FILES, ROWS = 64, 1_000_000
TASKS = 2
TURNS = 3
RESULTS = "spark_time spark_alone_time spark_start"


def main() -> None:
    if shutil.which("java") is None:
        print(f"# skipped {RESULTS}: Java (Debian: openjdk-17-jre-headless)")
        return
    begin = time.perf_counter()
    try:
        session = _session()
    except ImportError as error:
        print(f"# skipped {RESULTS}: PySpark (make .venv/spark): {error}")
        return
    started = time.perf_counter() - begin
    files = [str(big_trace(FLEET / f"host{at:02}.parquet", ROWS, f"host{at:02}")) for at in range(FILES)]
    reduce = partial(rates.reduce, every="1s", by=("kind", "irq", "name"))
    there: list[float] = []
    here: list[float] = []
    in_turns(
        TURNS,
        lambda: there.append(_seconds(lambda: map_files(files, reduce, Spark(session)))),
        lambda: here.append(_seconds(lambda: map_files(files, reduce))),
    )
    session.stop()
    print(f"# rates of {FILES} files of {ROWS:,} rows, {TASKS} tasks, {TURNS} turns in one session")
    report("spark_time", "s", there)
    report("spark_alone_time", "s", here)
    report("spark_start", "s", [started])


def _session() -> Any:  # noqa: ANN401 - PySpark is optional, and has no types here
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession  # noqa: PLC0415 - it may not be there

    builder = SparkSession.builder.master(f"local[{TASKS}]").config("spark.ui.enabled", "false")
    return builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()


def _seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
