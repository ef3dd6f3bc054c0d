"""Samples the kernel's interrupt counters at sub-millisecond intervals and hands them to Polars and Arrow.

>>> import irqtrace
>>> trace = irqtrace.record("2s", interval="500us")  # doctest: +SKIP
>>> irqtrace.rates(trace, every="100ms")  # doctest: +SKIP

What was recorded is a `Trace`, in memory or in a Parquet file; analyses are functions of it that return Polars frames.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import __version__
    from .analyses.compare import compare
    from .analyses.imbalance import imbalance
    from .analyses.interference import interference
    from .analyses.jitter import jitter
    from .analyses.quality import quality
    from .analyses.rates import rates
    from .analyses.report import Report, report
    from .analyses.spread import map_files
    from .analyses.storms import storms
    from .dumping import dump
    from .durations import Duration
    from .errors import (
        IrqtraceError,
        IrqtraceWarning,
        ParseError,
        PrivilegeError,
        SourceUnavailable,
        TraceFormatError,
    )
    from .importing import import_text
    from .info import Cost, Group, Host, Mark, TraceInfo, TraceWarning
    from .recording import record
    from .repairing import repair
    from .sampler import Sampler
    from .snapshots import snapshot
    from .trace import Trace, open_trace
    from .verifying import verify

__all__ = [
    "Cost",
    "Duration",
    "Group",
    "Host",
    "IrqtraceError",
    "IrqtraceWarning",
    "Mark",
    "ParseError",
    "PrivilegeError",
    "Report",
    "Sampler",
    "SourceUnavailable",
    "Trace",
    "TraceFormatError",
    "TraceInfo",
    "TraceWarning",
    "__version__",
    "compare",
    "dump",
    "imbalance",
    "import_text",
    "interference",
    "jitter",
    "map_files",
    "open_trace",
    "quality",
    "rates",
    "record",
    "repair",
    "report",
    "snapshot",
    "storms",
    "verify",
]


def __getattr__(name: str) -> object:
    """Loads the names, with Polars and Arrow behind them, when the first of them is asked for.

    The command needs none of them to begin with, so that it can answer Ctrl-C while it loads the rest.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    names = import_module(".names", __name__)
    for public in __all__:
        # What somebody has put in its place stays.
        globals().setdefault(public, getattr(names, public))
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
