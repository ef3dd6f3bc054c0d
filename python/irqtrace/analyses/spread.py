"""From one trace to many: the same reduction for each, and their states joined."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from irqtrace.errors import IrqtraceError, IrqtraceWarning
from irqtrace.files import reading

from .source import Source, files_of, traces_of
from .state import State, merge

if TYPE_CHECKING:
    import os

    from irqtrace.trace import Trace

__all__ = ["Engine", "Reduce", "known_traces", "map_files", "of_each", "over_gaps", "reduced"]

T = TypeVar("T")

Reduce = Callable[["Trace"], State]
"""The first step of an analysis, its options given: ``functools.partial(rates.reduce, every="100ms")``."""


class Engine(Protocol):
    """What calls a function for each of some arguments: an executor of ``concurrent.futures``, or one of `engines`."""

    def map(self, function: Callable[..., Any], /, *arguments: Any) -> Iterable[Any]: ...  # noqa: ANN401 - of any type


def reduced(source: Source, reduce: Reduce) -> State:
    """The state of all that a source stands for. Of several traces one that is damaged is left out with a warning.

    Raises:
        ValueError: if there is nothing in it.
        TraceFormatError: if all of it is damaged.
    """
    states = of_each(source, reduce)
    if not states:
        raise ValueError("there is nothing to analyse: no trace was given")
    return merge(states)


def over_gaps(trace: Trace, reduce: Reduce) -> State:
    """The state of a trace that may have gaps: of the time in one nothing is known, as between two traces."""
    return merge(reduce(run) for run in trace._runs())  # noqa: SLF001 - whoever reduces a trace knows what it is made of


def of_each(source: Source, function: Callable[[Trace], T]) -> list[T]:
    """What the function gives for each trace of a source, those left out that turn out to be damaged."""
    results: list[T] = []
    problems: list[IrqtraceError | OSError] = []
    for trace in traces_of(source):
        try:
            with reading(trace._path):  # noqa: SLF001 - whoever reduces a trace knows what it is made of
                results.append(function(trace))
        except (IrqtraceError, OSError) as error:
            problems.append(error)
    if problems and not results:
        raise problems[0]
    for problem in problems:
        warnings.warn(f"{problem}: left out, and the others are analysed", IrqtraceWarning, stacklevel=4)
    return results


def known_traces(source: Source) -> list[Trace]:
    """The traces of a source of which the facts can be read."""

    def known(trace: Trace) -> Trace:
        trace.info  # noqa: B018 - it is read when it is asked for
        return trace

    return of_each(source, known)


def map_files(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    reduce: Reduce,
    executor: Literal["serial", "processes"] | Engine = "serial",
) -> State:
    """Reduces each file on its own, and joins the states: the same answer as in one go, with as many workers as wanted.

    Args:
        files: paths, a folder, or a pattern.
        reduce: the first step of an analysis, of one trace; for processes it has to be something that can be pickled,
            such as ``functools.partial(rates.reduce, every="100ms")``.
        executor: ``"serial"``; ``"processes"``, as many as there are CPUs, started anew since Polars does not survive a
            fork; any executor of ``concurrent.futures``, which is left open; or `engines.Spark` or `engines.Ray`.

    Returns:
        The state, for the analysis's ``finish``.

    Raises:
        TypeError: for an executor that is none.
        ValueError: if there are no files. A file that cannot be read is left out with a warning that names it; its
            error is raised if that is so of all.
    """
    given = [files] if isinstance(files, str) or not isinstance(files, Iterable) else list(files)
    paths = [path for source in given for path in files_of(source)]
    if not paths:
        raise ValueError("there is nothing to analyse: no file was given")
    if executor == "serial":
        results = [_of_file(path, reduce) for path in paths]
    elif executor == "processes":
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            results = list(pool.map(_of_file, paths, [reduce] * len(paths)))
    elif isinstance(executor, str) or not hasattr(executor, "map"):
        raise TypeError(
            f"executor {executor!r} is none of 'serial', 'processes', an executor of concurrent.futures, "
            f"engines.Spark and engines.Ray"
        )
    else:
        results = list(executor.map(_of_file, paths, [reduce] * len(paths)))
    states = [result for result in results if isinstance(result, State)]
    problems = [result for result in results if not isinstance(result, State)]
    if not states:
        raise problems[0]
    for problem in problems:
        warnings.warn(f"{problem}: left out, and the others are analysed", IrqtraceWarning, stacklevel=2)
    return merge(states)


def _of_file(path: str, reduce: Reduce) -> State | IrqtraceError | OSError:
    """The state of a file, or why there is none: an error would end all the others."""
    try:
        return reduced(path, reduce)
    except (IrqtraceError, OSError) as error:
        return error
