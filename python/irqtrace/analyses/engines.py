"""Engines for `map_files` where one machine is too small: the same reduction, one task a file.

Dask needs nothing of ours: ``map_files(files, reduce, client.get_executor())``.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .state import State
from .stored import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Ray", "Spark"]

Answer = State | Exception


class Spark:
    """PySpark, by ``mapInArrow``: states travel as bytes, so that Spark looks at no type of theirs.

    >>> map_files("/traces", partial(rates.reduce, every="1s"), Spark(session))  # doctest: +SKIP

    Args:
        session: a ``pyspark.sql.SparkSession``. Its workers need irqtrace, and the files under the same paths.
    """

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - PySpark is optional and has no types here
        self._session = session

    def map(self, function: Callable[..., Answer], paths: list[str], reduces: list[Any]) -> list[Answer]:
        """What the function answers for each path, in their order. The reduction is the same for all."""
        reduce = reduces[0]

        def answered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for at, path in zip(*(batch.column(name).to_pylist() for name in ("at", "path")), strict=True):
                    yield _row(at, function(path, reduce))

        rows = self._session.createDataFrame(list(enumerate(paths)), "at long, path string")
        tasks = rows.repartitionByRange(len(paths), "at")
        answers = tasks.mapInArrow(answered, "at long, state binary, problem binary").collect()
        return [
            pickle.loads(bytes(row.problem)) if row.state is None else unpack(bytes(row.state))  # noqa: S301 - our own
            for row in sorted(answers, key=lambda row: row.at)
        ]


class Ray:
    """Ray: a remote task for each file. ``ray.init`` comes before."""

    def map(self, function: Callable[..., Answer], *arguments: list[Any]) -> list[Answer]:
        """What the function answers, in the order of the arguments."""
        import ray  # noqa: PLC0415 - it is optional

        task = ray.remote(function)
        answers: list[Answer] = ray.get([task.remote(*each) for each in zip(*arguments, strict=True)])
        return answers


def _row(at: int, answer: Answer) -> pa.RecordBatch:
    state, problem = (pack(answer), None) if isinstance(answer, State) else (None, pickle.dumps(answer))
    columns = {
        "at": pa.array([at], pa.int64()),
        "state": pa.array([state], pa.binary()),
        "problem": pa.array([problem], pa.binary()),
    }
    return pa.RecordBatch.from_pydict(columns)
