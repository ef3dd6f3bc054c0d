"""Durations as people write them: ``"500us"``, ``"1m30s"`` or a ``timedelta``. Inside, they are whole nanoseconds."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

__all__ = ["Duration", "duration_ns", "duration_text", "positive_ns"]

Duration = str | timedelta
"""A duration string as in Polars, or a ``datetime.timedelta``."""

EXAMPLES = 'write it like "250us", "1ms", "10s" or "1m30s"'

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # the micro sign
    "μs": 1_000,  # the Greek letter, which some keyboards give
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60 * 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3_600 * 1_000_000_000,
    "d": 86_400 * 1_000_000_000,
    "w": 7 * 86_400 * 1_000_000_000,
}
_PART = re.compile(rf"(\d+(?:\.\d+)?)({'|'.join(_UNIT_NS)})")
_WHOLE = re.compile(rf"-?(?:{_PART.pattern})+")

_LONGEST_NS = 2**63 - 1


def duration_ns(value: Duration, what: str = "duration") -> int:
    """The whole nanoseconds of a duration, which may be negative or zero.

    Args:
        value: a string of numbers with units ns, us, ms, s, m or min, h, d, w, or a ``timedelta``.
        what: what an error calls the value.

    Raises:
        ValueError: if it is no duration, has no unit, is no whole number of nanoseconds, or longer than 292 years.
    """
    if isinstance(value, timedelta):
        ns = value // timedelta(microseconds=1) * 1_000
    elif isinstance(value, str):
        ns = _parse(value, what)
    else:
        raise ValueError(f"{what} {value!r} has no unit; {EXAMPLES}")  # noqa: TRY004 - zero is a value, and a wrong one
    if abs(ns) > _LONGEST_NS:
        raise ValueError(f"{what} {value!r} is longer than 292 years")
    return ns


def positive_ns(value: Duration, what: str = "duration") -> int:
    """Like `duration_ns`, for what must be longer than nothing."""
    ns = duration_ns(value, what)
    if ns <= 0:
        raise ValueError(f"{what} {value!r} is not longer than zero; {EXAMPLES}")
    return ns


def duration_text(ns: int) -> str:
    """The shortest exact duration string: ``1500000`` is ``"1.5ms"``.

    >>> duration_text(1_500_000), duration_text(90_000_000_000), duration_text(1_001_000_000)
    ('1.5ms', '90s', '1.001s')
    """
    numbers = [(Decimal(ns) / _UNIT_NS[unit], unit) for unit in ("s", "ms", "us", "ns")]
    return min((f"{number.normalize():f}{unit}" for number, unit in numbers if abs(number) >= 1), key=len, default="0s")


def _parse(text: str, what: str) -> int:
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{what} {text!r} is no duration; {EXAMPLES}")
    ns = sum((Decimal(number) * _UNIT_NS[unit] for number, unit in _PART.findall(text)), Decimal(0))
    if ns != ns.to_integral_value():
        raise ValueError(f"{what} {text!r} is no whole number of nanoseconds")
    return -int(ns) if text.startswith("-") else int(ns)
