"""The period of events of known law: right to a thousandth, or not told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from irqtrace.analyses.jitter import ladder, period
from sampled import MS, periodic, poisson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def period_of(events: NDArray[np.int64], seconds: float, seed: int = 1, missed: float = 0) -> float | None:
    """The period in ms of events that are read each ms, some µs late; what is missed is read the next time."""
    chance = np.random.default_rng(seed)
    grid = np.arange(round(seconds * 1000))
    kept = grid[(chance.random(len(grid)) >= missed) | (grid == 0)]
    counts = np.searchsorted(np.sort(events), kept * MS + chance.integers(1_000, 50_000, len(kept)))
    grown = np.diff(counts, prepend=counts[0])
    own = grown > 0
    high = int(kept[-1])
    spectra: period.Spectra = {}
    counted = ladder.Counts.of(np.zeros(1, np.int64), np.zeros(own.sum(), np.int64), kept[own] - 1, grown[own])
    for level, level_counts in ladder.cascade(counted):
        if level in period.SPECTRAL:
            sums, power = period.segments_of(level, level_counts, 0, high)
            for _, _, segments, count, squares in sums.iter_rows():
                spectra[level] = (segments, count, squares, power["power"].to_numpy())
    found = period.period_of(spectra) if spectra else None
    return None if found is None else found[0]


def bursts(begins: NDArray[np.int64], size: int, apart_ms: float, seconds: float) -> NDArray[np.int64]:
    """So many events at each of these times."""
    events = np.concatenate([begins + round(at * apart_ms * MS) for at in range(size)])
    return np.sort(events[events < seconds * 1e9])


def ratios(chance: np.random.Generator, jitters: Sequence[float], runs: int) -> tuple[list[float], list[float], int]:
    """What is told over what is true: of all, of those with 64 periods in the longest segment; how many these were."""
    told, easy, of = [], [], 0
    for run in range(runs):
        seconds, size = float(chance.choice([2, 3, 5, 10, 20, 30, 60])), int(chance.choice([1, 1, 2, 5, 20]))
        longest = max(length for level in period.SPECTRAL if (length := 1.024 * 2**level) <= seconds) * 1000
        true = float(np.exp(chance.uniform(np.log(2.6), np.log(min(longest / 3, seconds * 1000 * size / 16)))))
        jitter = float(chance.choice(jitters))
        begins = periodic(chance, true * MS, seconds, jitter * true * MS, chance.uniform(0, true * MS))
        apart = min(float(chance.choice([0.02, 0.3, 1, 3])), 0.3 * true / size)
        found = period_of(bursts(begins, size, apart, seconds), seconds, run, float(chance.choice([0, 0.02])))
        of += longest / true > 64
        if found is not None:
            told.append(found / true)
            easy += [found / true] * (longest / true > 64)
    return told, easy, of


def test_a_period_of_little_jitter_is_told_within_a_thousandth_or_not() -> None:
    told, easy, of = ratios(np.random.default_rng(1), [0, 1e-3, 1e-2], 500)
    off = np.abs(np.array(told) - 1)
    # What comes at nearly the same place in its windows for long may be a window off in a segment of 1,024.
    assert np.sum(off > 1e-3) <= 0.01 * len(off)
    assert off.max() < 2.1e-3
    assert len(easy) >= 0.95 * of
    assert len(told) > 300


def test_a_period_of_more_jitter_is_told_where_it_is_known_to_a_thousandth() -> None:
    told, easy, of = ratios(np.random.default_rng(2), [0.03, 0.05, 0.1], 400)
    off = np.abs(np.array(told) - 1)
    assert np.sum(off > 1e-3) <= 0.02 * len(off)
    assert off.max() < 5e-3
    assert len(easy) >= 0.7 * of


@pytest.mark.parametrize(
    ("true", "seconds", "size", "known"),
    [
        (100, 3, 5, True),
        (500, 10, 10, True),
        (500, 16, 10, True),
        (1_040, 60, 1, True),
        (1_063.465, 60, 1, True),
        (1_100, 30, 3, False),
        (2_000, 60, 10, True),
        (250, 4, 20, False),
        (250, 8, 20, True),
        (3_000, 60, 20, False),
    ],
)
def test_an_overtone_is_not_told_for_a_period_that_is_nearly_too_long(
    true: float,
    seconds: float,
    size: int,
    known: bool,  # noqa: FBT001 - a case of the table
) -> None:
    begins = periodic(np.random.default_rng(3), true * MS, seconds, 0, 0.5 * MS)
    found = period_of(bursts(begins, size, 0.05, seconds), seconds)
    assert found == (pytest.approx(true, rel=1e-3) if known else None)


@pytest.mark.parametrize("true", [2.90, 2.95, 2.983, 3.02])
def test_an_overtone_that_is_folded_down_below_its_fundamental_is_not_told(true: float) -> None:
    for seed in range(10):
        clock = periodic(np.random.default_rng(seed), true * MS, 5)
        assert period_of(clock, 5, seed, missed=0.02) == pytest.approx(true, rel=1e-3)


@pytest.mark.parametrize("true", [0.62, 1.667, 2.06, 2.2, 2.453])
@pytest.mark.parametrize(("jitter", "others"), [(0.01, 0), (0.1, 0), (0.01, 0.5)])
def test_what_is_folded_down_is_not_told_for_a_period(true: float, jitter: float, others: float) -> None:
    chance = np.random.default_rng(4)
    clock = periodic(chance, true * MS, 20, jitter * true * MS)
    found = period_of(np.concatenate([clock, poisson(chance, others * 1000 / true, 20)]), 20)
    assert found is None or found == pytest.approx(true, rel=1e-3)


def test_two_clocks_have_the_period_of_one_of_them() -> None:
    chance, wrong = np.random.default_rng(5), 0
    for run in range(150):
        seconds = float(chance.choice([5, 20, 60]))
        one, other = np.exp(chance.uniform(np.log(3), np.log(seconds * 50), 2))
        clocks = [periodic(chance, true * MS, seconds, 0.003 * true * MS) for true in (one, other)]
        found = period_of(np.concatenate(clocks), seconds, run)
        wrong += found is not None and min(abs(found / one - 1), abs(found / other - 1)) > 2e-3
    # Two lines that lie within the width of one are told as one.
    assert wrong <= 3


def test_clocks_at_a_ratio_of_small_numbers_have_the_longest_period_that_is_strong() -> None:
    # One in five of the events keeps the time of both, 30 ms: too few to be it.
    chance = np.random.default_rng(6)
    events = np.concatenate([periodic(chance, true * MS, 20, 1e4) for true in (10, 15)])
    assert period_of(events, 20) == pytest.approx(10, rel=1e-3)


def test_what_comes_by_chance_has_no_period() -> None:
    chance, found = np.random.default_rng(7), []
    for run in range(60):
        seconds = (3.0, 20.0)[run % 2]
        steps = np.repeat(chance.random(100) < 0.3, round(seconds * 10))
        on_and_off = poisson(chance, 500, seconds)
        laws = [
            poisson(chance, float(chance.choice([30, 300, 3_000])), seconds),
            on_and_off[steps[np.minimum(on_and_off // MS, len(steps) - 1)]],
            bursts(poisson(chance, 20, seconds), 8, 0.3, seconds),
            bursts(poisson(chance, 2, seconds), 60, 1, seconds),
        ]
        found += [told for events in laws if (told := period_of(events, seconds, run)) is not None]
    assert len(found) <= 1
