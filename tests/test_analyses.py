"""What all analyses have in common: what they take, and that parts give what the whole gives."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import irqtrace
from irqtrace.analyses import compare, imbalance, interference, jitter, rates, storms
from irqtrace.analyses.spread import map_files, reduced
from irqtrace.analyses.state import State, merge
from irqtrace.analyses.stored import pack, read_state, unpack, write_state
from irqtrace.errors import IrqtraceWarning, TraceFormatError
from made import MadeLine, MadeRead, MadeTrace, small_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from irqtrace import Trace

RATES = partial(rates.reduce, every="5ms")


def of_machine(made: MadeTrace, host: str) -> pl.DataFrame:
    """The flat table of a trace, as of another machine."""
    frame = pl.DataFrame(made.table())
    return frame.with_columns(pl.lit(host).cast(pl.Categorical).alias("host"))


# What they take


def test_a_trace_its_file_its_folder_and_patterns_of_it_are_one(tmp_path: Path) -> None:
    path = small_trace().save(tmp_path / "t.parquet")
    expected = irqtrace.rates(irqtrace.open_trace(path), "10ms")
    for source in (path, str(path), tmp_path, tmp_path / "*.parquet", f"{tmp_path}/[st].parquet", [path], iter([path])):
        assert_frame_equal(irqtrace.rates(source, "10ms"), expected)


def test_one_unreadable_file_among_others_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    good = small_trace().save(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("no trace")
    with pytest.warns(IrqtraceWarning, match=r"b\.parquet: no trace.*left out"):
        some = irqtrace.rates(tmp_path)
    assert_frame_equal(some, irqtrace.rates(good))
    with pytest.warns(IrqtraceWarning, match=r"b\.parquet: no trace.*left out"):
        state = map_files(tmp_path, rates.reduce)
    assert_frame_equal(rates.finish(state), some)
    for reach in (irqtrace.rates, partial(map_files, reduce=rates.reduce)):
        with pytest.raises(TraceFormatError, match=r"b\.parquet"):
            reach(tmp_path / "b.parquet")


ALL: dict[str, Callable[[Any], pl.DataFrame]] = {
    "rates": irqtrace.rates,
    "imbalance": irqtrace.imbalance,
    "jitter": irqtrace.jitter,
    "storms": lambda source: irqtrace.storms(source, "1ms", threshold=1),
    "interference": lambda source: irqtrace.interference(source, cpus=[0, 1]),
    "compare": lambda source: irqtrace.compare(source, source),
    "report": lambda source: irqtrace.report(source).rates,
}


@pytest.mark.parametrize("name", ALL)
def test_a_file_of_which_the_pages_are_damaged_is_named_too_and_the_others_are_done(tmp_path: Path, name: str) -> None:
    good, other, bad = (
        replace(small_trace(seed, samples=300), host=f"host{seed}").save(tmp_path / f"{seed}.parquet")
        for seed in (1, 2, 3)
    )
    data = bytearray(bad.read_bytes())
    data[100 : len(data) // 2] = b"\x55" * (len(data) // 2 - 100)
    bad.write_bytes(data)
    for source in ([good, other, bad], [irqtrace.open_trace(good), str(other), bad]):
        with pytest.warns(IrqtraceWarning, match=r"3\.parquet.*left out"):
            some = ALL[name](source)
        assert_frame_equal(some, ALL[name]([good, other]), categorical_as_str=True)
    with pytest.warns(IrqtraceWarning, match=r"3\.parquet.*left out"):
        assert ALL[name]([irqtrace.open_trace(good), bad]).height > 0
    with pytest.raises(TraceFormatError, match=r"3\.parquet"):
        ALL[name](bad)


@pytest.mark.parametrize("source", [None, 5, object(), {"trace": "t.parquet"}])
def test_what_is_no_source_is_refused_with_what_would_be(source: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="a Trace, the path of a trace file, a folder"):
        irqtrace.rates(source)


def test_a_folder_or_pattern_without_files_is_not_found(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "*.parquet", tmp_path / "t.parquet"):
        with pytest.raises(FileNotFoundError):
            irqtrace.rates(source)
    with pytest.raises(ValueError, match="no trace was given"):
        irqtrace.rates([])


def test_a_part_that_is_given_twice_is_refused_and_not_counted_twice(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(small_trace(samples=100))
    first, second = trace.slice("0ms", "60ms"), trace.slice("60ms", None)
    for sources in ([first, second, first], [trace, second], [trace.frame(), trace.frame()]):
        for name in ("rates", "imbalance", "jitter", "storms", "interference"):
            with pytest.raises(ValueError, match="reads in common"):
                ALL[name](sources)


# How much is worked on at a time, and how


@pytest.mark.parametrize(
    "limits",
    [
        {"counting.MANY": 20, "counting.FEW": 10, "counting.ROWS": 5},
        {"packed.BITS": 8},
        {"runs.BITS": 8},
        {"measured.ROWS": 15},
        {"measured.ROWS": 15, "measured.COUNTS": 40, "dense.SLICE": 7},
        {"jitter.stretches.BLOCK": 10, "jitter.stretches.BATCH": 50},
        {"jitter.packing.BITS": 20},
        {"jitter.ladder.SHORT_BITS": 10},
        # Rows that do not fit into one number make several stretches of a trace that would be one.
        {"jitter.packing.BITS": 10, "jitter.ROWS": 400, "jitter.stretches.BATCH": 20},
        {"report.HELD": 0},
    ],
    ids="-".join,
)
def test_how_much_is_worked_on_at_a_time_and_how_changes_nothing(
    limits: dict[str, int], monkeypatch: pytest.MonkeyPatch, make_trace: Callable[..., Trace]
) -> None:
    trace = make_trace(changing_trace(5))
    analyses: dict[str, Callable[[], pl.DataFrame]] = {
        "rates": lambda: irqtrace.rates(trace, "1ms", ("kind", "irq", "name", "cpu")),
        "imbalance": lambda: irqtrace.imbalance(trace, "2ms"),
        "storms": lambda: irqtrace.storms(trace, "1ms", threshold=1),
        "interference": lambda: irqtrace.interference(trace, cpus=[0, 1]),
        "jitter": lambda: irqtrace.jitter(trace),
        "jitter of parts": lambda: irqtrace.jitter([trace.slice(None, "20ms"), trace.slice("20ms", None)]),
        "report": lambda: irqtrace.report(trace).rates,
    }
    before = {name: analysis() for name, analysis in analyses.items()}
    for name, limit in limits.items():
        module, _, constant = name.rpartition(".")
        monkeypatch.setattr(import_module(f"irqtrace.analyses.{module}"), constant, limit)
    for name, analysis in analyses.items():
        assert before[name].height > 0, name
        assert_frame_equal(analysis(), before[name], rel_tol=1e-9, categorical_as_str=True)


# Parts and wholes


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 50),
    edges=st.lists(st.integers(1, 39), max_size=4, unique=True),
    every=st.sampled_from([None, "1ms", "5ms", "7ms"]),
)
def test_the_states_of_any_parts_joined_in_any_order_give_what_the_whole_gives(
    tmp_path_factory: pytest.TempPathFactory, seed: int, edges: list[int], every: str | None
) -> None:
    made = changing_trace(seed)
    trace = irqtrace.open_trace(made.save(tmp_path_factory.mktemp("parts") / "t.parquet"))
    last = trace.info.duration_ns // 1_000_000
    bounds = sorted({0, *(edge for edge in edges if edge < last), last})
    parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in pairwise(bounds)]
    random.Random(seed).shuffle(parts)  # noqa: S311 - repeatable, not secret
    by = ("kind", "irq", "name", "cpu")
    for analysis, options in (
        (rates, {"by": by, "dense": True}),
        (rates, {}),
        (imbalance, {}),
        (imbalance, {"by": "kind"}),
    ):
        states = [analysis.reduce(part, every) for part in parts]
        joined = merge([merge(states[:2]), *states[2:]]) if len(states) > 2 else merge(states)
        whole = analysis.finish(analysis.reduce(trace, every), **options)
        assert_frame_equal(analysis.finish(joined, **options), whole, categorical_as_str=True)


def test_a_cpu_that_was_away_over_seams_is_away_in_the_parts_as_in_the_whole(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace(away_trace(away=range(11, 20), samples=30))
    for first, second in combinations((5, 10, 11, 12, 16, 19, 20, 21, 25), 2):
        parts = [trace.slice(f"{a}ms", f"{b}ms") for a, b in pairwise([0, first, second, 30])]
        whole = irqtrace.imbalance(trace, "5ms")
        assert_frame_equal(irqtrace.imbalance(parts[::-1], "5ms"), whole, categorical_as_str=True)
        states = [jitter.reduce(part) for part in parts]
        whole = jitter.finish(jitter.reduce(trace))
        assert_frame_equal(jitter.finish(merge(states)), whole, rel_tol=1e-9, categorical_as_str=True)
    assert set(irqtrace.imbalance(trace, "1ms")["cpus"]) == {1, 2}


def away_trace(away: range, samples: int) -> MadeTrace:
    """One line, of which CPU 1 was not there for a while."""
    reads = []
    for sample in range(samples):
        there = (0,) if sample in away else (0, 1)
        named = sample in {0, away.start, away.stop}
        deltas: dict[tuple[int, int | None], int] = {
            (0, cpu): int(sample not in {0, away.stop} or (cpu == 0 and sample > 0)) for cpu in there
        }
        reads.append(
            MadeRead(
                "irq",
                "proc",
                sample,
                sample * 1_000_000 + 9_000,
                20_000,
                deltas if named or any(deltas.values()) else {},
            )
        )
    made = MadeTrace(1_000_000, {("irq", "proc"): 1}, [MadeLine(0, "irq", "24", "eth0")], reads)
    made.baselines += [(0, 0, 0, 7), (0, 1, 0, 7), (0, 1, away.stop, 3)]
    made.finals += [
        (0, 1, away.start - 1, 7 + away.start - 1),
        (0, 0, samples - 1, 7 + samples - 1),
        (0, 1, samples - 1, 3 + samples - 1 - away.stop),
    ]
    return made


def changing_trace(seed: int) -> MadeTrace:
    """Lines and a CPU that come and go."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    made = small_trace(seed, missed=0.2)
    came, went = sorted(chance.sample(range(1, 39), 2))
    seen = sorted(read.sample for read in made.reads if read.kind == "irq")
    first = next((sample for sample in seen if sample >= came), seen[-1])
    last = max((sample for sample in seen if first <= sample <= went), default=first)
    made.lines.append(MadeLine(6, "irq", "140", "late", first=first, last=None if last == seen[-1] else last))
    reads = []
    for read in made.reads:
        deltas = dict(read.deltas)
        if read.kind == "irq" and first <= read.sample <= last:
            deltas |= {(6, cpu): 0 if read.sample == first else chance.choice([0, 3]) for cpu in (0, 1)}
        reads.append(MadeRead(read.kind, read.engine, read.sample, read.begin, read.length, deltas))
    made.reads = reads
    return made


def test_a_state_can_be_stored_sent_and_pickled(make_trace: Callable[..., Trace], tmp_path: Path) -> None:
    state = RATES(make_trace())
    path = tmp_path / "s.parquet"
    write_state(state, path)
    for again in (read_state(path), unpack(pack(state)), pickle.loads(pickle.dumps(state))):  # noqa: S301 - ours
        assert isinstance(again, State)
        assert again.settings == state.settings
        for name, table in state.tables.items():
            assert_frame_equal(again[name], table)
        assert_frame_equal(rates.finish(merge([again])), rates.finish(state))


def test_what_is_no_state_is_said_to_be_none(make_trace: Callable[..., Trace], tmp_path: Path) -> None:
    with pytest.raises(TraceFormatError, match="no state"):
        read_state(make_trace()._path or "")
    for data in (b"", b"hello", pack(RATES(make_trace()))[:-50]):
        with pytest.raises(TraceFormatError, match="no state"):
            unpack(data)
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "nowhere.parquet")


def test_a_state_is_finished_by_an_analysis_that_it_has_enough_for(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    without_cpus, of_jitter = rates.reduce(trace, by="name"), jitter.reduce(trace)
    of_cpus: list[Any] = [imbalance.finish, partial(interference.finish, cpus=0), partial(rates.finish, by=["cpu"])]
    for finish in of_cpus:
        with pytest.raises(ValueError, match="does not tell CPUs apart"):
            finish(without_cpus)
    for finish in (rates.finish, *of_cpus, storms.finish):
        with pytest.raises(ValueError, match="state of 'jitter' and not of 'counts'"):
            finish(of_jitter)
        with pytest.raises(TypeError, match=r"takes a state, .* and not a Trace"):
            finish(trace)
    for side in (without_cpus, of_jitter):
        with pytest.raises(ValueError, match=r"CPUs apart|of 'counts'"):
            compare.finish(imbalance.reduce(trace), side)
    with pytest.raises(ValueError, match="state of 'counts' and not of 'jitter'"):
        jitter.finish(without_cpus)
    with pytest.raises(TypeError, match="merge joins states"):
        merge([trace])  # type: ignore[list-item]


def test_what_is_no_executor_is_refused_with_what_would_be(tmp_path: Path) -> None:
    small_trace().save(tmp_path / "t.parquet")
    with pytest.raises(TypeError, match="'threads' is none of 'serial', 'processes'"):
        map_files(tmp_path, RATES, "threads")  # type: ignore[arg-type]


def test_states_that_do_not_belong_together_are_not_joined(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    with pytest.raises(ValueError, match="does not go together"):
        merge([RATES(trace), rates.reduce(trace, "10ms")])
    with pytest.raises(ValueError, match="no state"):
        merge([])


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_files_reduced_one_by_one_give_what_they_give_together(tmp_path: Path, executor: Any) -> None:  # noqa: ANN401
    paths = [replace(small_trace(n), host=f"host{n}").save(tmp_path / f"{n}.parquet") for n in range(3)]
    state = map_files(paths, RATES, executor)
    assert_frame_equal(rates.finish(state), rates.finish(reduced(paths, RATES)), categorical_as_str=True)
