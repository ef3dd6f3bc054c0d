"""Signals while a recording runs."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DUMP", "on_signals"]

DUMP = getattr(signal, "SIGUSR1", None)
"""Asks a recorder for a dump."""

ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@contextmanager
def on_signals(end: Callable[[int], None], dump: Callable[[], None] | None = None) -> Iterator[None]:
    """Hands the signals that ask a program to end to ``end``, and puts back what was there before.

    ``dump`` is called at SIGUSR1, which is left alone where there is none.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets signals; elsewhere there is nothing to hand on.
        yield
        return
    # What the program was started to ignore, as nohup and a shell's & do, stays ignored.
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda received, _: end(received)) for number in heard}
    if DUMP is not None and dump is not None:
        before[DUMP] = signal.signal(DUMP, lambda *_: dump())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
