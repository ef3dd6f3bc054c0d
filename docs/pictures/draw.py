"""Draws the pictures of docs/analysis.md from the trace that record.py records.

    python docs/pictures/draw.py /tmp/page.parquet

It takes what the analyses answer and nothing else. What it needs is the dependency group "docs".
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

import irqtrace

HERE = Path(__file__).parent
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
"""Of Okabe and Ito's colours, which the colour-blind tell apart; shapes differ too."""
WIDTH = 620

Chart = Any
"""Or a part of one. Altair is not there where this is type-checked."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", type=Path, help="what record.py wrote")
    parser.add_argument("--to", type=Path, default=HERE, help="the folder of the pictures")
    parser.add_argument("--rng", default="virtio4-input", help="the line of the random number generator")
    parser.add_argument("--disk", default="virtio1-req.0", help="that of the disk")
    args = parser.parse_args()
    trace = irqtrace.open_trace(args.trace)
    before, after, steady = trace.slice("0s", "12s"), trace.slice("12s", "24s"), trace.slice("0s", "24s")
    pictures = {
        "rates": rates(trace, args.disk),
        "imbalance": imbalance(steady, [args.rng, args.disk, "SCHED"]),
        "jitter": jitter(before, {args.rng: "clockwork", args.disk: "by chance", "NET_RX": "bursts of 10"}),
        "storms": storms(trace, args.disk),
        "interference": interference({"before": before, "after": after}, cpu=0),
        "compare": compare(steady),
    }
    for name, picture in pictures.items():
        dressed(picture).save(args.to / f"{name}.svg")
    return 0


def rates(trace: irqtrace.Trace, disk: str) -> Chart:
    """All of the recording, and 25 ms of it, where the bounds are wide enough to be seen."""
    coarse = of_line(irqtrace.rates(trace, every="500ms"), disk).pipe(since_begin, trace)
    steps = (
        alt.Chart(coarse, width=WIDTH, height=150, title=f"{disk}, in windows of 500 ms")
        .mark_line(interpolate="step-after", color=BLUE)
        .encode(seconds(0, 30), alt.Y("rate:Q", title="interrupts / s", scale=SQUEEZED, axis=DECADES))
    )
    fine = of_line(irqtrace.rates(trace.slice("25.9s", "26.1s"), every="1ms"), disk).pipe(since_begin, trace)
    fine = fine.with_columns(ms=(pl.col("seconds") - 26) * 1e3 + 0.5).filter(pl.col("ms").is_between(-5, 20))
    x = alt.X("ms:Q", title="milliseconds from second 26", scale=alt.Scale(domain=[-5, 20]))
    title = f"{disk}, in windows of 1 ms: the true rate lies somewhere on the bar"
    base = alt.Chart(fine, width=WIDTH, height=190, title=title)
    y = alt.Y("rate_lo:Q", title="interrupts / s", axis=alt.Axis(format=",d"))
    bars = base.mark_rule(color=ORANGE, strokeWidth=6, opacity=0.6).encode(x, y, alt.Y2("rate_hi:Q"))
    ticks = base.mark_tick(color="black", size=14, thickness=2, orient="horizontal").encode(x, alt.Y("rate:Q"))
    return alt.vconcat(steps, bars + ticks)


def imbalance(trace: irqtrace.Trace, names: list[str]) -> Chart:
    """Second by second, and of the whole: what takes turns is even in sum, and at no time."""
    windows = irqtrace.imbalance(trace, every="1s").pipe(since_begin, trace)
    whole = irqtrace.imbalance(trace)
    title = "CPU that took most"
    colour = alt.Color("busiest_cpu:N", title=title, scale=alt.Scale(domain=[0, 1], range=[BLUE, ORANGE]))
    shape = alt.Shape("busiest_cpu:N", title=title, scale=alt.Scale(domain=[0, 1], range=["circle", "square"]))
    y = alt.Y(
        "effective_cpus:Q", title="even CPUs", scale=alt.Scale(domain=[0.9, 2.1]), axis=alt.Axis(values=[1, 1.5, 2])
    )
    rows = []
    for name in names:
        base = alt.Chart(of_line(windows, name), width=WIDTH - 100, height=85)
        title = f"{name}: each second, and (dashed) all of the time"
        x = seconds(0, 24) if name == names[-1] else seconds(0, 24).title(None)
        points = base.mark_point(filled=True, size=45, opacity=1).encode(x, y, colour, shape)
        rule = alt.Chart(of_line(whole, name)).mark_rule(color="black", strokeDash=[5, 4]).encode(y)
        rows.append((rule + points).properties(title=title))
    return alt.vconcat(*rows, spacing=14)


def jitter(trace: irqtrace.Trace, laws: dict[str, str]) -> Chart:
    """How counts vary from window to window, for windows of growing length."""
    answer = irqtrace.jitter(trace)
    lines = pl.concat(of_line(answer, name).with_columns(law=pl.lit(law)) for name, law in laws.items())
    ladder = lines.select("law", "window_ns", "fano", "allan_hz").explode("window_ns", "fano", "allan_hz")
    rate = lines["events"].sum() / len(lines) / trace.info.duration_ns
    chance = pl.DataFrame({"window_ns": [1_000_000, 1_024_000_000]}).with_columns(
        fano=1.0, allan_hz=(rate / pl.col("window_ns")).sqrt() * 1e9
    )
    ladder, chance = (frame.with_columns(ms=pl.col("window_ns") / 1e6) for frame in (ladder, chance))
    names = list(laws.values())
    colour = alt.Color("law:N", title=None, scale=alt.Scale(domain=names, range=[BLUE, GREEN, ORANGE]))
    shape = alt.Shape("law:N", title=None, scale=alt.Scale(domain=names, range=["circle", "square", "triangle-up"]))
    binary = alt.Scale(type="log", base=2, domain=[1, 1024])
    x = alt.X("ms:Q", title="window (ms)", scale=binary, axis=alt.Axis(values=[1, 4, 16, 64, 256, 1024], format="d"))
    panels = []
    for column, title, decades in (
        ("fano", "Fano factor (dashed: by chance)", range(-3, 3)),
        ("allan_hz", "Allan deviation (1/s) (dashed: by chance)", range(-1, 4)),
    ):
        values = [10.0**power for power in decades]
        axis = alt.Axis(values=values, format="~r")
        y = alt.Y(column, type="quantitative", title=None, scale=alt.Scale(type="log", domain=[values[0], values[-1]]))
        base = alt.Chart(ladder, width=WIDTH / 2 - 50, height=240, title=title)
        theory = alt.Chart(chance).mark_line(color="black", strokeDash=[5, 4], strokeWidth=1).encode(x, y.axis(axis))
        points = base.mark_point(filled=True, size=45, opacity=1).encode(x, y, colour, shape)
        panels.append(base.mark_line().encode(x, y, colour) + points + theory)
    return alt.hconcat(*panels)


def storms(trace: irqtrace.Trace, disk: str) -> Chart:
    """What was taken for storms, over the rates of its windows."""
    windows = of_line(irqtrace.rates(trace.slice("22s"), every="10ms"), disk).pipe(since_begin, trace)
    found = of_line(irqtrace.storms(trace), disk)
    found = found.pipe(since_begin, trace, "begin", "from").pipe(since_begin, trace, "end", "to")
    # The rate from which on a window is of a storm, where spread is 1: as in the docstring of storms.
    usual = (found["baseline"].item(0) * 0.01 + 3 / 8) ** 0.5
    from_here = ((usual + 5 / 2) ** 2 - 3 / 8) / 0.01
    least = pl.DataFrame({"rate": [from_here], "says": ["above this a storm"], "at": [22.1]})
    y = alt.Y("rate:Q", title="interrupts / s", scale=SQUEEZED, axis=DECADES)
    shades = alt.Chart(found).mark_rect(color=ORANGE, opacity=0.3).encode(seconds(22, 30, "from"), alt.X2("to:Q"))
    steps = (
        alt.Chart(windows, width=WIDTH, height=210, title=f"{disk}, in windows of 10 ms")
        .mark_line(interpolate="step-after", color=BLUE, strokeWidth=1)
        .encode(seconds(22, 30), y)
    )
    rule = alt.Chart(least).mark_rule(strokeDash=[5, 4]).encode(y)
    says = alt.Chart(least).mark_text(align="left", dy=-8, fontSize=12).encode(seconds(22, 30, "at"), y, text="says:N")
    took = (found["end"] - found["begin"]).dt.total_milliseconds()
    found = found.with_columns(says=pl.format("{} in {} ms", "count", took))
    counts = alt.Chart(found).mark_text(align="left", dx=6, fontSize=12)
    return shades + steps + rule + says + counts.encode(seconds(22, 30, "to"), alt.Y("peak:Q"), text="says:N")


def interference(parts: dict[str, irqtrace.Trace], cpu: int) -> Chart:
    """What interrupted a CPU, before a device was moved away from it and after."""
    rows = pl.concat(irqtrace.interference(part, cpu).with_columns(when=pl.lit(when)) for when, part in parts.items())
    rows = rows.select("rate", "when", line=pl.format("{} {}", "kind", "name"))
    order = rows.group_by("line").agg(pl.col("rate").max()).sort("rate", descending=True)["line"].to_list()
    names = list(parts)
    axis = alt.Axis(values=[0.1, 1, 10, 100, 1000, 10_000], format="~r")
    most = max(200, *rows["rate"].to_list())
    x = alt.X("rate:Q", title="interrupts / s", scale=alt.Scale(type="log", domain=[0.05, most]), axis=axis)
    y = alt.Y("line:N", title=None, sort=order)
    base = alt.Chart(rows, width=WIDTH - 240, height=alt.Step(24), title=f"What interrupted CPU {cpu}")
    colour = alt.Color("when:N", title=None, scale=alt.Scale(domain=names, range=[BLUE, ORANGE]))
    shape = alt.Shape("when:N", title=None, scale=alt.Scale(domain=names, range=["circle", "square"]))
    between = base.mark_line(color=GREY, strokeWidth=1).encode(x, y, alt.Detail("line:N"))
    # Of two in one place both are seen.
    size = alt.Size("when:N", title=None, scale=alt.Scale(domain=names, range=[130, 45]))
    return between + base.mark_point(filled=True, opacity=1).encode(x, y, colour, shape, size)


def compare(trace: irqtrace.Trace) -> Chart:
    """Each line's ratio with its interval."""
    answer = irqtrace.compare(trace).filter(pl.col("ratio").is_not_null())
    rows = answer.select(
        pl.col("ratio", "ratio_lo", "ratio_hi").clip(0.01, 100),
        "change",
        line=pl.format("{} {}", "kind", "name"),
        moved=pl.format("{} %", (pl.col("moved_share") * 100).round(1)).fill_null("–"),
    )
    order = rows["line"].to_list()
    changes = ["moved", "faster", "slower", "same"]
    colour = alt.Color("change:N", title=None, scale=alt.Scale(domain=changes, range=[GREEN, ORANGE, BLUE, GREY]))
    shapes = ["diamond", "triangle-up", "triangle-down", "circle"]
    shape = alt.Shape("change:N", title=None, scale=alt.Scale(domain=changes, range=shapes))
    ratio = alt.Scale(type="log", domain=[0.01, 100])
    axis = alt.Axis(values=[0.01, 0.1, 1, 10, 100], format="~r")
    y = alt.Y("line:N", title=None, sort=order)
    base = alt.Chart(rows, width=WIDTH - 290, height=alt.Step(22), title="Rate after the mark over rate before it")
    one = alt.Chart(pl.DataFrame({"one": [1]})).mark_rule(strokeDash=[5, 4]).encode(alt.X("one:Q", scale=ratio))
    bars = base.mark_rule(strokeWidth=3, opacity=0.6).encode(
        alt.X("ratio_lo:Q", title="ratio and its 95 % interval, cut at 0.01 and 100", scale=ratio, axis=axis),
        alt.X2("ratio_hi:Q"),
        y,
        colour,
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(alt.X("ratio:Q", scale=ratio), y, colour, shape)
    moved = alt.Chart(rows, width=60, height=alt.Step(22), title="moved").mark_text(align="left", fontSize=12)
    return alt.hconcat(one + bars + points, moved.encode(y.axis(None), x=alt.value(0), text="moved:N"), spacing=8)


SQUEEZED = alt.Scale(type="symlog", constant=10)
"""A scale of decades that has a zero."""
DECADES = alt.Axis(values=[0, 10, 100, 1000, 10_000], format=",d")


def seconds(begin: float, end: float, column: str = "seconds") -> Chart:
    """A horizontal axis of time."""
    scale, axis = alt.Scale(domain=[begin, end]), alt.Axis(format="d", tickMinStep=1)
    return alt.X(column, type="quantitative", title="seconds from the begin of the trace", scale=scale, axis=axis)


def of_line(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.filter(pl.col("name") == name)


def since_begin(frame: pl.DataFrame, trace: irqtrace.Trace, column: str = "time", to: str = "seconds") -> pl.DataFrame:
    """Adds the seconds since the trace's begin."""
    return frame.with_columns(((pl.col(column).dt.epoch("ns") - trace.info.t0_ns) / 1e9).alias(to))


def dressed(chart: Chart) -> Chart:
    """Letters that can be read, on white."""
    return (
        chart.configure(background="white", font="sans-serif", padding=8)
        .configure_axis(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#e5e5e5", labelLimit=220
        )
        .configure_title(fontSize=13, anchor="start", fontWeight="normal")
        .configure_legend(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", titleLimit=200)
        .configure_view(stroke=None)
    )


if __name__ == "__main__":
    sys.exit(main())
