"""What a trace of a machine that changes must keep, held against plain reads. Checked in the guest and on the host."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from .plain import counts

if TYPE_CHECKING:
    from .plain import Clocks, Look
    from .seen import Seen

__all__ = ["PROMISES"]

ONLINE_ONLY = ("irq", "arch")
"""Kinds of which the kernel prints the CPUs that are online."""

MAY_COME = {"missed_samples", "long_reads", "layout_changed", "reset", "clock_step", "suspend"}
"""Types of warnings that are true of such a machine."""


def cpus_are_named_by_their_ids(seen: Seen) -> None:
    """Of every read, and those that are offline have no cell."""
    for kind in seen.reads:
        ids = {span.cell[1] for span in seen.spans if span.kind == kind} - {None}
        assert ids == set(range(seen.log["cpus"])), (kind, ids)
    for kind in set(ONLINE_ONLY) & seen.reads.keys():
        there = set(range(seen.log["cpus"]))
        for event in seen.events("offline", "online"):
            assert event["cpu"] is not None
            there ^= {event["cpu"]}
            read = seen.after(kind, event["end"])
            assert read is not None
            ids = {cpu for _, cpu in seen.cells(kind, read.sample)} - {None}
            assert ids == there, (kind, event, ids)


def every_count_is_that_of_plain_reads_around_it(seen: Seen) -> None:
    """Of every line and CPU: none is less than a plain read before it has shown, or more than one after it."""
    exact = 0
    for look in seen.log["looks"]:
        for kind in seen.reads:
            exact += _held_against(seen, look, kind)
    # Bounds would hold nothing if no counter stood still.
    assert exact >= 10 * len(seen.log["looks"]), exact


def _held_against(seen: Seen, look: Look, kind: str) -> int:
    plain = counts(look, kind)
    before, after = seen.before(kind, look["begin"]), seen.after(kind, look["end"])
    low = seen.cells(kind, before.sample) if before else {}
    high = seen.cells(kind, after.sample) if after else {}
    begin, end = (before.begin if before else look["begin"]), (after.end if after else look["end"])
    quiet = not seen.events_between(begin, end)
    meanwhile = [counts(other, kind) for other in seen.log["looks"] if begin <= other["begin"] and other["end"] <= end]
    exact = 0
    for there, read in ((low, before), (high, after)):
        assert not quiet or read is None or there.keys() == plain.keys(), (kind, there.keys() ^ plain.keys())
    for cell, count in plain.items():
        below, above = low.get(cell), high.get(cell)
        shown = [other[cell] for other in meanwhile if cell in other]
        if not quiet and ((below and above and below.line != above.line) or shown != sorted(shown)):
            continue  # it began anew, which may not show from one read to the next
        least = below.count(before.sample) if below and before else 0
        most = above.count(after.sample) if above and after else 1 << 32
        assert least <= count <= most, (kind, cell, least, count, most)
        exact += 0 < least == most
    return exact


def counts_are_conserved_in_every_span_of_every_cell(seen: Seen) -> None:
    """The first count and all that grew make the last one, and no baseline or final is of no cell."""
    left = {(*cell, sample): count for cell, entries in seen.finals.items() for sample, count in entries.items()}
    baselines = 0
    for span in seen.spans:
        final = left.pop((span.line, span.cell[1], span.last), 0)
        assert span.count(span.last) == final, (span.kind, span.cell, span.first, span.last, final)
        baselines += span.baseline
    assert not left, left
    assert baselines == sum(seen.meta["baselines"]["count"])


def an_epoch_begins_with_a_row_for_every_cell(seen: Seen) -> None:
    """What came has grown by nothing yet."""
    for kind in seen.reads:
        for sample, (came, _) in seen.changes(kind).items():
            for cell, span in seen.cells(kind, sample).items():
                assert sample in span.samples, (kind, sample, cell)
                assert (span.line, cell) not in came or span.count(sample) == span.baseline


def what_comes_or_goes_is_a_warning_of_its_time(seen: Seen) -> None:
    """Each change of lines or CPUs was caused, each cause changed what it should, and all are told."""
    for kind in seen.reads:
        changes = seen.changes(kind)
        told = [warning for warning in seen.trace.warnings if (warning.type, warning.kind) == ("layout_changed", kind)]
        samples = [(warning.count, warning.first_sample, warning.last_sample) for warning in told]
        assert samples == ([(len(changes), min(changes), max(changes))] if changes else []), (kind, samples, changes)
        for sample in changes:
            assert seen.causes(kind, sample), (kind, sample)
        if kind not in ONLINE_ONLY:
            assert not changes
            continue
        for event in seen.events("offline", "online"):
            caused = [change for sample, change in changes.items() if event in seen.causes(kind, sample)]
            assert len(caused) == 1, (kind, event, caused)
            came, went = ({cpu for _, (_, cpu) in cells} for cells in caused[0])
            moved = {event["cpu"]}
            assert (came, went) == ((moved, set()) if event["what"] == "online" else (set(), moved)), (kind, event)


def lines_of_a_driver_end_and_begin_with_it(seen: Seen) -> None:
    """A driver that is unbound takes its lines with it, and one that is bound brings new ones."""
    for event in seen.events("unbind", "bind"):
        before, after = seen.before("irq", event["begin"]), seen.after("irq", event["end"])
        assert before is not None
        assert after is not None
        old, new = (
            {span.line: cell[0] for cell, span in seen.cells("irq", read.sample).items()} for read in (before, after)
        )
        moved = _labels_before(seen, event["begin"]) ^ _labels_after(seen, event["end"])
        assert moved
        ended, begun = ({old[line] for line in old.keys() - new}, {new[line] for line in new.keys() - old})
        assert (ended, begun) == ((moved, set()) if event["what"] == "unbind" else (set(), moved)), event


def _labels_before(seen: Seen, time: int) -> set[str]:
    look = [look for look in seen.log["looks"] if look["end"] <= time][-1]
    return {label for label, _ in counts(look, "irq")}


def _labels_after(seen: Seen, time: int) -> set[str]:
    look = next(look for look in seen.log["looks"] if look["begin"] >= time)
    return {label for label, _ in counts(look, "irq")}


def a_count_that_begins_anew_is_a_reset_of_its_time(seen: Seen) -> None:
    """A driver that was bound again between two reads, or put to sleep with the machine."""
    told = {(w.line, w.first_sample, w.last_sample, w.count) for w in seen.trace.warnings if w.type == "reset"}
    expected = set()
    for at, read in enumerate(seen.reads["irq"][1:]):
        before = seen.reads["irq"][at]
        if not any(before.end <= e["begin"] and e["end"] <= read.begin for e in seen.events("rebind", "suspend")):
            continue
        old, new = seen.cells("irq", before.sample), seen.cells("irq", read.sample)
        plain = [look for look in seen.log["looks"] if before.end <= look["begin"] and look["end"] <= read.begin]
        shown = [counts(look, "irq") for look in plain]
        for cell in old.keys() & new.keys():
            series = [old[cell].count(before.sample), *(look[cell] for look in shown), new[cell].count(read.sample)]
            if series[-1] < series[0]:
                assert any(b < a for a, b in pairwise(series)), series
                expected.add((new[cell].line, read.sample, read.sample, 1))
                assert old[cell].line != new[cell].line
    assert told == expected, (told, expected)
    assert expected or not seen.events("rebind", "suspend")


def a_clock_that_is_moved_is_a_warning_of_its_time(seen: Seen) -> None:
    """And it bends no time of the trace."""
    begins = {read.sample: read.begin for reads in seen.reads.values() for read in reads}
    moved: tuple[tuple[str, str, Literal["real", "boot"]], ...]
    moved = (("step", "clock_step", "real"), ("suspend", "suspend", "boot"))
    for what, kind, clock in moved:
        told = [warning for warning in seen.trace.warnings if warning.type == kind]
        events = seen.events(what)
        assert len(told) == len(events), (told, events)
        for warning, event in zip(told, events, strict=True):
            least, most = _moved(event["before"], event["after"], clock)
            # The trace's own looks at the clocks are as uncertain as their brackets.
            slack = sum(anchor["bracket_ns"] for anchor in seen.meta["anchors"])
            assert warning.worst is not None
            assert least - slack <= warning.worst <= most + slack, (warning, least, most)
            assert (warning.count, warning.first_sample) == (1, warning.last_sample)
            marks = {mark.text: mark.sample for mark in seen.trace.marks}
            assert marks[f"{what} begins"] <= warning.first_sample, (marks, warning)
            # Whoever waited for the warning did the rest after it.
            later = [e for e in seen.log["events"] if e["begin"] > event["end"]]
            assert not later or begins[warning.first_sample] <= later[0]["begin"]
    first, last = seen.log["looks"][0], seen.log["looks"][-1]
    times = [seen.reads[kind] for kind in seen.reads]
    assert all(first["end"] <= reads[0].begin and reads[-1].end <= last["begin"] for reads in times)
    assert all(a.end <= b.begin for reads in times for a, b in pairwise(reads))


def _moved(before: Clocks, after: Clocks, clock: Literal["real", "boot"]) -> tuple[int, int]:
    """By how much at least and at most a clock moved against the monotonic one."""
    (least_before, most_before), (least_after, most_after) = before[clock], after[clock]
    return least_after - most_before, most_after - least_before


def nothing_else_is_told(seen: Seen) -> None:
    """No warning of texts that did not fit, of counts that fell, of what was dropped."""
    told = {warning.type for warning in seen.trace.warnings}
    assert told <= MAY_COME, told


PROMISES = (
    cpus_are_named_by_their_ids,
    every_count_is_that_of_plain_reads_around_it,
    counts_are_conserved_in_every_span_of_every_cell,
    an_epoch_begins_with_a_row_for_every_cell,
    what_comes_or_goes_is_a_warning_of_its_time,
    lines_of_a_driver_end_and_begin_with_it,
    a_count_that_begins_anew_is_a_reset_of_its_time,
    a_clock_that_is_moved_is_a_warning_of_its_time,
    nothing_else_is_told,
)
