"""Text and numbers for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

__all__ = [
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


def rate_text(hz: float | None) -> str:
    """Events per second, with one decimal below a thousand."""
    if hz is None:
        return "–"
    return f"{hz:,.1f}" if abs(hz) < 1_000 else f"{hz:,.0f}"  # noqa: PLR2004 - as said


def bounded_text(hz: float | None, lowest: float | None, highest: float | None) -> str:
    """A rate and how far the true one may lie from it, to the digit that is uncertain.

    >>> bounded_text(1311.94, 1311.6, 1312.31)
    '1,311.9 ± 0.4'
    """
    if hz is None or lowest is None or highest is None:
        return "–"
    off = max(highest - hz, hz - lowest)
    digits = min(max(-math.floor(math.log10(off)), 0), 3) if off > 0 else 1
    return f"{hz:,.{digits}f} ± {off:,.{digits}f}"


def number_text(value: float | None) -> str:
    """A number without a unit, to three digits."""
    return "–" if value is None else _digits(value)


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


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"  # noqa: PLR2004 - three digits, never an exponent
