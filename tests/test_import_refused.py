"""What is no capture, not of one machine or not in order is told with its place; nothing is overwritten."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from captured import (
    FIRST,
    GROWN,
    NOON_S,
    SECOND,
    SERIES,
    THIRD,
    UNEVEN,
    Captured,
    after_noon,
    counted,
    log_text,
    report,
    saved,
    times_of,
)
from checked import conserved
from irqtrace import ParseError, SourceUnavailable, import_text
from irqtrace.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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


@pytest.mark.parametrize("text", ["MemTotal:       16318480 kB\n", "Remark: 3 machines were seen\n", "rchar: 3239\n"])
def test_a_text_of_another_file_is_none_of_interrupts(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        ParseError, match=r"no text of /proc/interrupts: a header of CPUs is missing, and there are no numb"
    ):
        import_text(saved(tmp_path / "a-1767700800", text))
    with pytest.raises(ParseError, match=r"a\.log: line 2, byte 11: no text of /proc/interrupts"):
        import_text(saved(tmp_path / "a.log", f"1767700800\n{text}"))


@pytest.mark.parametrize(
    "label", ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"]
)
def test_softirqs_behind_interrupts_want_their_header(tmp_path: Path, label: str) -> None:
    row = f"{label:>12}:         33         44\n"
    with pytest.raises(
        ParseError, match=r"a-1767700800: line 5, byte \d+: a row of /proc/softirqs within .*header of CPUs is"
    ):
        import_text(saved(tmp_path / "a-1767700800", FIRST.interrupts + row))


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
            "mar 6 gen 2026, 12:00:00",
            "2026-01-06 12:00:00 start",
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
    assert main(["import", str(log), "-o", str(tmp_path / "t.parquet"), "--quiet", "--same-machine"]) == 0


@pytest.mark.parametrize("name", ["eth0", "LOC", "NET_RX"])
def test_growth_that_no_cpu_can_have_is_asked_for(tmp_path: Path, name: str) -> None:
    # A text is up to a second younger than its time, and in a log no younger than the next.
    most = 11 * 10**7

    def log(by: int) -> Path:
        return saved(
            tmp_path / "a.log", log_text(["1767700800", "1767700810"], (FIRST, FIRST.grown(**{name: [0, by]})))
        )

    assert list(counted(import_text(log(most - 10**6))).values()) == [most - 10**6]
    told = {"eth0": "24", "LOC": "LOC", "NET_RX": "NET_RX"}[name]
    with pytest.raises(
        ParseError, match=rf"another machine.*{told} of CPU 1 went from \d+ to \d+ in 11\.\d s at most.*--same-machine"
    ):
        import_text(log(2 * most))
    trace = import_text(log(2 * most), same_machine=True)
    assert list(counted(trace).values()) == [2 * most]
    assert conserved(trace)


def test_a_count_that_began_anew_has_grown_from_0(tmp_path: Path) -> None:
    texts = tuple(Captured({**FIRST.counts, "eth0": [count, 0]}) for count in (4 * 10**9, 3 * 10**9))
    log = saved(tmp_path / "a.log", log_text(["1767700800", "1767700810"], texts))
    with pytest.raises(ParseError, match="24 of CPU 0 went from 4000000000 to 3000000000 in"):
        import_text(log)
    log = saved(tmp_path / "a.log", log_text(["1767700800", "1767701200"], texts))
    assert "reset" in {warning.type for warning in import_text(log).warnings}


def test_how_fast_counts_grew_between_reports_is_not_known(tmp_path: Path) -> None:
    later = FIRST.grown(eth0=[10**8, 0])
    both = [
        report(tmp_path / name, one, {"date": f"{NOON_S + at}\n"})
        for name, one, at in (("a", FIRST, 0), ("b", later, 1))
    ]
    assert counted(import_text(both)) == {"eth0": 10**8}


def test_a_count_of_all_cpus_grows_as_fast_as_all_of_them(tmp_path: Path) -> None:
    def log(errors: int) -> Path:
        texts = [FIRST.interrupts + f"ERR: {count:>10}\n" for count in (0, errors)]
        return saved(tmp_path / "a.log", f"1767700800\n{texts[0]}1767700810\n{texts[1]}")

    assert counted(import_text(log(2 * 10**8))) == {"ERR": 2 * 10**8}
    with pytest.raises(ParseError, match="ERR went from 0 to 230000000 in"):
        import_text(log(23 * 10**7))


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


def test_a_source_in_a_folder_is_never_replaced(tmp_path: Path) -> None:
    times = ["1767700800", "1767700860", "1767700890"]
    first = saved(tmp_path / "caps" / "day1.log", log_text(times[:2], SERIES[:2]))
    second = saved(tmp_path / "caps" / "day2.log", log_text(times[2:], SERIES[2:]))
    link = tmp_path / "lnk.parquet"
    link.symlink_to(second)
    kept = second.read_text()
    for path in (second, link):
        with pytest.raises(ValueError, match=r"day2\.log: the trace would replace this source"):
            import_text(first.parent, path=path, overwrite=True)
        assert main(["import", str(first.parent), "-o", str(path), "--force", "--quiet"]) == 2
        assert second.read_text() == kept
    sos = report(tmp_path / "sos", FIRST, {"date": "1767700800\n"})
    for name in ("date", "proc/interrupts"):
        with pytest.raises(ValueError, match=rf"sos/{name}: the trace would replace this file of the report"):
            import_text(sos, path=sos / name, overwrite=True)
    for _ in range(2):
        assert times_of(import_text(sos, path=sos / "t.parquet", overwrite=True)) == after_noon(0)


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
