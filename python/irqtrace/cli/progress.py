"""How far a recording is, on a terminal that a person looks at."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn

from irqtrace.display.text import bytes_text, count_text, rate_text, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from irqtrace import _core

__all__ = ["import_shown", "progress_shown"]

EMPTY_BYTES = 4
"""What a Parquet file begins with; rows come later, many at once."""


@contextmanager
def progress_shown(duration_ns: int | None, *, quiet: bool) -> Iterator[Callable[[_core.Progress], None] | None]:
    """Gives what shows the progress on standard error; None where that is no terminal or nobody wants it."""
    screen = Console(file=sys.stderr, highlight=False, emoji=False)
    if quiet or not screen.is_terminal:
        yield None
        return
    columns: list[ProgressColumn] = [
        TextColumn("recording {task.fields[elapsed]:>8}"),
        TextColumn("{task.fields[told]}"),
    ]
    if duration_ns is not None:
        columns.insert(1, BarColumn(bar_width=24))
    else:
        columns.append(TextColumn("[dim]Ctrl-C ends it"))
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=duration_ns, elapsed="", told="")

        def show(progress: _core.Progress) -> None:
            bar.update(
                task,
                completed=progress.elapsed_ns,
                elapsed=time_text(progress.elapsed_ns),
                told=_told(progress),
            )

        yield show


@contextmanager
def import_shown(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Gives what shows how much of texts was read, where somebody looks at it."""
    screen = Console(file=sys.stderr, highlight=False, emoji=False)
    if quiet or not screen.is_terminal:
        yield None
        return
    with Progress(
        TextColumn("importing"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}"),
        console=screen,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=None, told="")

        def show(done: int, total: int) -> None:
            told = f"{bytes_text(done)} of {bytes_text(total)}" if total else "looking for times"
            bar.update(task, completed=done, total=total or None, told=told)

        yield show


def _told(progress: _core.Progress) -> str:
    per_second = (progress.samples - progress.missed) * 1e9 / max(progress.elapsed_ns, 1)
    written = f", {bytes_text(progress.file_bytes)}" if progress.file_bytes > EMPTY_BYTES else ""
    return f"{rate_text(per_second)} samples/s, {count_text(progress.missed)} missed{written}"
