"""What a promise is, and how most are judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from report import median

__all__ = ["Judged", "Results", "Row", "ratio", "row"]

Results = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Judged:
    """What was measured, in words, and whether it reaches; None where there is nothing to reach."""

    measured: str
    met: bool | None


@dataclass(frozen=True)
class Row:
    """One promise. ``needs`` names the results that it takes; without them it is skipped."""

    what: str
    against: str
    reach: str
    needs: tuple[str, ...]
    judge: Callable[[Results], Judged]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.what, self.against


def row(what: str, against: str, reach: str, judge: Callable[[Results], Judged], *needs: str) -> Row:
    """A promise, its results last."""
    return Row(what, against, reach, needs, judge)


def ratio(ours: str, theirs: str, at_most: float, unit: str, per: float = 1) -> Callable[[Results], Judged]:
    """Ours is not more than so many times theirs."""

    def judge(results: Results) -> Judged:
        our, their = median(results[ours]) / per, median(results[theirs]) / per
        return Judged(f"{our / their:.3f} × ({our:.4g} to {their:.4g} {unit})", our / their <= at_most)

    return judge
