"""How measuring programs tell their results: a line ``name median unit: value value …``, a value for each turn."""

import re
from collections.abc import Callable, Sequence
from statistics import median, quantiles

__all__ = ["in_turns", "median", "quartile_range", "read", "report"]

_LINE = re.compile(r"^(\w+) \S+ \S+:((?: -?[\d.]+)+)$")


def report(name: str, unit: str, values: Sequence[float]) -> None:
    print(f"{name} {median(values):.4f} {unit}: {' '.join(f'{value:.4f}' for value in values)}")


def read(line: str) -> tuple[str, list[float]] | None:
    """The name and the values of a result, if the line is one."""
    match = _LINE.match(line)
    return match and (match[1], [float(value) for value in match[2].split()])


def quartile_range(values: Sequence[float]) -> float:
    """Third quartile less the first."""
    first, _, third = quantiles(values, n=4, method="inclusive")
    return third - first


def in_turns(turns: int, *measures: Callable[[], None]) -> None:
    """Runs all of them in each turn; who is first changes from turn to turn."""
    for turn in range(turns):
        for measure in measures if turn % 2 == 0 else reversed(measures):
            measure()
