"""The public names, see the package: apart from it, so that they are loaded only when one of them is wanted."""

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
