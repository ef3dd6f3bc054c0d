"""Measures everything side by side, prints it, and writes it into docs/benchmarks.md.

Each program lets what it compares take turns. ``python bench/run.py --turns 3 --keep`` is a quick look that leaves the
documentation as it is.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import host
from report import read
from rows import ROWS, Results

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by `make bench` -->\n", "<!-- end -->\n"
CARGO = ("cargo", "bench", "--quiet", "--locked", "-p", "irqtrace-core", "--bench")
ALLOCATIONS = ("cargo", "test", "--quiet", "--release", "--locked", "-p", "irqtrace-core", "--test", "allocations")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20, help="turns of a second of each that is paced")
    parser.add_argument("--keep", action="store_true", help="leave docs/benchmarks.md as it is")
    args = parser.parse_args()
    _build()
    facts = host.describe()
    before = host.CpuTimes.now()
    results, skipped = _measure(args.turns)
    facts["taken away by the hypervisor meanwhile"] = host.CpuTimes.now().stolen_since(before)
    table = _table(results, skipped)
    print("\n" + _plain(table))
    if not args.keep:
        _write(facts, table, args.turns)
    return 0


def _build() -> None:
    """The compiler's work is done before anything is measured."""
    subprocess.run((*CARGO, "parse", "--bench", "read", "--bench", "paced", "--no-run"), cwd=ROOT, check=True)
    subprocess.run((*ALLOCATIONS, "--no-run"), cwd=ROOT, check=True)


def _measure(turns: int) -> tuple[Results, dict[str, str]]:
    """The results of all programs, and of those that they skipped the reason."""
    results: dict[str, list[float]] = {}
    skipped: dict[str, str] = {}
    python = Path(__file__).parent
    for command in (
        (*CARGO, "parse"),
        (*CARGO, "read"),
        (*CARGO, "paced", "--", str(turns)),
        (sys.executable, str(python / "python_loops.py"), str(turns)),
        (sys.executable, str(python / "gil.py"), str(turns)),
        (sys.executable, str(python / "frame.py")),
    ):
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
    results["no_allocations"] = [float(subprocess.run(ALLOCATIONS, cwd=ROOT, check=False).returncode == 0)]
    return results, skipped


def _table(results: Results, skipped: dict[str, str]) -> list[tuple[str, ...]]:
    table: list[tuple[str, ...]] = [("what", "against", "reach", "measured", "met")]
    for row in ROWS:
        missing = [name for name in row.needs if name not in results]
        if missing:
            measured, met = f"skipped: {skipped.get(missing[0], 'no result')}", "–"
        else:
            judged = row.judge(results)
            measured, met = judged.measured, "yes" if judged.met else "**no**"
        table.append((row.what, row.against, row.reach, measured, met))
    return table


def _plain(table: list[tuple[str, ...]]) -> str:
    """For a terminal: a paragraph for each row."""
    return "\n".join(
        f"{met.strip('*'):>3}  {what}: {measured}; reach {reach}" for what, _, reach, measured, met in table[1:]
    )


def _write(facts: dict[str, str], table: list[tuple[str, ...]], turns: int) -> None:
    before, begin, rest = DOCS.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCS} has no place for the results: the lines {BEGIN.strip()} and {END.strip()}")
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += [f"- turns of a second of each that is paced: {turns}", ""]
    head, *body = table
    lines += [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *body)]
    DOCS.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END + after)


if __name__ == "__main__":
    sys.exit(main())
