"""How a trace shows itself: in a Python session and in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from irqtrace.durations import duration_text

from .summary import length_text
from .text import count_text, harmless, when_text

if TYPE_CHECKING:
    from irqtrace.trace import Trace

__all__ = ["trace_html", "trace_text"]

_LEFT = "style='text-align:left'"


def trace_text(trace: Trace) -> str:
    """One line."""
    return f"<irqtrace.Trace {', '.join(f'{value}' for _, value in _facts(trace))}>"


def trace_html(trace: Trace) -> str:
    """A small table, and the warnings below it."""
    rows = "".join(
        f"<tr><th {_LEFT}>{html.escape(name)}</th><td {_LEFT}>{html.escape(value)}</td></tr>"
        for name, value in _facts(trace)
    )
    notes = "".join(f"<li>{html.escape(harmless(str(warning)))}</li>" for warning in trace.warnings)
    return f"<table>{rows}</table>" + (f"<ul>{notes}</ul>" if notes else "")


def _facts(trace: Trace) -> list[tuple[str, str]]:
    info = trace.info
    groups = ", ".join(
        f"{group.kind} ({group.engine}){'' if info.irregular else f' every {duration_text(group.interval_ns)}'}"
        for group in info.groups
    )
    reads = sum(group.reads for group in info.groups)
    missed = sum(group.missed for group in info.groups)
    return [
        ("length", length_text(trace, duration_text)),
        ("begin", f"{when_text(info.begin_ns)} UTC"),
        ("host", harmless(info.host.host) or "a host without a name"),
        ("read", groups or "nothing"),
        ("reads", f"{count_text(reads)} reads" + ("" if info.irregular else f", {count_text(missed)} missed")),
        ("lines", f"{count_text(len(trace.lines))} lines"),
        *([("warnings", f"{len(trace.warnings)} warnings")] if trace.warnings else []),
    ]
