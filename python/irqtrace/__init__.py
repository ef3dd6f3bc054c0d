"""Samples the kernel's interrupt counters at sub-millisecond intervals and hands them to Polars and Arrow.

>>> import irqtrace
>>> trace = irqtrace.record("2s", interval="500us")  # doctest: +SKIP
>>> irqtrace.rates(trace, every="100ms")  # doctest: +SKIP

What was recorded is a `Trace`, in memory or in a Parquet file; analyses are functions of it that return Polars frames.
"""

from ._core import __version__
from .analyses.imbalance import imbalance
from .analyses.jitter import jitter
from .analyses.rates import rates
from .durations import Duration
from .errors import (
    IrqtraceError,
    IrqtraceWarning,
    ParseError,
    PrivilegeError,
    SourceUnavailable,
    TraceFormatError,
)
from .info import Cost, Group, Host, Mark, TraceInfo, TraceWarning
from .quality import quality
from .recording import record
from .sampler import Sampler
from .snapshot import snapshot
from .trace import Trace, open_trace

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
    "Sampler",
    "SourceUnavailable",
    "Trace",
    "TraceFormatError",
    "TraceInfo",
    "TraceWarning",
    "__version__",
    "imbalance",
    "jitter",
    "open_trace",
    "quality",
    "rates",
    "record",
    "snapshot",
]
