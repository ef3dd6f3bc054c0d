"""Text and numbers for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal

__all__ = [
    "Bound",
    "bounded_text",
    "bytes_text",
    "count_text",
    "harmless",
    "number_text",
    "rate_text",
    "share_text",
    "time_text",
    "when_text",
]

Bound = Literal["lo", "hi"] | None
"""Of a number: whether it is the bound below or above what is told."""

_ROUNDING = {None: ROUND_HALF_EVEN, "lo": ROUND_FLOOR, "hi": ROUND_CEILING}


def harmless(text: str) -> str:
    r"""A name that a driver or device chose, with what would steer a terminal made visible.

    >>> harmless("eth0\x1b[2J")
    'eth0\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code <= 0xFF:  # noqa: PLR2004 - what two digits can hold
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - what four digits can hold


def time_text(ns: float | None) -> str:
    """A span of time to three digits: ``48200`` is ``48.2 µs``."""
    if ns is None:
        return "–"
    for limit, unit, size in ((1e3, "ns", 1), (1e6, "µs", 1e3), (1e9, "ms", 1e6)):
        if abs(ns) < limit * 0.9995:
            return f"{_digits(ns / size)} {unit}"
    return f"{_digits(ns / 1e9)} s" if abs(ns) < 1e12 else f"{ns / 1e9:,.0f} s"  # noqa: PLR2004 - 1,000 seconds


def rate_text(hz: float | None, bound: Bound = None) -> str:
    """Events per second to three digits, or to one decimal if that is more, and whole from a thousand on.

    A bound is rounded away from what it encloses.

    >>> rate_text(1 / 12), rate_text(1 / 12, "lo"), rate_text(1 / 12, "hi")
    ('0.0833', '0.0833', '0.0834')
    """
    if hz is None:
        return "–"
    if abs(hz) >= 1_000:  # noqa: PLR2004 - as said
        return f"{_rounded(hz, 0, bound):,}"
    decimals = max(_decimals(hz), 1)
    rounded = _rounded(hz, decimals, bound)
    # What is less than one a day is told with an exponent.
    return f"{rounded:.{decimals}f}" if decimals <= 7 else f"{rounded:.2e}"  # noqa: PLR2004 - as said


def bounded_text(hz: float | None, lowest: float | None, highest: float | None) -> str:
    """A rate and how far the true one may lie from it, to the digit that is uncertain.

    That is never told as less than it is.

    >>> bounded_text(1311.94, 1311.6, 1312.31)
    '1,311.9 ± 0.5'
    """
    if hz is None or lowest is None or highest is None:
        return "–"
    off = max(highest - hz, hz - lowest)
    most = max(_decimals(hz), 3)
    digits = min(max(-math.floor(math.log10(off)), 0), most) if off > 0 else max(_decimals(hz), 1)
    rounded = _rounded(hz, digits)
    off = max(highest - float(rounded), float(rounded) - lowest)
    return f"{rounded:,.{digits}f} ± {_rounded(off, digits, 'hi'):,.{digits}f}"


def number_text(value: float | None, bound: Bound = None) -> str:
    """A number without a unit, to three digits; a bound is rounded away from what it encloses."""
    if value is None or not math.isfinite(value):
        return "–" if value is None else str(value)
    return _digits(float(_rounded(value, _decimals(value), bound)))


def share_text(share: float | None) -> str:
    """A share in percent."""
    return "–" if share is None else f"{share * 100:.3g} %"


def count_text(count: int | None) -> str:
    """A count with its thousands marked."""
    return "–" if count is None else f"{count:,}"


def bytes_text(size: int) -> str:
    """A size in decimal units."""
    for limit, unit, divisor in ((1e3, "B", 1), (1e6, "kB", 1e3), (1e9, "MB", 1e6)):
        if size < limit * 0.9995:
            return f"{_digits(size / divisor)} {unit}"
    return f"{size / 1e9:,.1f} GB"


def when_text(time_ns: int) -> str:
    """An instant to the millisecond, UTC."""
    instant = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=time_ns // 1_000)
    return instant.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def _decimals(value: float) -> int:
    """How many decimals three digits have."""
    return max(2 - math.floor(math.log10(abs(value))), 0) if value else 0


def _rounded(value: float, decimals: int, bound: Bound = None) -> Decimal:
    # As exact as people take a number for: what was 0.1 before it became binary is 0.1.
    return Decimal(f"{value:.12g}").quantize(Decimal(1).scaleb(-decimals), _ROUNDING[bound])


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"  # noqa: PLR2004 - three digits, never an exponent
