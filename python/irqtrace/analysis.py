"""What every analysis of a trace begins with."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .files import reading
from .trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["analysis"]

Analysis = TypeVar("Analysis", bound="Callable[..., Any]")


def analysis(function: Analysis) -> Analysis:
    """Makes a function of a trace refuse anything else, and say of a damaged file that it is damaged."""

    @wraps(function)
    def checked(trace: object, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the analysis takes
        if not isinstance(trace, Trace):
            hint = (
                f"open_trace({str(trace)!r}) makes one of a file" if isinstance(trace, str) else "open_trace makes one"
            )
            raise TypeError(f"{function.__name__} takes a Trace and not a {type(trace).__name__}; {hint}")
        with reading(trace._path):  # noqa: SLF001 - an analysis knows what a trace is made of
            return function(trace, *arguments, **options)

    return cast("Analysis", checked)
