"""``irqtrace record``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from irqtrace.display.summary import print_summary
from irqtrace.display.table import console
from irqtrace.display.text import bytes_text, harmless
from irqtrace.durations import positive_ns
from irqtrace.errors import in_words
from irqtrace.recording import STEP_S, written
from irqtrace.recording import run as run_recording
from irqtrace.rotation import Rotation
from irqtrace.settings import Settings

from .child import Child, NotStarted
from .dumper import Dumper
from .memory import give_large_blocks_back
from .progress import progress_shown
from .signals import Flag, on_signals

if TYPE_CHECKING:
    import argparse

    from irqtrace import _core


def add_to(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verb and its options."""
    parser = verbs.add_parser(
        "record",
        help="record interrupts into a trace file",
        usage="irqtrace record [DURATION] [options] [-- COMMAND ...]",
        description="Records for a duration, while a command runs, or until Ctrl-C, and prints a summary. The file is "
        "complete in each case. With a command, the exit status is the command's. At SIGUSR1 what there is, or as much "
        "of it as --keep says, is written into a file of its own, and the recording goes on.",
    )
    parser.add_argument("duration", metavar="DURATION", nargs="?", help="how long, like 10s or 1m30s")
    parser.add_argument("--interval", metavar="DURATION", default="1ms", help="between samples (default: %(default)s)")
    parser.add_argument(
        "--kinds", metavar="KINDS", type=_kinds, help="of irq,arch,softirq, also as irq,arch=10ms (default: all three)"
    )
    parser.add_argument(
        "--irqs", metavar="LINE", nargs="+", action="extend", type=_irq, help="only these: numbers, or globs as 'eth0*'"
    )
    parser.add_argument("-o", "--output", metavar="FILE", default="trace.parquet", help="default: %(default)s")
    parser.add_argument(
        "--flush", metavar="DURATION", default="1s", help="bring it to the disk this often (default: %(default)s)"
    )
    parser.add_argument(
        "--rotate", metavar="WHEN", help="cut it into segments, each about this long or large: 1h, 500MB, or 1h,500MB"
    )
    parser.add_argument("--keep", metavar="DURATION", help="keep only the last of it, at least so much, in segments")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument("--pin", metavar="CPU", type=int, help="run the sampler on this CPU")
    parser.add_argument("--fifo", metavar="PRIORITY", type=int, help="real-time priority, 1 to 99; needs a privilege")
    parser.add_argument("--lock-memory", action="store_true", help="keep the sampler's memory from being paged out")
    parser.add_argument("--dma-latency", metavar="US", type=int, help="ask for this wake-up latency; needs a privilege")
    parser.add_argument("--spin", metavar="DURATION", default="0us", help="spin this long before each sample")
    parser.add_argument("--procfs", metavar="DIR", default="/proc", help="read there (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="print neither progress nor summary")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Records, and says what came of it."""
    command = options.command
    if command is not None and not command:
        raise ValueError("no command after --")
    duration_ns = None if options.duration is None else positive_ns(options.duration, "DURATION")
    try:
        status, core = _record(options, duration_ns, command)
    except NotStarted as error:
        print(f"irqtrace: {harmless(str(error))}", file=sys.stderr)
        return error.status
    if not options.quiet:
        # What the command prints is its own; a summary in the middle of it would spoil it.
        screen = console(sys.stderr if command else sys.stdout)
        try:
            print_summary(screen, written(core))
        except FileNotFoundError as gone:
            # What others move or remove once it is complete makes no failure of the recording.
            print(f"irqtrace: no summary: {harmless(in_words(gone))}", file=sys.stderr)
        screen.print()
        screen.print(_what_was_written(core.files(), options.output), soft_wrap=True)
    return status


def _what_was_written(files: list[str], asked_for: str) -> str:
    sizes = [size for size in map(_size, files) if size is not None]
    size = bytes_text(sum(sizes)) if sizes else "moved or removed since"
    if len(files) == 1:
        # As it was asked for, unless it is a segment.
        name = asked_for if os.path.realpath(asked_for) == os.path.realpath(files[0]) else files[0]
        return f"{harmless(name)}: {size}"
    gone = f", {len(files) - len(sizes)} of them moved or removed since" if 0 < len(sizes) < len(files) else ""
    return f"{harmless(files[0])} to {harmless(files[-1])}: {len(files)} segments{gone}, {size}"


def _size(file: str) -> int | None:
    with suppress(OSError):
        return Path(file).stat().st_size
    return None


def _record(
    options: argparse.Namespace, duration_ns: int | None, command: list[str] | None
) -> tuple[int, _core.Sampler]:
    give_large_blocks_back()
    child, stop, asked = Child(command) if command else None, Flag(), Flag()
    # From before there is a file: a signal at any time ends a recording, and leaves nothing incomplete behind.
    with on_signals(child.pass_on if child else stop.set, asked.set):
        core = _settings(options).sampler(
            duration_ns=duration_ns,
            path=options.output,
            flush=options.flush,
            rotation=Rotation.checked(options.rotate, options.keep),
            overwrite=options.force,
        )
        dumper = Dumper(core, options.output, options.keep, asked, quiet=options.quiet)
        if child is not None:
            return _record_beside(child, core, dumper), core
        with progress_shown(duration_ns, quiet=options.quiet) as show:
            run_recording(core, progress=show, over=lambda: dumper.look() or stop.is_set or core.wait(STEP_S))
        return 0, core


def _record_beside(child: Child, core: _core.Sampler, dumper: Dumper) -> int:
    try:
        # The end of the command ends the recording at once; the sampler's own end can wait.
        over = lambda: dumper.look() or child.ended(STEP_S) or core.wait(0)  # noqa: E731 - a step of the loop below
        run_recording(core, started=child.start, over=over)
    except BaseException as error:
        if child.started:
            error.add_note(f"the command ended with status {child.wait()}")
        raise
    return child.wait()


def _settings(options: argparse.Namespace) -> Settings:
    kinds = options.kinds
    if isinstance(kinds, dict):
        kinds = {kind: interval or options.interval for kind, interval in kinds.items()}
    return Settings.checked(
        interval=options.interval,
        kinds=kinds,
        irqs=options.irqs,
        pin=options.pin,
        fifo=options.fifo,
        lock_memory=options.lock_memory,
        dma_latency_us=options.dma_latency,
        spin=options.spin,
        batch_every="100ms",
        memory_limit=1 << 30,
        procfs=options.procfs,
    )


def _kinds(text: str) -> list[str] | dict[str, str]:
    """``irq,softirq`` or ``irq,arch=10ms``: a kind without an interval has the one of --interval."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if "=" not in text:
        return parts
    return {kind: interval for kind, _, interval in (part.partition("=") for part in parts)}


def _irq(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
