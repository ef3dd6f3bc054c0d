"""All analyses of a source in one object, and as a page."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from irqtrace.files import collect
from irqtrace.schema import FLAT, LABEL
from irqtrace.trace import Trace

from . import imbalance, interference, rates
from .compare import compare, has_parts
from .counting import reduce_counts
from .jitter import jitter
from .quality import quality
from .spread import known_traces, of_each, reduced
from .storms import storms

if TYPE_CHECKING:
    from .source import Source
    from .state import State

__all__ = ["Report", "report"]

HELD = 5_000_000
"""Rows of traces that are held in memory, which takes 40 bytes for each."""


@dataclass(frozen=True, repr=False)
class Report:
    """What a source came to. It prints as a page, in a notebook as tables.

    Attributes:
        traces: what it is of.
        quality: how good each recording is, host and boot before the columns of `quality` where there are several.
        rates, imbalance, jitter, storms: the frames of these analyses; rates and imbalance the busiest line first.
        jitter: None where all traces are imported ones, whose reads are on no grid; else those are left out of it.
        interference: what interrupted isolated and nohz_full CPUs; None where no host has any.
        compare: what changed at the marks of the trace; None where there are none between its reads, or several traces.
    """

    traces: tuple[Trace, ...]
    quality: pl.DataFrame
    rates: pl.DataFrame
    imbalance: pl.DataFrame
    jitter: pl.DataFrame | None
    storms: pl.DataFrame
    interference: pl.DataFrame | None
    compare: pl.DataFrame | None

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The frames by name, those that there are."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, pl.DataFrame)}

    def to_json(self) -> str:
        """One JSON object: a list of rows for each frame, and the warnings of the traces."""
        told = {name: json.loads(frame.write_json()) for name, frame in self.frames.items()}
        told["warnings"] = [str(warning) for trace in self.traces for warning in trace.warnings]
        return json.dumps(told, ensure_ascii=False)

    def __repr__(self) -> str:
        from irqtrace.display.report import report_text  # noqa: PLC0415 - how it looks is not needed to have one

        return report_text(self)

    def _repr_html_(self) -> str:
        from irqtrace.display.report import report_html  # noqa: PLC0415 - as above

        return report_html(self)


def report(source: Source) -> Report:
    """Everything that the analyses tell of a source, each with its defaults.

    >>> irqtrace.report("t.parquet")  # doctest: +SKIP
    """
    traces, held = _held(known_traces(source))
    # Jitter takes as long as all the others.
    with ThreadPoolExecutor(1) as beside:
        on_grid = [trace for trace in held if not trace.info.irregular]
        regularity = beside.submit(jitter, on_grid) if on_grid else None
        counts = reduced(held, partial(reduce_counts, every=None))
        fastest = rates.finish(counts).sort("count", descending=True, nulls_last=True, maintain_order=True)
        shared = imbalance.finish(counts).sort("total", descending=True, nulls_last=True, maintain_order=True)
        return Report(
            traces=tuple(traces),
            quality=pl.concat(of_each(held, lambda trace: _quality(trace, several=len(held) > 1))),
            rates=fastest,
            imbalance=shared,
            storms=storms(held),
            interference=_interference(counts),
            compare=compare(held) if len(held) == 1 and has_parts(held[0]) else None,
            jitter=regularity.result() if regularity else None,
        )


def _held(traces: list[Trace]) -> tuple[list[Trace], list[Trace]]:
    """The traces, and if they are small the same in memory, so that each is read once and not for every analysis."""
    if sum(of_each(traces, _rows)) > HELD:
        return traces, traces
    pairs = of_each(traces, lambda trace: (trace, _in_memory(trace)))
    return [trace for trace, _ in pairs], [held for _, held in pairs]


def _rows(trace: Trace) -> int:
    return int(trace.scan().select(pl.len()).collect().item())


def _in_memory(trace: Trace) -> Trace:
    meta = trace._meta  # noqa: SLF001 - an analysis knows what a trace is made of
    # Constants need no memory.
    constants = {name: pl.lit(meta["host"][name], dtype=pl.String).cast(LABEL) for name in ("host", "boot")}
    flat = collect(trace.scan().drop(constants), trace._path).lazy()  # noqa: SLF001 - as above
    return Trace(trace._backing.part(flat.with_columns(**constants).select(*FLAT), meta))  # noqa: SLF001 - as above


def _quality(trace: Trace, *, several: bool) -> pl.DataFrame:
    host = trace.info.host
    machine = [pl.lit(host.host).alias("host"), pl.lit(host.boot, dtype=pl.String).alias("boot")] if several else []
    return quality(trace).select(*machine, pl.all())


def _interference(state: State) -> pl.DataFrame | None:
    """That of the CPUs that are to be left alone; None where none are, or nobody knows."""
    if not any(
        json.loads(facts).get(which)
        for facts in state["recordings"]["host_facts"]
        for which in ("isolated", "nohz_full")
    ):
        return None
    return interference.finish(state)
