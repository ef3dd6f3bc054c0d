"""The table of docs/benchmarks.md, between its two marks."""

from pathlib import Path

__all__ = ["HEAD", "Line", "read_lines", "write"]

DOCS = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by `make bench` -->\n", "<!-- end -->\n"
HEAD = ("what", "against", "reach", "measured", "met")
MACHINE = ("CPUs", "memory", "kernel")

Line = tuple[str, ...]


def read_lines() -> tuple[dict[str, str], dict[Line, Line]]:
    """The facts that are there, and the lines of the table by what they measure against what."""
    _, block, _ = _parts()
    facts = dict(line.removeprefix("- ").split(": ", 1) for line in block.splitlines() if line.startswith("- "))
    cells = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in block.splitlines() if line[:1] == "|"]
    return facts, {line[:2]: line for line in cells[2:]}


def write(facts: dict[str, str], lines: list[Line], only: str | None) -> None:
    """Writes facts and lines. If only some are measured anew, the facts are those of before, with a date for these.

    Raises:
        SystemExit: if the others were measured on another machine.
    """
    if only:
        there, _ = read_lines()
        if any(there.get(name) != facts[name] for name in MACHINE):
            raise SystemExit(f"the other rows of {DOCS} are of another machine or kernel: measure all, or --keep it")
        facts = there | {"date": f"{there['date'].partition(';')[0]}; {only} {facts['date']}"}
    before, _, after = _parts()
    text = [f"- {name}: {value}" for name, value in facts.items()]
    text += ["", *(f"| {' | '.join(cells)} |" for cells in (HEAD, ("---",) * len(HEAD), *lines))]
    DOCS.write_text(before + BEGIN + "\n" + "\n".join(text) + "\n\n" + END + after)


def _parts() -> tuple[str, str, str]:
    before, begin, rest = DOCS.read_text().partition(BEGIN)
    block, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{DOCS} has no place for the results: the lines {BEGIN.strip()} and {END.strip()}")
    return before, block, after
