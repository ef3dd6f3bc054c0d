"""Signals while a recording runs."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["on_signals"]

ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@contextmanager
def on_signals(handle: Callable[[int], None]) -> Iterator[None]:
    """Hands the signals that ask a program to end to ``handle``, and puts back what was there before."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets signals; elsewhere there is nothing to hand on.
        yield
        return
    # What the program was started to ignore, as nohup and a shell's & do, stays ignored.
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda received, _: handle(received)) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
