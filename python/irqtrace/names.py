"""The public names, see the package: apart from it, so that they are loaded only when one of them is wanted."""

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
