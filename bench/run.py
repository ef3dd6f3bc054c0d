"""Measures everything side by side, prints it, and writes it into docs/benchmarks.md.

Each program lets what it compares take turns. ``python bench/run.py --turns 3 --keep`` is a quick look that leaves the
documentation as it is; ``--only analyses`` measures these anew and leaves the other rows as they are.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import host
import rows_of_analyses
import rows_of_recording
import rows_of_sampling
import table
from judge import Results, Row
from report import read

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
CARGO = ("cargo", "bench", "--quiet", "--locked", "-p", "irqtrace-core", "--bench")
ALLOCATIONS = ("cargo", "test", "--quiet", "--release", "--locked", "-p", "irqtrace-core", "--test", "allocations")
PARTS = {
    "sampling": rows_of_sampling.ROWS,
    "recording": rows_of_recording.ROWS,
    "analyses": rows_of_analyses.ROWS,
}
MET = {True: "yes", False: "**no**", None: "–"}

Command = tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20, help="turns of a second of each that is paced")
    parser.add_argument("--keep", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--only", choices=PARTS, help="measure only the rows of these")
    args = parser.parse_args()
    parts = [args.only] if args.only else list(PARTS)
    if "sampling" in parts:
        _build()
    facts = host.describe()
    before = host.CpuTimes.now()
    results, skipped = _measure([command for part in parts for command in _programs(part, args.turns)])
    if "sampling" in parts:
        results["no_allocations"] = [float(subprocess.run(ALLOCATIONS, cwd=ROOT, check=False).returncode == 0)]
    facts["taken away by the hypervisor meanwhile"] = host.CpuTimes.now().stolen_since(before)
    facts["turns of a second of each that is paced"] = str(args.turns)
    measured = {part: [_line(row, results, skipped) for row in PARTS[part]] for part in parts}
    print()
    for line in chain(*measured.values()):
        print(_plain(line))
    if not args.keep:
        _, there = table.read_lines()
        kept = {part: [there[row.key] for row in rows if row.key in there] for part, rows in PARTS.items()}
        table.write(facts, list(chain(*(kept | measured).values())), args.only)
    return 0


def _build() -> None:
    """The compiler's work is done before anything is measured."""
    subprocess.run((*CARGO, "parse", "--bench", "read", "--bench", "paced", "--no-run"), cwd=ROOT, check=True)
    subprocess.run((*ALLOCATIONS, "--no-run"), cwd=ROOT, check=True)


def _programs(part: str, turns: int) -> Iterator[Command]:
    if part == "sampling":
        yield (*CARGO, "parse")
        yield (*CARGO, "read")
        yield (*CARGO, "paced", "--", str(turns))
        yield _python("python_loops.py", str(turns))
        yield _python("gil.py", str(turns))
        yield _python("frame.py")
    elif part == "recording":
        yield _python("size.py")
    else:
        yield _python("analyses.py", "100000000", "10000000")
        yield _python("on_spark.py")
        yield _python("page.py")


def _python(program: str, *arguments: str) -> Command:
    return (sys.executable, str(BENCH / program), *arguments)


def _measure(commands: list[Command]) -> tuple[dict[str, list[float]], dict[str, str]]:
    """The results of programs, and of those that they skipped the reason."""
    results: dict[str, list[float]] = {}
    skipped: dict[str, str] = {}
    for command in commands:
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
            for line in program.stdout or ():
                print(line.split(": ")[0].rstrip() if read(line) else line.rstrip(), flush=True)
                if line.startswith("# skipped "):
                    names, _, reason = line.removeprefix("# skipped ").strip().partition(": ")
                    skipped |= dict.fromkeys(names.split(), reason)
                elif result := read(line):
                    results[result[0]] = result[1]
        if program.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed with status {program.returncode}")
    return results, skipped


def _line(row: Row, results: Results, skipped: dict[str, str]) -> table.Line:
    missing = [name for name in row.needs if name not in results]
    if missing:
        return row.what, row.against, row.reach, f"skipped: {skipped.get(missing[0], 'no result')}", "–"
    judged = row.judge(results)
    return row.what, row.against, row.reach, judged.measured, MET[judged.met]


def _plain(line: table.Line) -> str:
    """For a terminal: a paragraph."""
    what, _, reach, measured, met = line
    return f"{met.strip('*'):>3}  {what}: {measured}; reach {reach}"


if __name__ == "__main__":
    sys.exit(main())
