"""Samples the kernel's interrupt counters at sub-millisecond intervals and hands them to Polars and Arrow.

>>> import irqtrace
>>> trace = irqtrace.record("2s", interval="500us")  # doctest: +SKIP
>>> irqtrace.rates(trace, every="100ms")  # doctest: +SKIP

What was recorded is a `Trace`, in memory or in a Parquet file; analyses are functions of it that return Polars frames.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import __version__
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
    from .rates import rates
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
    "open_trace",
    "quality",
    "rates",
    "record",
    "snapshot",
]


class _Package(ModuleType):
    """This package: its names are loaded, with Polars and Arrow behind them, when the first of them is asked for.

    The command needs none of them to begin with, so that it can answer Ctrl-C while it loads the rest.
    """

    def __getattr__(self, name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        names = import_module(".names", self.__name__)
        for public in __all__:
            # What somebody has put in its place stays.
            vars(self).setdefault(public, getattr(names, public))
        return vars(self)[name]

    def __setattr__(self, name: str, value: object) -> None:
        # A module that is loaded is set here under its name, which may be that of the function in it.
        if name not in __all__ or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
