"""The command line does what its verbs say, and never shows a traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest

import irqtrace
from checked import conserved
from irqtrace import _core, open_trace
from irqtrace.cli import main
from irqtrace.cli.progress import _told
from irqtrace.cli.signals import on_signals
from irqtrace.display.text import harmless
from made import MadeLine, MadeRead, MadeTrace, small_trace

RUN = [sys.executable, "-m", "irqtrace"]


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [*RUN, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def test_record_writes_a_trace_and_prints_a_summary(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    assert main(["record", "50ms", "--interval", "2ms", "-o", str(path), "--procfs", str(fake_proc)]) == 0
    said = capsys.readouterr()
    assert "softirq (proc)" in said.out
    assert "the sampler itself" in said.out
    assert str(path) in said.out
    assert said.err == ""
    assert conserved(open_trace(path))


def test_record_refuses_to_replace_a_file_unless_forced(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    path.write_text("kept")
    arguments = ["record", "5ms", "--quiet", "--output", str(path), "--procfs", str(fake_proc)]
    assert main(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "kept"
    assert main([*arguments, "--force"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_that_is_told_to_end_is_complete(fake_proc: Path, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "t.parquet"
    # The recording runs until something asks it to end; what asks is sure to come after its start.
    code = (
        "import os, signal, sys, threading\n"
        "from irqtrace import recording\n"
        "from irqtrace.cli import main\n"
        "from irqtrace.cli import record\n"
        "run = record.run_recording\n"
        "def then(*arguments, **options):\n"
        "    run(*arguments, started=lambda: os.kill(os.getpid(), int(sys.argv[1])), **options)\n"
        "record.run_recording = then\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(int(number)), "record", "-o", str(path), "--procfs", str(fake_proc)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert conserved(open_trace(path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", [[], ["--", "touch", "begun"]])
def test_a_signal_before_the_start_ends_a_recording_like_any(
    fake_proc: Path, tmp_path: Path, number: signal.Signals, command: list[str]
) -> None:
    # One signal comes before there is a file, one when there is and nothing has been sampled.
    code = (
        "import os, signal, sys\n"
        "from irqtrace.cli import main\n"
        "from irqtrace.settings import Settings\n"
        "made = Settings.sampler\n"
        "def then(*arguments, **options):\n"
        "    os.kill(os.getpid(), int(sys.argv[1]))\n"
        "    core = made(*arguments, **options)\n"
        "    os.kill(os.getpid(), int(sys.argv[1]))\n"
        "    return core\n"
        "Settings.sampler = then\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    options = ["record", "--quiet", "--procfs", str(fake_proc), *command]
    done = subprocess.run(
        [sys.executable, "-c", code, str(int(number)), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )
    left = {entry.name for entry in tmp_path.iterdir()}
    if command:
        # What was to be recorded never began.
        said = "irqtrace: ended by a signal before its command began\n"
        assert (done.returncode, done.stderr, left) == (128 + number, said, {"proc"})
    else:
        assert (done.returncode, done.stderr, left) == (0, "", {"proc", "trace.parquet"})
        assert conserved(open_trace(tmp_path / "trace.parquet"))


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    heard: list[int] = []
    try:
        with on_signals(heard.append, lambda: None):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == [signal.SIGTERM]


def test_ctrl_c_while_the_command_loads_is_status_130_and_no_traceback() -> None:
    code = (
        "import os, signal, sys\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'polars':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, CtrlC())\n"
        "import runpy\n"
        "runpy.run_module('irqtrace', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_names_of_the_package_stay_what_they_are_whatever_is_loaded_first() -> None:
    code = (
        "import irqtrace.analyses.rates, irqtrace.analyses.quality, irqtrace.snapshots\n"
        "import irqtrace, types\n"
        "assert not [name for name in irqtrace.__all__ if isinstance(getattr(irqtrace, name), types.ModuleType)]\n"
        "assert set(irqtrace.__all__) <= set(dir(irqtrace))\n"
        "assert not hasattr(irqtrace, 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)])
def test_record_passes_on_the_status_of_its_command(
    fake_proc: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str, status: int
) -> None:
    path = tmp_path / "t.parquet"
    arguments = ["record", "-o", str(path), "--procfs", str(fake_proc), "--", "sh", "-c", f"echo its own; {script}"]
    assert main(arguments) == status
    said = capfd.readouterr()
    assert said.out == "its own\n"
    assert "the sampler itself" in said.err
    assert conserved(open_trace(path))


def test_a_signal_reaches_the_command(fake_proc: Path, tmp_path: Path) -> None:
    script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.01; done"
    running = started(
        "record", "--quiet", "-o", tmp_path / "t.parquet", "--procfs", fake_proc, "--", "sh", "-c", script
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate()
    assert (running.returncode, out, err) == (9, "caught\n", "")
    assert conserved(open_trace(tmp_path / "t.parquet"))


def test_a_command_that_is_not_there_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    assert main(["record", "-o", str(path), "--", "no-such-command-here"]) == 127
    assert "no-such-command-here: no such command" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize("command", ["/etc/passwd", "/tmp"])  # noqa: S108 - a folder that is there
def test_what_may_not_be_run_is_told_from_what_is_not_there(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    path = tmp_path / "t.parquet"
    assert main(["record", "-o", str(path), "--procfs", str(fake_proc), "--", command]) == 126
    assert capsys.readouterr().err == f"irqtrace: {command}: permission denied\n"
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["record", "5 parsecs"], "no duration"),
        (["record", "-1s"], "'-1s' is not longer than zero"),
        (["record", "1s", "-o", ""], "path is empty"),
        (["record", "1s", "--interval", "-1ms"], "smallest sensible value here is"),
        (["record", "1s", "--interval", "0s"], "smallest sensible value here is"),
        (["record", "1s", "--kinds", "hard"], "the kinds are irq, arch, softirq"),
        (["record", "1s", "--kinds", "irq,arch=1500us"], "no whole multiple"),
        (["record", "1s", "--irqs", "nosuch*"], "nosuch"),
        (["record", "--"], "no command"),
    ],
)
def test_a_wish_that_makes_no_sense_is_status_2(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    verb, *others = arguments
    options = [verb, "-o", str(tmp_path / "t.parquet"), "--procfs", str(fake_proc), *others]
    assert main(options) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.startswith("irqtrace: ")
    assert "Traceback" not in said.err
    assert not (tmp_path / "t.parquet").exists()


def test_what_is_no_trace_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.parquet"
    assert main(["rates", str(path)]) == 1
    assert capsys.readouterr().err == f"irqtrace: {path}: no such file or directory\n"
    path.write_text("hello")
    assert main(["quality", str(path)]) == 1
    assert "no trace" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["rates", "t.parquet", "--", "ls"]])
def test_a_verb_that_is_none_is_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_every_format_holds_the_same_frame(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = str(small_trace().save(tmp_path / "t.parquet"))
    expected = irqtrace.rates(open_trace(path), "10ms")
    got = {}
    for how in ("csv", "json", "parquet", "table"):
        assert main(["rates", path, "--every", "10ms", "--format", how]) == 0
        got[how] = capfdbinary.readouterr().out
    assert len(list(csv.DictReader(io.StringIO(got["csv"].decode())))) == len(expected)
    assert [row["count"] for row in json.loads(got["json"])] == expected["count"].to_list()
    assert pl.read_parquet(got["parquet"])["rate"].to_list() == expected["rate"].to_list()
    assert len(got["table"].splitlines()) == len(expected) + 2


def test_output_goes_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(small_trace().save(tmp_path / "t.parquet"))
    assert main(["quality", path, "--format", "csv", "-o", str(tmp_path / "q.csv")]) == 0
    assert pl.read_csv(tmp_path / "q.csv")["kind"].to_list() == ["irq", "arch", "softirq"]
    assert capsys.readouterr().out == ""


def test_output_replaces_no_file_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(small_trace().save(tmp_path / "t.parquet"))
    whole = Path(path).read_bytes()
    for verb in ("quality", "rates"):
        assert main([verb, path, "--format", "parquet", "-o", path]) == 1
        assert "exists; --force replaces it" in capsys.readouterr().err
        assert Path(path).read_bytes() == whole
    assert main(["rates", path, "--format", "parquet", "-o", path, "--force"]) == 0
    assert "rate" in pl.read_parquet(path).columns
    assert list(tmp_path.iterdir()) == [Path(path)]


def test_output_keeps_a_link_and_the_rights_of_what_it_replaces(fake_proc: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    for rights in (0o600, 0o666):
        real.write_text("old")
        real.chmod(rights)
        link.unlink(missing_ok=True)
        link.symlink_to("real.csv")
        assert main(["snapshot", "--procfs", str(fake_proc), "--format", "csv", "-o", str(link), "--force"]) == 0
        assert link.is_symlink()
        assert real.read_text().startswith("kind,irq,")
        assert real.stat().st_mode & 0o777 == rights


def test_output_goes_into_a_pipe_by_its_name(fake_proc: Path) -> None:
    arguments = ["snapshot", "--procfs", str(fake_proc), "--format", "csv", "-o", "/dev/stdout"]
    done = subprocess.run([*RUN, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("kind,irq,")


@pytest.mark.parametrize(("output", "named"), [([], "standard output"), (["-o", "/dev/full"], "/dev/full")])
def test_what_cannot_be_written_to_is_named(fake_proc: Path, output: list[str], named: str) -> None:
    arguments = ["snapshot", "--procfs", str(fake_proc), *output]
    with Path("/dev/null" if output else "/dev/full").open("w") as out:
        # With it Python holds nothing back, which most people let it do.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(
            [*RUN, *arguments], stdout=out, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert (done.returncode, done.stderr) == (1, f"irqtrace: {named}: no space left on device\n")


def test_names_are_data_in_a_file_and_harmless_in_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "eth0\x1b[2J\x07"
    reads = [MadeRead("irq", "proc", n, n * 1_000_000, 1_000, {(0, 0): n}) for n in range(3)]
    made = MadeTrace(1_000_000, {("irq", "proc"): 1}, [MadeLine(0, "irq", "7", name)], reads)
    path = str(made.save(tmp_path / "t.parquet"))
    assert main(["rates", path]) == 0
    table = capsys.readouterr().out
    assert name not in table
    assert harmless(name) in table
    assert main(["rates", path, "--format", "csv"]) == 0
    assert name in capsys.readouterr().out


def test_snapshot_prints_a_line_a_row(fake_proc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", "--procfs", str(fake_proc)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["kind", "irq", "name", "total", "CPU0", "CPU3"]
    assert any(row.split() == ["irq", "25", "eth0-tx-0", "22", "0", "22"] for row in rows)


def test_doctor_tells_what_can_be_sampled(fake_proc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--procfs", str(fake_proc)]) == 0
    said = capsys.readouterr().out
    assert "shortest sensible interval" in said
    for option in ("--fifo", "--lock-memory", "--dma-latency", "--pin"):
        assert f"({option})" in said
    assert main(["doctor", "--procfs", str(fake_proc), "--format", "json"]) == 0
    assert {row["subject"] for row in json.loads(capsys.readouterr().out)} >= {"shortest sensible interval"}


def test_doctor_tells_what_is_masked(fake_proc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fake_proc / "interrupts").write_text("")
    assert main(["doctor", "--procfs", str(fake_proc)]) == 0
    said = capsys.readouterr().out
    assert f"no   {fake_proc}/interrupts: it opens but reads empty" in said
    assert "Nothing can be sampled" not in said
    assert "--kinds softirq" in said
    (fake_proc / "softirqs").unlink()
    assert main(["doctor", "--procfs", str(fake_proc)]) == 1
    said = capsys.readouterr().out
    assert f"NO   {fake_proc}/softirqs: " in said
    assert "--procfs " in said
    assert "procfs=" not in said
    assert "Nothing can be sampled" in said


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_that_is_replaced_keeps_its_owner_and_mode(fake_proc: Path, tmp_path: Path) -> None:
    for name, arguments in (("t.parquet", ["record", "5ms", "--quiet"]), ("s.csv", ["snapshot", "--format", "csv"])):
        path = tmp_path / name
        path.write_text("old")
        os.chown(path, 65534, 65533)
        path.chmod(0o640)
        assert main([*arguments, "--procfs", str(fake_proc), "-o", str(path), "--force"]) == 0
        now = path.stat()
        assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (65534, 65533, 0o640)


@pytest.mark.parametrize("arguments", [["record", "5ms"], ["snapshot"]])
def test_an_output_that_names_no_file_is_refused(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    for name in ("", f"{tmp_path}/x/"):
        assert main([*arguments, "--procfs", str(fake_proc), "-o", name]) in {1, 2}
        said = capsys.readouterr().err
        assert "names" in said
        assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} == {"proc"}


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    path = small_trace(samples=3000).save(tmp_path / "t.parquet")
    running = started("rates", path, "--every", "1ms", "--format", "csv", "--by", "kind,irq,name,cpu")
    assert running.stdout is not None
    assert running.stdout.readline().startswith("time,")
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()
    assert running.wait() == 141


def test_a_table_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    running = started("quality", small_trace().save(tmp_path / "t.parquet"))
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()
    assert running.wait() == 141


def test_a_closed_output_is_no_error(fake_proc: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    line = shlex.join([*RUN, "record", "5ms", "-o", str(path), "--procfs", str(fake_proc)])
    done = subprocess.run(["/bin/sh", "-c", f"{line} >&-"], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert conserved(open_trace(path))


def test_a_command_that_cannot_be_run_leaves_no_trace(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, command = tmp_path / "t.parquet", tmp_path / "noshebang"
    command.write_bytes(b"\x00\x01")
    command.chmod(0o755)
    assert main(["record", "-o", str(path), "--procfs", str(fake_proc), "--", str(command)]) == 126
    assert capsys.readouterr().err.startswith(f"irqtrace: {command}: ")
    assert not path.exists()


def test_a_recording_that_breaks_off_says_where_it_is(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.parquet"
    spoil = f"printf 'no text of the kernel' > {shlex.quote(str(fake_proc / 'interrupts'))}; sleep 60"
    options = ["-o", str(path), "--procfs", str(fake_proc)]
    assert main(["record", *options, "--", "timeout", "1", "sh", "-c", spoil]) == 1
    assert f"what was read until then is in {path}" in capsys.readouterr().err
    assert conserved(open_trace(path))


def test_a_command_that_cannot_be_run_leaves_an_old_trace_as_it_was(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, command = tmp_path / "t.parquet", tmp_path / "lost"
    path.write_text("dear data")
    command.write_text("#!/nowhere/sh\n")
    command.chmod(0o755)
    options = ["record", "--force", "-o", str(path), "--procfs", str(fake_proc)]
    assert main([*options, "--", str(command)]) == 127
    assert capsys.readouterr().err == f"irqtrace: {command}: its interpreter is not there\n"
    command.write_bytes(b"\x00\x01")
    assert main([*options, "--", str(command)]) == 126
    assert path.read_text() == "dear data"
    assert {entry.name for entry in tmp_path.iterdir()} == {"proc", "lost", "t.parquet"}


def test_a_file_that_comes_meanwhile_stays_and_the_recording_is_told_where(
    fake_proc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "T.parquet"
    script = f"echo mine > {shlex.quote(str(path))}"
    assert main(["record", "-o", str(path), "--procfs", str(fake_proc), "--", "sh", "-c", script]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"irqtrace: {path}: exists already")
    assert path.read_text() == "mine\n"
    kept = tmp_path / "T.parquet.partial"
    assert f"the recording is complete in {kept}; the command ended with status 0" in said
    assert conserved(open_trace(kept))
    path.unlink()
    assert main(["repair", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: ")
    assert {entry.name for entry in tmp_path.iterdir()} == {"proc", "T.parquet"}


def test_a_recording_that_fails_still_tells_the_status_of_its_command(fake_proc: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    record = shlex.join([*RUN, "record", "-o", str(path), "--procfs", str(fake_proc), "--", "sh", "-c", "exit 5"])
    # No file may grow beyond a block: as with a disk that is full.
    done = subprocess.run(["/bin/sh", "-c", f"ulimit -f 1; exec {record}"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"irqtrace: {path}: file too large; the command ended with status 5\n"


@pytest.mark.parametrize(("file_bytes", "told"), [(4, False), (5_000, True)])
def test_progress_tells_a_size_once_rows_are_in_the_file(file_bytes: int, told: bool) -> None:  # noqa: FBT001
    progress = SimpleNamespace(samples=1, missed=0, elapsed_ns=1, file_bytes=file_bytes)
    assert ("B" in _told(cast("_core.Progress", progress)).removesuffix(" missed")) == told


@pytest.mark.parametrize("verb", ["imbalance", "rates"])
def test_an_analysis_is_of_files_folders_and_patterns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    paths = [replace(small_trace(n), host=f"host{n}").save(tmp_path / f"{n}.parquet") for n in (1, 2)]
    said = []
    for sources in (paths, [tmp_path], [tmp_path / "*.parquet"]):
        assert main([verb, *map(str, sources), "--format", "json", "--every", "10ms"]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1] == said[2]
    assert main([verb, str(paths[0])]) == 0
    assert "eth0-rx-0" in capsys.readouterr().out
    (tmp_path / "bad.parquet").write_text("no trace")
    assert main([verb, str(tmp_path)]) == 0
    assert f"warning: {tmp_path}/bad.parquet: no trace" in capsys.readouterr().err


def test_lines_tells_what_a_trace_is_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(small_trace().save(tmp_path / "t.parquet"))
    assert main(["lines", path]) == 0
    assert "nvme0q1" in capsys.readouterr().out
    assert main(["lines", path, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["actions"] == ["eth0-rx-0"]


@pytest.mark.parametrize("how", ["table", "csv", "json", "parquet"])
@pytest.mark.parametrize("verb", ["imbalance", "jitter", "storms", "interference", "compare"])
def test_an_analysis_prints_its_frame_in_each_format(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], verb: str, how: str
) -> None:
    path = tmp_path / "t.parquet"
    made = small_trace(samples=300, missed=0)
    burst = made.reads[-30]
    burst.deltas[5 if burst.kind == "softirq" else 0 if burst.kind == "irq" else 3, 0] = 900
    made.save(path)
    arguments = {"interference": ["--cpus", "0-1"], "compare": [str(path)]}.get(verb, [])
    assert main([verb, str(path), *arguments, "--format", how]) == 0
    said = capfdbinary.readouterr().out
    source: list[Path] = [path]
    frame: pl.DataFrame = (
        irqtrace.compare(path, path)
        if verb == "compare"
        else irqtrace.interference(path, [0, 1])
        if verb == "interference"
        else getattr(irqtrace, verb)(source)
    )
    assert not frame.is_empty()
    if how == "table":
        lines = said.decode().splitlines()
        assert len(lines) >= len(frame) + 2
    elif how == "csv":
        assert len(list(csv.DictReader(io.StringIO(said.decode())))) == len(frame)
    elif how == "json":
        assert len(json.loads(said)) == len(frame)
    else:
        assert pl.read_parquet(said).columns == frame.columns


def test_report_prints_a_page_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(small_trace().save(tmp_path / "t.parquet"))
    assert main(["report", path]) == 0
    assert "How evenly the CPUs shared them" in capsys.readouterr().out
    assert main(["report", path, "--format", "json"]) == 0
    assert {"rates", "jitter", "storms"} <= set(json.loads(capsys.readouterr().out))


def test_cpus_that_are_no_list_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(small_trace().save(tmp_path / "t.parquet"))
    for cpus in ("two", "3-1", "", "1,", "0-99999999"):
        with pytest.raises(SystemExit) as caught:
            main(["interference", path, "--cpus", cpus])
        assert caught.value.code == 2
        assert "is no list of CPUs, like 2,3 or 4-7" in capsys.readouterr().err
    assert main(["interference", path]) == 2
    said = capsys.readouterr().err
    assert "isolated" in said
    assert "--cpus LIST" in said
