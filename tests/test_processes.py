"""Sampling in a process that forks, ends, or forgets its samplers: no hang, no crash, no flush lost."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import irqtrace
from checked import conserved
from irqtrace import Trace, _core, open_trace
from killed import opened, recorder, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not _core.LIVE or not hasattr(os, "fork"), reason="this build cannot sample")

GIVE_UP_S = 120
"""Nothing here takes long: what has not ended by then hangs."""

BEGIN = """
import gc, multiprocessing, os, signal, sys, threading, time, warnings
import irqtrace
from irqtrace import Sampler

# Python itself warns of forks beside threads, from 3.12 on.
warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
SELF = "this sampler belongs to the process that this one was forked from; make another"

def forked(work):
    pid = os.fork()
    if pid == 0:
        # What hangs is ended by its alarm.
        signal.alarm(60)
        try:
            work()
        except BaseException as error:
            print(f"in a child: {type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return pid

def check_ended(pid, status=0):
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert ended == status, ended

def refused(work):
    try:
        work()
    except ValueError as error:
        assert str(error) == SELF, error
    else:
        raise AssertionError("taken")

def recording(path):
    "A thread that records until the end, once something was flushed."
    threading.Thread(target=lambda: irqtrace.record("10m", path=path, flush="20ms"), daemon=True).start()
    while not os.path.exists(path + ".journal") or os.path.getsize(path + ".journal") < 8_000:
        time.sleep(0.001)
"""


def run(folder: Path, code: str, status: int = 0) -> str:
    """Runs this in the folder, in a process of its own: what it says as an error."""
    command = [sys.executable, "-W", "error", "-c", BEGIN + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=GIVE_UP_S)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    return done.stderr


def written(folder: Path, *names: str) -> list[Trace]:
    """Traces that were written there, and nothing else; each is of some samples, and whole."""
    assert {entry.name for entry in folder.iterdir()} == set(names)
    traces = [open_trace(folder / name) for name in names]
    for trace in traces:
        assert conserved(trace)
        assert len(trace.samples) > 0
    return traces


# Forks


def test_children_of_a_process_that_samples_end_as_they_like(tmp_path: Path) -> None:
    code = """
with Sampler(interval="200us") as sampler:
    for child in [forked(lambda: None) for _ in range(8)]:
        check_ended(child)
    # Through all of Python's own end, and through that of the block.
    pid = os.fork()
    if pid == 0:
        sys.exit(7)
    check_ended(pid, 7)
    # Without its sampler.
    def forget():
        global sampler
        del sampler
        gc.collect()
    check_ended(forked(forget))
sampler.trace().write("t.parquet")
"""
    assert run(tmp_path, code) == ""
    written(tmp_path, "t.parquet")


def test_a_child_is_told_that_a_sampler_is_its_parents_whatever_it_asks(tmp_path: Path) -> None:
    """Also where a thread that it has not held a lock in the moment of the fork."""
    code = """
unused = Sampler()
with Sampler(interval="50us", batch_every="100us") as sampler:
    def touch():
        refused(lambda: sampler.progress)
        refused(lambda: sampler.counts)
        refused(lambda: sampler.mark("here"))
        refused(sampler.trace)
        refused(lambda: list(sampler))
        refused(unused.__enter__)
        sampler.stop()
    for _ in range(100):
        check_ended(forked(touch))
sampler.trace().write("t.parquet")
"""
    assert run(tmp_path, code) == ""
    written(tmp_path, "t.parquet")


def test_a_child_may_sample_itself(tmp_path: Path) -> None:
    code = """
def sample(name):
    with Sampler(interval="500us") as sampler:
        time.sleep(0.02)
    sampler.trace().write(name)

with Sampler(interval="500us") as sampler:
    check_ended(forked(lambda: sample("child.parquet")))
    worker = multiprocessing.get_context("fork").Process(target=sample, args=("worker.parquet",))
    worker.start()
    worker.join()
    assert worker.exitcode == 0, worker.exitcode
sampler.trace().write("t.parquet")
"""
    assert run(tmp_path, code) == ""
    written(tmp_path, "t.parquet", "child.parquet", "worker.parquet")


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_workers_beside_a_recording_harm_nothing(tmp_path: Path, how: str) -> None:
    (tmp_path / "work.py").write_text(
        "import irqtrace, os, sys, time\n"
        "def work(number):\n"
        "    irqtrace.record('20ms', path=f'{number}.parquet')\n"
        "    return number\n"
        "if __name__ == '__main__':\n"
        "    import multiprocessing\n"
        "    with irqtrace.Sampler() as sampler, multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:\n"
        "        assert pool.map(work, range(4), chunksize=1) == [0, 1, 2, 3]\n"
        "    sampler.trace().write('t.parquet')\n"
    )
    command = [sys.executable, "work.py", how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=GIVE_UP_S)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "work.py").unlink()
    written(tmp_path, "t.parquet", *(f"{number}.parquet" for number in range(4)))


def test_children_have_no_part_in_a_recording(tmp_path: Path) -> None:
    """However they end: the file is its recorder's alone."""
    code = """
recording("t.parquet")
for _ in range(8):
    check_ended(forked(lambda: None))
    pid = os.fork()
    if pid == 0:
        sys.exit(7)
    check_ended(pid, 7)
"""
    assert run(tmp_path, code) == ""
    trace = opened(tmp_path / "t.parquet", "cut off")
    assert conserved(trace)
    assert len(trace.samples) > 0


def test_a_child_that_outlives_its_recorder_is_waited_for(tmp_path: Path) -> None:
    """It has the recorder's lock too. So long the recording can be opened, and nobody repairs it."""
    code = """
recording("t.parquet")
if os.fork() == 0:
    # Until whoever tests this lets it go.
    sys.stdin.read()
    os._exit(0)
os._exit(0)
"""
    path = tmp_path / "t.parquet"
    command = [sys.executable, "-c", BEGIN + code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        process.wait(GIVE_UP_S)
        assert conserved(opened(path, "still under way"))
        with pytest.raises(OSError, match="forked from"):
            irqtrace.repair(path)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        # With its last holder the pipe ends.
        process.stdout.read()
    irqtrace.repair(path)
    assert conserved(open_trace(path))


# Two at once


def test_two_samplers_of_one_process_count_the_same(tmp_path: Path) -> None:
    code = """
with Sampler(interval="1ms") as outer:
    with Sampler(interval="500us") as inner:
        time.sleep(0.1)
outer.trace().write("outer.parquet")
inner.trace().write("inner.parquet")
"""
    assert run(tmp_path, code) == ""
    outer, inner = written(tmp_path, "outer.parquet", "inner.parquet")
    assert outer.lines.select("kind", "irq", "name").equals(inner.lines.select("kind", "irq", "name"))
    # The one began before the other and ended after it: no count of the inner is outside of the outer's.
    first, last = (_counts(outer, what) for what in ("baselines", "finals"))
    for cell, count in _counts(inner, "baselines").items():
        assert first.get(cell, 0) <= count
    for cell, count in _counts(inner, "finals").items():
        assert count <= last[cell]


def _counts(trace: Trace, what: str) -> dict[tuple[int, int | None], int]:
    columns = trace._meta["baselines" if what == "baselines" else "finals"]
    cells = zip(columns["line"], columns["cpu"], strict=True)
    return dict(zip(cells, columns["count"], strict=True))


# Samplers that nobody ends


def test_a_sampler_that_is_forgotten_ends(tmp_path: Path) -> None:
    code = """
def threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm") as file:
            names.append(file.read().strip())
    return [name for name in names if name.startswith("irqtrace")]

sampler = Sampler(interval="200us").__enter__()
# They name themselves.
while sorted(threads()) != ["irqtrace-collec", "irqtrace-sample"]:
    time.sleep(0.001)
del sampler
gc.collect()
assert threads() == [], threads()
"""
    assert run(tmp_path, code) == ""


ENDINGS = [
    ("", 0, ""),
    ("sys.exit(3)", 3, ""),
    ("os._exit(4)", 4, ""),
    ("raise ValueError('of a test')", 1, "ValueError: of a test"),
]


@pytest.mark.parametrize(("ending", "status", "says"), ENDINGS)
@pytest.mark.parametrize(
    "use",
    [
        "pass",
        "for batch in sampler: pass",
        "while True: sampler.progress; sampler.counts",
        "while True: sampler.trace()",
    ],
)
def test_an_interpreter_ends_while_it_samples(tmp_path: Path, use: str, ending: str, status: int, says: str) -> None:
    code = f"""
sampler = Sampler(interval="200us", batch_every="1ms").__enter__()
def use():
    {use}
for _ in range(2):
    threading.Thread(target=use, daemon=True).start()
time.sleep(0.05)
{ending}
"""
    said = run(tmp_path, code, status)
    assert says in said
    assert bool(said) == bool(says)


@pytest.mark.parametrize(("ending", "status", "says"), ENDINGS)
def test_an_interpreter_that_ends_while_it_records_loses_no_flush(
    tmp_path: Path, ending: str, status: int, says: str
) -> None:
    code = f"""
recording("t.parquet")
{ending}
"""
    assert says in run(tmp_path, code, status)
    trace = opened(tmp_path / "t.parquet", "cut off")
    assert conserved(trace)
    assert len(trace.samples) > 0
    assert {entry.name for entry in tmp_path.iterdir()} == {"t.parquet.partial", "t.parquet.journal"}


def test_a_recorder_that_is_killed_leaves_its_command_alone(tmp_path: Path) -> None:
    """And the command, which goes on, does not hold the file."""
    path = tmp_path / "t.parquet"
    process = recorder(path, "--flush", "20ms", "--", "sleep", "60")
    until(path.with_name("t.parquet.journal").exists, process)
    process.kill()
    process.wait()
    try:
        assert conserved(opened(path, "cut off"))
    finally:
        os.killpg(process.pid, 15)
        process.communicate()
