"""What people have captured becomes the trace that a sampler would have recorded; what cannot be known is asked for."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
import warnings
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import irqtrace
from captured import FIRST, GROWN, NOON, NOON_S, SECOND, SERIES, THIRD, Captured, after_noon, log_text, report
from irqtrace import ParseError, SourceUnavailable, Trace, import_text, open_trace
from irqtrace.analyses.nogrid import numbering
from irqtrace.cli import main
from irqtrace.schema import TIME
from made import small_trace
from test_trace import conserved

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(os.environ.get("IRQTRACE_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
UNEVEN = (0, 60, 187)
"""Seconds after noon."""


def saved(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def counted(trace: Trace) -> dict[str, int]:
    """What each name counted."""
    sums = irqtrace.rates(trace, by="name")
    return {name: count for name, count in sums.select("name", "count").iter_rows() if count}


def times_of(trace: Trace) -> list[datetime]:
    return list(trace.samples["time"].unique().sort())


# --- the forms of captures


@pytest.mark.parametrize(
    "form",
    [
        "%a %b %e %H:%M:%S UTC %Y",
        "%a %b %e %I:%M:%S %p UTC %Y",
        "%a, %d %b %Y %H:%M:%S +0000",
        "%Y-%m-%dT%H:%M:%S+00:00",
        "%Y-%m-%d %H:%M:%S+00:00",
        "%s",
        "=== %a %b %e %H:%M:%S UTC %Y ===",
    ],
)
def test_a_log_of_date_and_cat_is_a_trace_at_its_own_times(tmp_path: Path, form: str) -> None:
    log = saved(tmp_path / "a.log", log_text([at.strftime(form) for at in after_noon(*UNEVEN)]))
    trace = import_text(log)
    assert times_of(trace) == after_noon(*UNEVEN)
    assert counted(trace) == GROWN
    assert conserved(trace)


def test_a_log_of_local_times_asks_for_the_zone(tmp_path: Path) -> None:
    times = [(at + timedelta(hours=1)).strftime("%a %b %e %H:%M:%S CET %Y") for at in after_noon(*UNEVEN)]
    log = saved(tmp_path / "a.log", log_text(times))
    with pytest.raises(ParseError, match=r"a\.log: line 1, byte 0: .*CET.* zone .*Europe/Berlin"):
        import_text(log)
    for zone in ("Europe/Berlin", "+01:00"):
        assert times_of(import_text(log, zone=zone)) == after_noon(*UNEVEN)
    with pytest.raises(ParseError, match="no time of Europe/London"):
        import_text(log, zone="Europe/London")
    with pytest.raises(ValueError, match=r"zone 'CETT' is not known|zone \"CETT\" is not known"):
        import_text(log, zone="CETT")


def test_a_log_goes_on_from_winter_into_summer(tmp_path: Path) -> None:
    times = ["Sun Oct 25 02:59:30 CEST 2026", "Sun Oct 25 02:00:30 CET 2026", "Sun Oct 25 02:10:00 CET 2026"]
    log = saved(tmp_path / "a.log", log_text(times))
    apart = pl.Series(times_of(import_text(log, zone="Europe/Berlin"))).diff().drop_nulls()
    assert apart.to_list() == [timedelta(seconds=60), timedelta(minutes=9, seconds=30)]
    with pytest.raises(ParseError, match=r"line 8.*cannot both be"):
        import_text(log, zone="+02:00")
    bare = saved(tmp_path / "b.log", log_text(["2026-10-25 02:59:30", "2026-10-25 03:00:30", "2026-10-25 03:10:00"]))
    with pytest.raises(ParseError, match="was twice in Europe/Berlin"):
        import_text(bare, zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("form", "zone"),
    [
        ("{kind}-%Y%m%d-%H%M%S", "UTC"),
        ("{kind}.%Y-%m-%dT%H:%M:%SZ", None),
        ("%s-{kind}.txt", None),
        ("%Y-%m-%d_%H.%M.%S/{kind}", "UTC"),
        ("%Y%m%dT%H%M%S+0000.{kind}", None),
    ],
)
def test_copies_with_times_in_their_names_are_a_trace(tmp_path: Path, form: str, zone: str | None) -> None:
    for at, one in zip(after_noon(*UNEVEN), SERIES, strict=True):
        for kind in ("interrupts", "softirqs"):
            saved(tmp_path / "copies" / at.strftime(form).format(kind=kind), getattr(one, kind))
    saved(tmp_path / "copies" / ".hidden", "of no interest")
    trace = import_text(tmp_path / "copies", zone=zone)
    assert times_of(trace) == after_noon(*UNEVEN)
    assert counted(trace) == GROWN
    assert len(trace.samples) == 3 * len(UNEVEN), "both texts of one time are one sample"
    if zone is not None:
        with pytest.raises(ValueError, match=r"copies.*zone .*Europe/Berlin"):
            import_text(tmp_path / "copies")


@pytest.mark.parametrize("name", ["06-01-2026-12-00-00.txt", "06_01_2026_12_10_15/i", "i.06.01.2026.12.10.15"])
def test_a_name_with_the_day_first_is_told_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"06.01.2026 begins with its day or its month, and which is not known"):
        import_text(saved(tmp_path / name, FIRST.interrupts), zone="UTC")


def test_times_of_last_change_are_taken_only_when_asked_for(tmp_path: Path) -> None:
    names = ["before.txt", "later.txt", "last.txt"]
    for name, after, one in zip(names, UNEVEN, SERIES, strict=True):
        path = saved(tmp_path / "copies" / name, one.interrupts)
        ns = (NOON_S + after) * 10**9 + 5
        os.utime(path, ns=(ns, ns))
    with pytest.raises(ValueError, match=r"its name tells no time.*--times mtimes"):
        import_text(tmp_path / "copies")
    trace = import_text(tmp_path / "copies", times="mtimes", within="100ms")
    begins = [NOON_S * 10**9 + 5 + after * 10**9 - 100_000_000 for after in UNEVEN]
    assert trace.samples["time"].unique().sort().dt.epoch("ns").to_list() == begins, "the read began before it"
    assert counted(trace) == {name: count for name, count in GROWN.items() if name != "NET_RX"}


def test_each_time_of_last_change_is_as_fine_as_it_is(tmp_path: Path) -> None:
    texts = zip(SERIES, (0, 10 * 10**9, 20 * 10**9 + 123), strict=True)
    for one, after_ns in texts:
        path = saved(tmp_path / "copies" / str(after_ns), one.interrupts)
        os.utime(path, ns=(NOON_S * 10**9 + after_ns,) * 2)
    trace = import_text(tmp_path / "copies", times="mtimes")
    read_ns = trace.samples.unique("sample").sort("sample")["read_ns"].to_list()
    assert read_ns == [2_099_999_999, 2_099_999_999, 109_999_999]


def test_copies_that_have_lost_their_times_are_an_error(tmp_path: Path) -> None:
    for name, one in zip("ab", SERIES, strict=False):
        path = saved(tmp_path / "copies" / name, one.interrupts)
        os.utime(path, (NOON_S, NOON_S))
    with pytest.raises(ParseError, match=r"copies/b: .*last changed 2026-01-06T12:00:00Z, as .*copies/a is.*copying"):
        import_text(tmp_path / "copies", times="mtimes")


def test_a_pair_is_given_its_times_by_hand(tmp_path: Path) -> None:
    before = saved(tmp_path / "before", FIRST.interrupts)
    after = saved(tmp_path / "after", SECOND.interrupts)
    soft = [saved(tmp_path / f"soft{at}", one.softirqs) for at, one in enumerate((FIRST, SECOND))]
    by_hand = import_text({"2026-01-06T12:00:00Z": [before, soft[0]], NOON + timedelta(minutes=5): [after, soft[1]]})
    assert times_of(by_hand) == after_noon(0, 300)
    assert counted(by_hand) == {"eth0": 100, "Local timer interrupts": 510, "NET_RX": 7}
    with pytest.raises(ValueError, match="zone"):
        import_text({NOON.replace(tzinfo=None): before})
    with pytest.raises(ValueError, match=r"'tomorrow' is no time|\"tomorrow\" is no time"):
        import_text({"tomorrow": before})
    with pytest.raises(ValueError, match="has times of its own"):
        import_text({"2026-01-06T12:00:00Z": saved(tmp_path / "log", log_text(["1767700800"], (FIRST,)))})
    with pytest.raises(ValueError, match="this is a folder"):
        import_text({"2026-01-06T12:00:00Z": tmp_path})


SOS = {
    "date": "Tue Jan  6 13:00:00 CET 2026\n",
    "sos_commands/date/date_--utc": "Tue Jan  6 12:00:00 UTC 2026\n",
    "hostname": "db7\n",
    "uname": "Linux db7 6.1.0-9-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08) x86_64 GNU/Linux\n",
    "proc/sys/kernel/random/boot_id": "0b0c7f3e-aaaa-bbbb-cccc-000000000000\n",
}


def test_a_sosreport_is_one_read_with_the_facts_of_its_machine(tmp_path: Path) -> None:
    trace = import_text(report(tmp_path / "sos", FIRST, SOS))
    assert times_of(trace) == [NOON]
    assert trace.deltas["delta"].sum() == 0
    host = trace.info.host
    assert (host.host, host.kernel, host.arch) == ("db7", "6.1.0-9-amd64", "x86_64")
    assert host.boot == "0b0c7f3e-aaaa-bbbb-cccc-000000000000"
    assert (host.cpus_online, host.cpus_possible) == ((0, 1), (0, 1))
    assert trace._meta["baselines"]["count"] == [11, 500, 70, 1_000, 2_000, 33, 44]
    assert conserved(trace)
    assert irqtrace.rates(trace)["rate"].null_count() == len(irqtrace.rates(trace))
    assert "1 read, 2026-01-06 12:00:00.000 UTC, db7" in repr(trace)


def test_reports_of_two_starts_are_an_error_that_says_what_tells(tmp_path: Path) -> None:
    at = {"hostname": "db7\n", "date": "1767700800\n"}
    later = {**at, "date": "1767787200\n"}

    def told(first: dict[str, str], second: dict[str, str]) -> str:
        sources = [report(tmp_path / "one", FIRST, first), report(tmp_path / "two", SECOND, second)]
        with pytest.raises(ValueError, match=r"two: .*one .*started anew") as caught:
            import_text(sources)
        shutil.rmtree(tmp_path)
        return str(caught.value)

    older, newer = SOS["uname"], SOS["uname"].replace("6.1.0-9", "6.1.0-12")
    assert '"6.1.0-12-amd64"' in told({**at, "uname": older}, {**later, "uname": newer})
    stat = "cpu 1 2\nbtime {}\n"
    assert "btime" in told(
        {**at, "proc/stat": stat.format(17 * 10**8)}, {**later, "proc/stat": stat.format(1767787000)}
    )
    # A clock that was set moves it a little.
    near = [
        report(tmp_path / name, one, {**files, "proc/stat": stat.format(btime)})
        for name, one, files, btime in (("a", FIRST, at, 1767700000), ("b", SECOND, later, 1767700002))
    ]
    assert len(times_of(import_text(near))) == 2


def test_a_report_that_names_no_machine_may_be_of_any(tmp_path: Path) -> None:
    first = report(tmp_path / "one", FIRST, {"date": "1767700800\n"})
    second = report(tmp_path / "two", SECOND, {"date": "1767787200\n", "hostname": "db7\n"})
    third = report(tmp_path / "three", THIRD, {"date": "1767873600\n", "hostname": "db7.example.com\n"})
    assert import_text([first, second]).info.host.host == "db7"
    with pytest.raises(ValueError, match=r"three: is of the host .*--host"):
        import_text([first, second, third])
    assert import_text([first, second, third], host="db7").info.host.host == "db7"


def test_several_sosreports_of_one_start_are_a_series_and_rough(tmp_path: Path) -> None:
    first = report(tmp_path / "all/one", FIRST, SOS)
    report(tmp_path / "all/two", SECOND, {**SOS, "sos_commands/date/date_--utc": "Tue Jan  6 15:00:00 UTC 2026\n"})
    trace = import_text(tmp_path / "all")
    assert times_of(trace) == after_noon(0, 3 * 3_600)
    assert [warning.type for warning in trace.warnings] == ["rough_times"]
    assert import_text(first).warnings == ()
    anew = {**SOS, "proc/sys/kernel/random/boot_id": "1\n", "sos_commands/date/date_--utc": "1767780000\n"}
    third = report(tmp_path / "three", THIRD, anew)
    with pytest.raises(ValueError, match=r"three: has the boot id .*started anew"):
        import_text([first, third])
    other = report(tmp_path / "four", THIRD, {**SOS, "hostname": "db8\n", "date": "1767780000\n"})
    with pytest.raises(ValueError, match=r"four: is of the host \"db8\".*\"db7\""):
        import_text([first, other])


def test_a_report_without_a_date_asks_for_its_time(tmp_path: Path) -> None:
    sos = report(tmp_path / "sos", FIRST, {})
    with pytest.raises(ValueError, match=r"sos: the report has no time in any of .*date.*--at"):
        import_text(sos)
    (sos / "date").write_text("\n")
    with pytest.raises(ValueError, match=r"sos: the report has no time in any of"):
        import_text(sos)
    trace = import_text({"2026-01-06T12:00:00Z": sos}, host="db9")
    assert (times_of(trace), trace.info.host.host) == ([NOON], "db9")
    (sos / "date").write_text("mar. 6 janv. 2026 12:00:00 CET\n")
    with pytest.raises(ParseError, match=r"sos/date: line 1, .*English.*--at"):
        import_text(sos)
    (sos / "proc/softirqs").write_text("")
    with pytest.raises(ParseError, match=r"proc/softirqs: line 1, byte 0: empty: remove it"):
        import_text(sos)


@pytest.mark.parametrize("behind", [".500000000", "500000000"])
def test_a_number_with_a_fraction_or_of_more_digits_than_a_date_is_asked_nothing(tmp_path: Path, behind: str) -> None:
    numbers = [f"{seconds}{behind}" for seconds in (1_701_061_200, 1_701_061_210)]
    trace = import_text(saved(tmp_path / "a.log", log_text(numbers, (FIRST, SECOND))))
    assert [time.timestamp() for time in times_of(trace)] == [1_701_061_200.5, 1_701_061_210.5]


@pytest.mark.parametrize(
    "numbers", [("2601061200", "2601061201"), ("1106120000", "1106120100"), ("2026010612", "2026010613")]
)
def test_numbers_that_may_as_well_be_dates_are_taken_for_seconds_only_when_asked_for(
    tmp_path: Path, numbers: tuple[str, str]
) -> None:
    texts = (FIRST, SECOND)
    log = saved(tmp_path / "a.log", log_text(list(numbers), texts))
    named = [
        saved(tmp_path / "names" / f"i-{number}", one.interrupts) for number, one in zip(numbers, texts, strict=True)
    ]
    folders = [saved(tmp_path / "folders" / path.name / "i", path.read_text()) for path in named]
    by_hand = dict(zip(numbers, named, strict=True))
    sos = report(tmp_path / "sos", FIRST, {"date": numbers[0]})
    with pytest.raises(ParseError, match=rf"a\.log: line 1, byte 0: {numbers[0]} may be .* 1970, .*--since-1970"):
        import_text(log)
    with pytest.raises(ParseError, match=rf"sos/date: line 1, byte 0: {numbers[0]} may be .* 1970, .*--since-1970"):
        import_text(sos)
    for source in (named, folders, named[0].parent, folders[0].parents[1], by_hand, {numbers[0]: sos}):
        with pytest.raises(ValueError, match=rf"{numbers[0]} may be .* in seconds since 1970, .*--since-1970"):
            import_text(source)  # type: ignore[arg-type]
    seconds = [datetime.fromtimestamp(int(number), UTC) for number in numbers]
    for source in (log, named, folders, by_hand):
        assert times_of(import_text(source, since_1970=True)) == seconds  # type: ignore[arg-type]
    assert times_of(import_text({f"@{numbers[0]}": named[0]})) == seconds[:1], "as `date --date` takes it"
    path = tmp_path / "t.parquet"
    assert run(log, "-o", path, "--quiet") == 1
    assert run(log, "-o", path, "--quiet", "--since-1970") == 0
    assert times_of(open_trace(path)) == seconds


def test_one_number_of_a_capture_that_is_no_date_tells_that_all_are_seconds(tmp_path: Path) -> None:
    numbers = [str(1801061239 + after) for after in UNEVEN]
    expected = [datetime.fromtimestamp(int(number), UTC) for number in numbers]
    assert times_of(import_text(saved(tmp_path / "a.log", log_text(numbers)))) == expected
    copies = [
        saved(tmp_path / "copies" / f"i-{number}", one.interrupts) for number, one in zip(numbers, SERIES, strict=True)
    ]
    assert times_of(import_text(copies)) == expected
    assert times_of(import_text(dict(zip(numbers, copies, strict=True)))) == expected
    # Other folders are other captures.
    alone = saved(tmp_path / "alone" / "i-1801061240", FIRST.interrupts)
    with pytest.raises(ValueError, match=r"alone/i-1801061240: 1801061240 may be .*since-1970"):
        import_text([*copies, alone])


# --- what is refused


def test_a_clock_that_runs_backwards_is_an_error_with_both_times(tmp_path: Path) -> None:
    log = saved(tmp_path / "a.log", log_text(["1767700800", "1767700860", "1767700859"]))
    with pytest.raises(ParseError, match=r"12:00:59Z here, after 2026-01-06T12:01:00Z in line 8") as caught:
        import_text(log)
    assert (caught.value.path, caught.value.line) == (str(log), 15)


def test_two_texts_of_one_time_are_one_sample_unless_they_are_of_one_kind(tmp_path: Path) -> None:
    # Each text with a `date` of its own, which is done within the second.
    parts = [
        f"{NOON_S + after}\n{one.interrupts}{NOON_S + after}\n{one.softirqs}"
        for after, one in zip(UNEVEN, SERIES, strict=True)
    ]
    trace = import_text(saved(tmp_path / "a.log", "".join(parts)))
    assert times_of(trace) == after_noon(*UNEVEN)
    assert counted(trace) == GROWN
    log = saved(tmp_path / "b.log", log_text(["1767700800", "1767700860", "1767700860"]))
    with pytest.raises(ParseError, match=r"b\.log: line 15, .* as line 8 is: two texts of one kind .* finer.*%s\.%N"):
        import_text(log)


def test_what_is_no_capture_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnavailable, match=r"empty: the folder holds no files; give one"):
        import_text(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        import_text(tmp_path / "nowhere")
    masked = saved(tmp_path / "masked-1767700800", "")
    with pytest.raises(ParseError, match=r"masked-1767700800: line 1, byte 0: empty.*container"):
        import_text(masked)
    shutil.make_archive(str(tmp_path / "sos"), "gztar", tmp_path / "empty")
    with pytest.raises(SourceUnavailable, match=r"sos\.tar\.gz: is packed or binary.*unpack"):
        import_text(tmp_path / "sos.tar.gz")
    lz4, seven_zip = b"\x04\x22\x4d\x18d@\xa7", b"7z\xbc\xaf\x27\x1c\0\x04"
    utf_16 = (FIRST.interrupts.encode(form) for form in ("utf-16", "utf-16-le", "utf-16-be"))
    for at, packed in enumerate((lz4, seven_zip, *utf_16)):
        (tmp_path / f"packed{at}").write_bytes(packed)
        with pytest.raises(SourceUnavailable, match=rf"packed{at}: is packed or binary.*UTF-8"):
            import_text(tmp_path / f"packed{at}")
    os.mkfifo(tmp_path / "pipe-1767700800")
    with pytest.raises(SourceUnavailable, match="no regular file"):
        import_text(tmp_path / "pipe-1767700800")
    with pytest.raises(ValueError, match="no source"):
        import_text([])
    with pytest.raises(TypeError, match="path of a file"):
        import_text([3])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="path of a file or folder, and not int"):
        import_text(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"names.*mtimes"):
        import_text(masked, times="dates")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"within: 3\.00 s is not from 0 to 2 s"):
        import_text(masked, within="3s")
    cut = saved(tmp_path / "cut-1767700800", FIRST.interrupts[:-30])
    for copies in (cut, {"1767700800": cut}):
        with pytest.raises(ParseError, match=r"cut-1767700800: line 1, byte 0: the text ends within a line"):
            import_text(copies)  # type: ignore[arg-type]


def begun_with(line: str) -> Callable[[str], str]:
    """Puts a line in the place of the first time."""
    return lambda log: line + "\n" + log.partition("\n")[2]


BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "words between": (
        lambda log: log.replace("1767700860\n", "uptime says hello\n1767700860\n"),
        "line 8, byte .*a row needs a label",
    ),
    "words after a time": (
        lambda log: log.replace("1767700860\n", "1767700860\nLinux db7\n"),
        "line 9, byte .*neither a time",
    ),
    "no %N": (lambda log: log.replace("1767700800\n", "1767700800.\n"), "line 1, byte 0: .*knows no %N"),
    **{
        f"{line} before a text": (begun_with(line), "line 1, .*neither a time in a form")
        for line in (
            "mar. 6 janv. 2026 12:00:00 CET",
            "06/01/2026 12:00:00",
            "date: 1767700800",
            "root@db7:~# cat /proc/interrupts",
            "Every 1.0s: cat /proc/interrupts   db7: Tue Jan  6 12:00:00 2026",
            " 12:00:00 up 3 days, load average: 0.1",
            "MemTotal:  16318480 kB\nMemFree: 12 kB",
        )
    },
    "no first time": (lambda log: log.partition("\n")[2], "line 1, byte 0: a text before the first time"),
    "no text": (lambda log: log + "1767700900\n", "line 22, byte .*a time without a text"),
    "times behind texts": (
        lambda log: log.partition("\n")[2] + "1767700890\n",
        "line 21, byte .*a time behind a text: each has to stand before its text",
    ),
    "two texts": (
        lambda log: log.replace("1767700860\n", "\n---\n"),
        "line 10, byte .*second text of /proc/interrupts under one",
    ),
    "cut off within a line": (lambda log: log[:-20], "line 15, byte .*ends within a line"),
    "cut off between lines": (
        lambda log: "".join(log.splitlines(keepends=True)[:18] + log.splitlines(keepends=True)[19:]),
        "line 16, byte .*first 2 of the 3 rows",
    ),
    "damaged at its end": (lambda log: log[:-20] + "\n", "line .*if the capture was cut off in this text"),
    "a count that is none": (lambda log: log.replace(" 500 ", " 5x0 ", 1), "line 4, byte 112: not a count"),
    "two times in one line": (
        lambda log: log.replace("1767700860\n", "1767700861767700870\n"),
        "line 8, byte .*1767700861767700870 has 19 digits, and the number of line 1 has 10",
    ),
    "to the minute": (lambda log: log.replace("1767700860\n", "2026-01-06 12:01Z\n"), "line 8, byte .*no seconds"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_whatever_else_stands_in_a_log_is_an_error_with_its_place(tmp_path: Path, what: str) -> None:
    breaks, told = BROKEN[what]
    log = saved(tmp_path / "a.log", breaks(log_text(["1767700800", "1767700860", "1767700890"])))
    with pytest.raises(ParseError, match=rf"a\.log: {told}"):
        import_text(log)


def test_texts_of_two_machines_are_an_error_that_names_both(tmp_path: Path) -> None:
    def told(first: Captured | str, second: Captured | str) -> str:
        texts = [one if isinstance(one, str) else one.interrupts + one.softirqs for one in (first, second)]
        paths = [saved(tmp_path / f"text-{NOON_S + 60 * at}", text) for at, text in enumerate(texts)]
        with pytest.raises(ParseError, match=r"another machine|two machines") as caught:
            import_text(paths)
        assert caught.value.path == str(paths[1])
        return str(caught.value)

    assert "LOC of CPU 0 fell from 1280 to 1" in told(THIRD, Captured({name: [1, 1] for name in FIRST.counts}))
    fallen = FIRST.softirqs.replace("33", " 3").replace("44", " 4")
    assert "2 of the 2 counts" in told(FIRST.softirqs, fallen)
    assert "all CPUs" in told(FIRST, FIRST.interrupts + "                    CPU0\n      NET_RX:         99\n")
    arm = (
        "           CPU0       CPU1\n 24:          9          9  GICv3  27 Level     arch_timer\n"
        "IPI0:         9          9       Rescheduling interrupts\n"
    )
    assert "no lettered line in common" in told(FIRST.interrupts, arm)
    many = "           CPU0\n" + "".join(f" {n}: {n:>10}  IO-APIC   {n}-edge      dev{n}\n" for n in range(10, 16))
    assert "stand for something else" in told(many, many.replace("IO-APIC", "PCI-MSI").replace("dev", "other"))
    wide = FIRST.interrupts.replace("CPU1", "CPU7")
    assert "CPU 7 is in" in told(FIRST, wide)


def test_drivers_and_cpus_that_come_and_go_are_no_other_machine(tmp_path: Path) -> None:
    one_cpu = (
        "           CPU0       \n 24:        111  IO-APIC   5-edge      eth0\n"
        "LOC:       1250   Local timer interrupts\n"
    )
    anew = SECOND.interrupts.replace("        111          0", "          1          0")
    texts = [FIRST.interrupts, one_cpu, SECOND.interrupts, anew]
    paths = [saved(tmp_path / f"text-{NOON_S + 60 * at}", text) for at, text in enumerate(texts)]
    with pytest.raises(ParseError, match="given twice"):
        import_text([*paths, paths[0]])
    trace = import_text(paths)
    assert {warning.type for warning in trace.warnings} == {"layout_changed", "reset"}
    assert conserved(trace)


def test_a_driver_that_is_loaded_anew_is_no_start_of_the_machine(tmp_path: Path) -> None:
    def text(devices: int, timer: int) -> str:
        rows = "".join(f" {n}: {devices:>10}  IO-APIC   {n}-edge      dev{n}\n" for n in range(10, 14))
        return f"           CPU0\n{rows}LOC: {timer:>10}   Local timer interrupts\n"

    log = saved(tmp_path / "a.log", f"1767700800\n{text(500, 9_000)}1767700810\n{text(2, 9_100)}")
    assert counted(import_text(log)) == {"Local timer interrupts": 100}
    log.write_text(f"1767700800\n{text(500, 9_000)}1767700810\n{text(600, 8_999)}")
    with pytest.raises(ParseError, match=r"line 9, .*started anew between them: LOC of CPU 0 fell from 9000 to 8999"):
        import_text(log)


def numbered(rows: list[tuple[int, int, str]], own: dict[str, list[int]]) -> str:
    """A text of devices, each with its number and count, and of the kernel's own counts."""
    devices = "".join(
        f" {number}: {count:>10}          0  PCI-MSIX-{name}      {name}\n" for number, count, name in rows
    )
    kernels = "".join(f"{irq}: {a:>10} {b:>10}   {irq} interrupts\n" for irq, (a, b) in own.items())
    return f"           CPU0       CPU1\n{devices}{kernels}"


OWN = {"LOC": [100_000, 90_000], "RES": [50_000, 50_000], "TLB": [5_000, 5_000]}
DEVICES = [(24, 1_000, "mlx0"), (25, 1_000, "mlx1"), (32, 2_000, "nvme0"), (33, 2_000, "nvme1")]
SWAPPED = [(24, 3, "nvme0"), (25, 3, "nvme1"), (32, 5, "mlx0"), (33, 5, "mlx1")]


def test_devices_that_swap_their_numbers_are_of_one_machine_where_the_kernels_own_counts_go_on(tmp_path: Path) -> None:
    def log(own: dict[str, list[int]]) -> Path:
        texts = [numbered(DEVICES, OWN), numbered(SWAPPED, own)]
        return saved(tmp_path / "a.log", f"1767700800\n{texts[0]}1767700900\n{texts[1]}")

    trace = import_text(log({"LOC": [100_100, 90_100], "RES": [50_100, 50_000], "TLB": [5_100, 5_000]}))
    assert counted(trace) == {"LOC interrupts": 200, "RES interrupts": 100, "TLB interrupts": 100}
    assert conserved(trace)
    tenth_more = {irq: [count * 11 // 10 for count in counts] for irq, counts in OWN.items()}
    one_fell = {**OWN, "RES": [49_999, 50_000]}
    # The timer has gone on in all machines that were started together.
    only_timer = {**tenth_more, "LOC": [100_100, 90_100]}
    for own in (tenth_more, one_fell, only_timer):
        with pytest.raises(
            ParseError, match=r"stand for something else.*import each by itself, or give .*--same-machine"
        ):
            import_text(log(own))
        assert len(times_of(import_text(log(own), same_machine=True))) == 2
    fallen = {**OWN, "LOC": [99_999, 90_100]}
    with pytest.raises(ParseError, match=r"LOC of CPU 0 fell from 100000 to 99999; import each by itself$"):
        import_text(log(fallen), same_machine=True)


def test_whether_a_driver_began_anew_is_asked_where_the_kernels_own_counts_are_not_there(tmp_path: Path) -> None:
    texts = [numbered([(24, count, "eth0"), (25, count, "eth0-rx")], {}) for count in (5_000, 3)]
    log = saved(tmp_path / "a.log", f"1767700800\n{texts[0]}1767700810\n{texts[1]}")
    with pytest.raises(ParseError, match=r"2 of the 2 counts that were above 0 have fallen; .*--same-machine"):
        import_text(log)
    trace = import_text(log, same_machine=True)
    assert {warning.type for warning in trace.warnings} == {"reset", "layout_changed"}
    assert conserved(trace)
    assert run(log, "-o", tmp_path / "t.parquet", "--quiet", "--same-machine") == 0


def test_the_last_device_of_a_text_without_other_lines_may_go(tmp_path: Path) -> None:
    texts = [numbered(DEVICES[:left], {}) for left in (3, 2)]
    log = saved(tmp_path / "a.log", f"1767700800\n{texts[0]}1767700810\n{texts[1]}")
    trace = import_text(log)
    assert [warning.type for warning in trace.warnings] == ["layout_changed"]
    assert trace.lines["last_sample"].to_list() == [None, None, 0]


def test_texts_whose_order_is_not_known_are_an_error_where_it_matters(tmp_path: Path) -> None:
    grown = [FIRST.grown(eth0=[by, 0]) for by in (0, 5, 40, 9)]
    times = [f"{NOON_S - 1}.5", f"{NOON_S}.5", f"{NOON_S + 1}.5"]
    log = saved(tmp_path / "a.log", log_text(times, tuple(grown[:3]), softirqs=False))
    # It was read at 0.8, of which its name tells the second.
    copy = saved(tmp_path / f"copy-{NOON_S}", grown[3].interrupts)
    with pytest.raises(ParseError, match=rf"a\.log: line 7, .*before or after .*copy-{NOON_S}, line 1 is not known"):
        import_text([log, copy])
    copy.write_text(grown[1].interrupts)
    assert counted(import_text([log, copy])) == {"eth0": 40}


@pytest.mark.parametrize(
    ("apart", "high", "low"), [(60, 2**32 - 100, 1_000), (300, 3 * 10**9, 17), (3_600, 2**32 - 1, 0)]
)
def test_each_count_that_is_taken_to_have_wrapped_is_told(tmp_path: Path, apart: int, high: int, low: int) -> None:
    texts = tuple(Captured({**FIRST.counts, "eth0": [count, 0]}) for count in (high, low))
    trace = import_text(saved(tmp_path / "a.log", log_text([str(NOON_S), str(NOON_S + apart)], texts)))
    assert counted(trace) == {"eth0": 2**32 - high + low}
    (warning,) = trace.warnings
    assert warning.type == "long_wraps"
    assert "once" in warning.message
    assert "begun anew" in warning.message


def test_two_times_by_hand_that_are_swapped_are_told(tmp_path: Path) -> None:
    before, after = (saved(tmp_path / name, one.interrupts) for name, one in (("b", FIRST), ("a", SECOND)))
    with pytest.raises(ParseError, match="their two times are swapped"):
        import_text({"1767700800": after, "1767701100": before})


def test_nothing_is_overwritten_unless_it_is_asked_for(tmp_path: Path) -> None:
    log = saved(tmp_path / "a.log", log_text(["1767700800", "1767700860", "1767700890"]))
    path = saved(tmp_path / "t.parquet", "kept")
    with pytest.raises(FileExistsError):
        import_text(log, path=path)
    broken = saved(tmp_path / "b.log", log.read_text() + "more\n")
    with pytest.raises(ParseError):
        import_text(broken, path=path, overwrite=True)
    assert path.read_text() == "kept"
    kept = log.read_text()
    with pytest.raises(ValueError, match="would replace this source"):
        import_text(log, path=log, overwrite=True)
    assert log.read_text() == kept
    assert counted(import_text(log, path=path, overwrite=True)) == GROWN
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.log", "b.log", "t.parquet"]


# --- irregular traces


@pytest.fixture
def irregular(tmp_path: Path) -> Trace:
    """Three reads, with 60 and 127 s between them."""
    log = saved(tmp_path / "a.log", log_text([str(NOON_S + after) for after in UNEVEN]))
    return import_text(log, host="db7")


def test_nothing_is_late_or_missed_where_nothing_was_due(irregular: Trace, tmp_path: Path) -> None:
    irregular.write(tmp_path / "t.parquet")
    for trace in (irregular, open_trace(tmp_path / "t.parquet"), irregular.slice("60s"), irregular.slice(None, "61s")):
        assert trace.info.irregular
        assert trace.samples["late_ns"].null_count() == len(trace.samples)
        assert all(group.missed == 0 for group in trace.info.groups)
        assert trace.warnings == ()
        told = irqtrace.quality(trace)
        for column in ("interval_ns", "expected", "missed", "missed_share", "late_p50_ns", "late_max_ns", "cpu_share"):
            assert told[column].null_count() == len(told)
        assert told["reads"].to_list() == [len(trace.samples) // 3] * 3
        assert "missed" not in repr(trace)
        assert conserved(trace)
    assert_frame_equal(irregular.frame(), open_trace(tmp_path / "t.parquet").frame(), categorical_as_str=True)


@pytest.mark.parametrize("after", [UNEVEN, (0, 1, 604_801), (0, 10, 20), (0, 0.9, 3.7)])
def test_the_flat_table_of_an_imported_trace_is_told_apart_by_its_rows(
    tmp_path: Path, after: tuple[float, float, float]
) -> None:
    text = log_text([f"{NOON_S + seconds:.3f}" for seconds in after])
    trace = import_text(saved(tmp_path / "a.log", text), path=tmp_path / "t.parquet")
    every = timedelta(microseconds=trace.info.interval_ns // 1_000)
    for flat in (trace.frame(), pl.scan_parquet(tmp_path / "t.parquet"), pl.read_parquet(tmp_path / "t.parquet")):
        for analysis in (irqtrace.rates, irqtrace.imbalance):
            for length in (None, every, every * 3):
                assert_frame_equal(analysis(flat, length), analysis(trace, length), categorical_as_str=True)
        assert_frame_equal(irqtrace.storms(flat), irqtrace.storms(trace), categorical_as_str=True)
        with pytest.raises(ValueError, match="jitter is told by reads on a grid"):
            irqtrace.jitter(flat)
    for part in (trace.slice(f"{after[1]}s"), trace.slice(None, f"{after[2]}s")):
        counts = irqtrace.rates(part.frame(), every * 4, ())["count"]
        assert len(counts) <= len(part.samples["sample"].unique()) == 2
        assert counts.null_count() == 0


@pytest.mark.parametrize("seed", range(20))
def test_any_rows_of_an_imported_trace_fit_a_numbering_of_captured_texts(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    times = sorted({chance.choice([chance.randrange(10**12), 10**9 * chance.randrange(1_000)]) for _ in range(30)})
    interval = min(later - time for time, later in pairwise(times))
    rows = [(NOON_S * 10**9 + time, (time - times[0]) // interval) for time in times]
    for kept in (rows, rows[3:], chance.sample(rows, 5), rows[::4]):
        ordered = sorted(kept)
        table = pl.DataFrame(ordered, schema={"time": TIME, "sample": pl.Int64}, orient="row")
        found = numbering(table.with_columns(kind=pl.lit("irq"), engine=pl.lit("replay")).lazy())
        assert found is not None
        interval_ns, t0_ns = found
        assert [(time - t0_ns) // interval_ns for time, _ in ordered] == [sample for _, sample in ordered]
    assert numbering(
        pl.DataFrame(rows, schema={"time": TIME, "sample": pl.Int64}, orient="row")
        .with_columns(kind=pl.lit("irq"), engine=pl.lit("replay"))
        .lazy()
    ) == (interval, rows[0][0])


def test_a_slice_has_the_reads_that_began_in_it(irregular: Trace) -> None:
    parts = [irregular.slice(None, "60s"), irregular.slice("60s", "187s"), irregular.slice("187s")]
    assert [times_of(part) for part in parts] == [[at] for at in after_noon(*UNEVEN)]
    assert [counted(part).get("eth0", 0) for part in parts] == [0, 100, 5]
    assert counted(irregular.slice("186999999999ns", "187000000001ns")) == {
        "eth0": 5,
        "nvme0q1": 2,
        "Local timer interrupts": 60,
    }


def test_rates_have_bounds_that_the_times_of_the_texts_allow(irregular: Trace) -> None:
    rows = irqtrace.rates(irregular, by="name").filter(name="eth0").to_dicts()
    # A time to the second, and a tenth to read.
    (row,) = rows
    assert row["rate"] == pytest.approx(105 / 187)
    assert row["rate_lo"] == pytest.approx(105 / 188.1, abs=1e-6)
    assert row["rate_hi"] == pytest.approx(105 / 185.9, abs=1e-6)
    windows = irqtrace.rates(irregular, "60s", by="name").filter(name="eth0")
    assert windows["count"].to_list() == [0, 100, 5], "where no read was due, there is nothing to tell"
    assert windows["time"].to_list() == after_noon(0, 60, 180)
    assert windows["rate"].to_list()[1:] == pytest.approx([100 / 60, 5 / 127])


def test_the_end_is_that_of_the_last_read(irregular: Trace) -> None:
    assert irregular.info.duration == timedelta(seconds=187 + 1.1)
    assert times_of(irregular.slice("-2s")) == after_noon(187)
    assert times_of(irregular.slice("-128.2s")) == after_noon(60, 187)
    assert times_of(irregular.slice(None, "-1s")) == after_noon(*UNEVEN)
    part = irregular.slice("60s")
    assert (part.info.begin_ns, part.info.end_ns) == ((NOON_S + 60) * 10**9, irregular.info.end_ns)


def steady(path: Path, apart: float, begin: float, *, reads: int, rate: float = 1_000, storm: int = 0) -> Trace:
    """So many interrupts a second, as `date +%s; cat` sees them every so many seconds; and in the middle some more."""
    seconds = [begin + at * apart for at in range(reads)]
    grown = [int(rate * after) + storm * (at >= reads // 2) for at, after in enumerate(seconds)]
    timer = [[int(250 * after)] * 2 for after in seconds]
    texts = tuple(FIRST.grown(eth0=[count, 0], LOC=ticks) for count, ticks in zip(grown, timer, strict=True))
    return import_text(saved(path, log_text([str(NOON_S + int(after)) for after in seconds], texts)))


@pytest.mark.parametrize("apart", [1.05, 1.6, 10.003, 10.4, 10.6, 60.7])
def test_times_to_the_second_make_no_storms(tmp_path: Path, apart: float) -> None:
    assert irqtrace.storms(steady(tmp_path / "a.log", apart, 0.3, reads=200)).is_empty()
    if apart > 10:
        (found,) = irqtrace.storms(steady(tmp_path / "b.log", apart, 0.3, reads=200, storm=20_000)).to_dicts()
        assert found["name"] == "eth0"
        assert found["count"] > 20_000


def test_times_to_the_second_make_no_difference(tmp_path: Path) -> None:
    before = steady(tmp_path / "a.log", 10.04, 0.1, reads=21)
    same = irqtrace.compare(before, steady(tmp_path / "b.log", 10, 1_000.1, reads=21))
    assert not same["significant"].any()
    assert same.select((pl.col("ratio_lo") < 1).all() & (pl.col("ratio_hi") > 1).all()).item()
    more = irqtrace.compare(before, steady(tmp_path / "c.log", 10, 1_000.1, reads=21, rate=1_020))
    assert more.filter(pl.col("significant"), change="faster")["name"].to_list() == ["eth0"]


def test_windows_are_as_many_as_there_are_reads_in_them_and_no_more_than_fit(tmp_path: Path) -> None:
    day_s = 86_400
    log = saved(tmp_path / "a.log", log_text([f"{NOON_S + after}" for after in (0, 60, 365 * day_s)]))
    trace = import_text(log)
    assert irqtrace.rates(trace, every="1m", by="name").filter(name="eth0").height == 3
    assert irqtrace.imbalance(trace, every="1m").filter(name="eth0")["total"].to_list() == [0, 100, 5]
    log.write_text(log_text([f"{NOON_S}.000000000", f"{NOON_S}.000000001", f"{NOON_S + 365 * day_s}.000000000"]))
    fast = import_text(log)
    for analysis in (irqtrace.rates, irqtrace.imbalance, irqtrace.storms):
        with pytest.raises(ValueError, match=r"every 1ns makes 31,536,000,\d+,\d+,\d+ windows .*; take 320ms or more"):
            analysis(fast, every="1ns")


def test_texts_that_follow_fast_have_no_upper_bound_where_nobody_can_know_it(tmp_path: Path) -> None:
    log = saved(tmp_path / "a.log", log_text([f"1767700800.{at}00" for at in range(3)]))
    trace = import_text(log, within="2s")
    ends = trace.samples.select(end=pl.col("time").dt.epoch("ns") + pl.col("read_ns"))["end"].unique().sort()
    noon_ns = NOON_S * 10**9
    # Each was read before the next time was written.
    assert ends.to_list() == [noon_ns + 100_999_999, noon_ns + 200_999_999, noon_ns + 2_200_999_999]
    assert irqtrace.rates(trace, "100ms", by="name").filter(name="eth0")["rate_hi"].to_list()[1] is None


def test_jitter_asks_for_a_grid_and_a_report_does_without(irregular: Trace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="grid"):
        irqtrace.jitter(irregular)
    told = irqtrace.report(irregular)
    assert told.jitter is None
    assert "How regularly" not in repr(told)
    assert "rates" in json.loads(told.to_json())
    recorded = open_trace(small_trace().save(tmp_path / "r.parquet"))
    both = irqtrace.report([irregular, recorded])
    assert_frame_equal(both.jitter, irqtrace.report(recorded).jitter, categorical_as_str=True)  # type: ignore[arg-type]


def test_other_analyses_take_irregular_traces(irregular: Trace) -> None:
    assert irqtrace.imbalance(irregular).filter(name="eth0")["total"].to_list() == [105]
    assert irqtrace.storms(irregular).is_empty()
    assert irqtrace.interference(irregular, cpus=[1]).filter(name="NET_RX")["count"].to_list() == [7]
    after = irregular.slice("60s")
    assert set(irqtrace.compare(irregular, after)["name"]) == {"eth0", "nvme0q1", "Local timer interrupts", "NET_RX"}


def test_windows_of_storms_are_as_wide_as_reads_are_apart(tmp_path: Path) -> None:
    machine, texts, times = FIRST, [], []
    for at in range(40):
        times.append(NOON_S + 60 * at + (at == 1) * -59 + (at > 30) * 10**7)
        machine = machine.grown(eth0=[{1: 1, 20: 10_000}.get(at, 60), 0], LOC=[6_000, 6_000])
        texts.append(machine)
    log = saved(tmp_path / "a.log", log_text([str(at) for at in times], tuple(texts)))
    trace = import_text(log)
    assert trace.info.interval_ns == 10**9
    (storm,) = irqtrace.storms(trace).filter(pl.col("name") == "eth0").to_dicts()
    assert storm["count"] >= 10_000


def test_a_file_of_before_there_were_irregular_traces_is_on_a_grid(make_trace: Callable[..., Trace]) -> None:
    trace = make_trace()
    assert not trace.info.irregular
    assert trace.samples["late_ns"].null_count() == 0


# --- the command


def run(*arguments: str | Path) -> int:
    return main(["import", *map(str, arguments)])


def test_the_command_writes_a_trace_and_prints_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = saved(tmp_path / "a.log", log_text([str(NOON_S + after) for after in UNEVEN]))
    path = tmp_path / "t.parquet"
    assert run(log, "-o", path, "--host", "db7") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "187 s in 3 reads on db7, 2 CPUs" in said.out
    assert "eth0" in said.out
    assert str(path) in said.out
    assert "late" not in said.out
    assert counted(open_trace(path)) == GROWN
    assert run(log, "-o", path) == 1
    assert "--force" in capsys.readouterr().err
    assert run(log, "-o", path, "--force", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert main(["report", str(path)]) == 0
    assert main(["quality", str(path)]) == 0
    assert main(["jitter", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_command_takes_a_pair_with_its_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (saved(tmp_path / name, one.interrupts) for name, one in (("b", FIRST), ("a", SECOND)))
    path = tmp_path / "t.parquet"
    at: list[str | Path] = ["--at", "2026-01-06 13:00:00", before, "--at", "2026-01-06 13:05:00", after]
    assert run(*at, "-o", path) == 2
    assert "--zone" in capsys.readouterr().err
    assert run(*at, "-o", path, "--zone", "Europe/Berlin") == 0
    assert times_of(open_trace(path)) == after_noon(0, 300)
    assert run("-o", path, "--force") == 2
    assert "no source" in capsys.readouterr().err


def test_a_folder_may_hold_the_trace_of_the_last_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "20260106-120000"
    saved(folder / "interrupts", FIRST.interrupts)
    monkeypatch.chdir(folder)
    for source in (".", "interrupts", b"interrupts"):
        assert times_of(import_text(source, zone="UTC")) == [NOON]
    assert run(".", "--zone", "UTC", "--quiet") == 0
    assert run(".", "--zone", "UTC", "--quiet", "--force") == 0
    assert run(".", "--zone", "UTC", "-o", "other.parquet") == 1
    assert "trace.parquet: is a Parquet file, as a trace is" in capsys.readouterr().err


def test_an_import_that_a_signal_ends_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = saved(tmp_path / "a.log", log_text(["1767700800"], (FIRST,)))

    def stopped(*_: object, **__: object) -> Trace:
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError

    monkeypatch.setattr("irqtrace.cli.importing.import_sources", stopped)
    assert run(log, "-o", tmp_path / "t.parquet") == 128 + signal.SIGTERM


def test_an_import_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    log = saved(tmp_path / "a.log", log_text(["1767700800"], (FIRST,)))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt(done, total)

    with pytest.raises(KeyboardInterrupt):
        import_text(log, path=tmp_path / "t.parquet", progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.log"]


# --- what there is


@pytest.mark.skipif(not Path("/proc/interrupts").exists(), reason="wants the running kernel's counters")
def test_a_loop_of_a_shell_is_imported_to_the_last_count(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    loop = "for n in 1 2 3 4; do date +%s.%N; cat /proc/interrupts; cat /proc/softirqs; done"
    log.write_text(subprocess.run(["/bin/sh", "-c", loop], check=True, capture_output=True, text=True).stdout)
    first_ns = time.time_ns()
    if not irqtrace.snapshot().height:
        pytest.skip("the counters are masked here")
    trace = import_text(log)
    assert len(times_of(trace)) == 4
    assert trace.samples["time"].dt.epoch("ns").max() < first_ns  # type: ignore[operator]
    assert conserved(trace)
    last = log.read_text().splitlines()
    at = [number for number, line in enumerate(last) if line.strip().startswith("CPU")][-2:]
    text = saved(tmp_path / "interrupts", "\n".join(last[at[0] : at[1]]) + "\n")
    counts = irqtrace.snapshot(interrupts=text).filter(pl.col("count") > 0)
    finals = pl.DataFrame(dict(trace._meta["finals"])).join(trace.lines.select("line", "kind"), on="line")
    assert finals.filter(pl.col("kind") != "softirq", pl.col("count") > 0)["count"].sum() == counts["count"].sum()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of texts of many machines is not here")
def test_each_text_of_the_corpus_is_a_read_or_the_parsers_error() -> None:
    texts = sorted(CORPUS.glob("interrupts/*.txt"))
    assert texts
    for text in texts:
        expected, wrong = snapshot_of(text)
        if expected is None:
            with pytest.raises(ParseError) as caught:
                import_text({"1767700800": text})
            assert str(caught.value) == wrong
            continue
        trace = import_text({"1767700800": text})
        assert len(trace.deltas) == len(expected)
        assert sum(trace._meta["baselines"]["count"]) == expected["count"].sum()


def snapshot_of(text: Path) -> tuple[pl.DataFrame | None, str]:
    """What the parser makes of a text, or what it says is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", irqtrace.IrqtraceWarning)
        try:
            return irqtrace.snapshot(interrupts=text), ""
        except ParseError as error:
            return None, str(error)
