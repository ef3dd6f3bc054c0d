"""What people have captured becomes the trace that a sampler would have recorded; what cannot be known is asked for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import irqtrace
from captured import (
    FIRST,
    GROWN,
    NOON,
    NOON_S,
    SECOND,
    SERIES,
    THIRD,
    UNEVEN,
    after_noon,
    counted,
    log_text,
    report,
    saved,
    times_of,
)
from checked import conserved
from irqtrace import ParseError, Trace, import_text, open_trace
from irqtrace.cli import main

CORPUS = Path(os.environ.get("IRQTRACE_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


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


def test_four_digits_behind_times_are_counters_where_those_of_one_are_no_offset(tmp_path: Path) -> None:
    def copies(*ends: str) -> Path:
        folder = tmp_path / "copies"
        shutil.rmtree(folder, ignore_errors=True)
        for at, (end, one) in enumerate(zip(ends, SERIES, strict=False)):
            saved(folder / f"i_20260106T12000{at}{end}", one.interrupts)
        return folder

    assert times_of(import_text(copies("-0000", "-0000", "-0000"))) == after_noon(0, 1, 2)
    counted = copies("-0000", "-0001", "-0002")
    with pytest.raises(ValueError, match=r"T120000-0000: .*--zone.*counter, since those of .*-0001 are no offset"):
        import_text(counted)
    an_hour_before = [at - timedelta(hours=1) for at in after_noon(0, 1, 2)]
    assert times_of(import_text(counted, zone="+01:00")) == an_hour_before
    assert times_of(import_text(copies("-0459", "-0500", "-0501"), zone="UTC")) == after_noon(0, 1, 2)


def test_a_number_in_a_name_that_is_yet_to_come_is_no_time_of_it(tmp_path: Path) -> None:
    case = saved(tmp_path / "case-4500012345-before.txt", FIRST.interrupts)
    folder = saved(tmp_path / "case-4500012345" / "before.txt", FIRST.interrupts)
    for path in (case, folder):
        with pytest.raises(ValueError, match=r"before.txt: 4500012345 in its name .*2112-08-0.*--at.*--times mtimes"):
            import_text(path)
    assert times_of(import_text({"2026-01-06T12:00:00Z": case})) == [NOON]
    assert len(times_of(import_text(case, times="mtimes"))) == 1
    assert times_of(import_text(case, since_1970=True)) == [datetime.fromtimestamp(4500012345, UTC)]
    soon = int(time.time()) + 80_000
    assert len(times_of(import_text(saved(tmp_path / f"i-{soon}", FIRST.interrupts)))) == 1


@pytest.mark.parametrize("form", ["%Y-%m-%d_%H:%M:%S", "%Y%m%d-%H%M%S", "%Y%m%d_%H%M%S", "%Y-%m-%d-%H:%M:%S"])
def test_a_log_may_have_times_as_names_have_them(tmp_path: Path, form: str) -> None:
    log = saved(tmp_path / "a.log", log_text([at.strftime(form) for at in after_noon(*UNEVEN)]))
    assert times_of(import_text(log, zone="UTC")) == after_noon(*UNEVEN)


def test_a_file_with_two_names_is_read_once(tmp_path: Path) -> None:
    first = saved(tmp_path / "copies" / "i-1767700800", FIRST.interrupts)
    last = saved(tmp_path / "copies" / "sub" / "i-1767700810", SECOND.interrupts)
    (tmp_path / "copies" / "a-latest").symlink_to(last)
    (tmp_path / "copies" / "latest").symlink_to(last)
    assert times_of(import_text(tmp_path / "copies")) == after_noon(0, 10)
    with pytest.raises(ParseError, match=r"i-1767700800: line 1, .*given twice"):
        import_text([tmp_path / "copies", first])
    elsewhere = saved(tmp_path / "i-1767700820", THIRD.interrupts)
    (tmp_path / "copies" / "i-1767700820").symlink_to(elsewhere)
    assert times_of(import_text(tmp_path / "copies")) == after_noon(0, 10, 20)
    (tmp_path / "copies" / "j-1767700820").symlink_to(elsewhere)
    with pytest.raises(ParseError, match=r"j-1767700820: .*given twice, also as .*copies/i-1767700820"):
        import_text(tmp_path / "copies")


def test_a_source_that_is_given_twice_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "one.log", log_text(["1767700800"], (FIRST,)))
    report(tmp_path / "sos", FIRST, SOS)
    for one in ("one.log", "sos"):
        with pytest.raises(ParseError, match=rf"{one}: line 1, byte 0: this was given twice, also as \./{one}"):
            import_text([f"./{one}", one])


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


def test_a_tree_without_a_date_has_the_time_of_its_folders_name_or_of_its_texts(tmp_path: Path) -> None:
    for at, one in zip(UNEVEN, SERIES, strict=True):
        tree = report(tmp_path / "all" / f"snap-{NOON_S + at}", one, {})
        for name in ("interrupts", "softirqs"):
            os.utime(tree / "proc" / name, (NOON_S + at + 3_600, NOON_S + at + 3_600))
    for times in (None, "names"):
        trace = import_text(tmp_path / "all", times=times)
        assert times_of(trace) == after_noon(*UNEVEN)
        assert counted(trace) == GROWN
        assert [warning.type for warning in trace.warnings] == ["rough_times"]
    trace = import_text(tmp_path / "all", times="mtimes", within="1s")
    assert times_of(trace) == after_noon(*(at + 3_599 for at in UNEVEN))
    assert counted(trace) == GROWN
    dated = report(tmp_path / f"snap-{NOON_S}", FIRST, {"date": "1767700801\n"})
    assert times_of(import_text(dated)) == after_noon(1)
    (tmp_path / "reports-1767700800").mkdir()
    sos = report(tmp_path / "reports-1767700800" / "sos", FIRST, {})
    with pytest.raises(
        ValueError, match=r"sos: the report has no time in any of .*nor in the name of its folder.*mtimes"
    ):
        import_text(sos)


def test_a_date_of_a_report_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    files = {"sos_commands/date/date_--utc": "mar. 6 janv. 2026 12:00:00 UTC\n", "date": "1767700800\n"}
    assert times_of(import_text(report(tmp_path / "sos", FIRST, files))) == [NOON]


def test_a_reports_text_with_a_time_is_told_to_be_a_log(tmp_path: Path) -> None:
    sos = report(tmp_path / "sos", FIRST, SOS)
    saved(sos / "proc" / "interrupts", f"1767700800\n{FIRST.interrupts}")
    with pytest.raises(ParseError, match=r"proc/interrupts: line 1, byte 0: a line with a time, .*as a log"):
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
    numbers = [str(1701061239 + after) for after in UNEVEN]
    expected = [datetime.fromtimestamp(int(number), UTC) for number in numbers]
    assert times_of(import_text(saved(tmp_path / "a.log", log_text(numbers)))) == expected
    copies = [
        saved(tmp_path / "copies" / f"i-{number}", one.interrupts) for number, one in zip(numbers, SERIES, strict=True)
    ]
    assert times_of(import_text(copies)) == expected
    assert times_of(import_text(dict(zip(numbers, copies, strict=True)))) == expected
    # Other folders are other captures.
    alone = saved(tmp_path / "alone" / "i-1701061240", FIRST.interrupts)
    with pytest.raises(ValueError, match=r"alone/i-1701061240: 1701061240 may be .*since-1970"):
        import_text([*copies, alone])


@pytest.mark.parametrize("first", ["A", "B"])
def test_a_link_into_another_source_is_that_file_whichever_is_given_first(tmp_path: Path, first: str) -> None:
    for folder, at, text in (("A", 0, FIRST), ("A", 5, SECOND), ("B", 10, SECOND), ("B", 15, THIRD)):
        saved(tmp_path / folder / f"i-{NOON_S + at}", text.interrupts)
    (tmp_path / "A" / f"latest-{NOON_S + 15}").symlink_to(f"../B/i-{NOON_S + 15}")
    order = sorted(["A", "B"], reverse=first == "B")
    trace = import_text([tmp_path / folder for folder in order])
    assert times_of(trace) == after_noon(0, 5, 10, 15)


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
