"""Signals while a recording runs."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DUMP", "Flag", "on_signals"]

DUMP = getattr(signal, "SIGUSR1", None)
"""Asks a recorder for a dump."""

ENDING = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


class Flag:
    """What a signal sets. A lock, as an Event has one, would be waited for by the next signal in the midst of it."""

    is_set = False

    def set(self, *_: object) -> None:
        """From now on it is."""
        self.is_set = True

    def take(self) -> bool:
        """Whether it was; it is not any more."""
        if not self.is_set:
            return False
        self.is_set = False
        return True


@contextmanager
def on_signals(end: Callable[[int], None], dump: Callable[[], None] | None = None) -> Iterator[None]:
    """Hands the signals that ask a program to end to ``end``, and puts back what was there before.

    ``dump`` is called at SIGUSR1, which is left alone where there is none. Whoever asks for a dump a moment too late
    must not end the program by it: where it would have done so before, the signal is ignored from then on.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets signals; elsewhere there is nothing to hand on.
        yield
        return
    # What the program was started to ignore, as nohup and a shell's & do, stays ignored.
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda received, _: end(received)) for number in heard}
    if DUMP is not None and dump is not None:
        handler = signal.signal(DUMP, lambda *_: dump())
        before[DUMP] = signal.SIG_IGN if handler is signal.SIG_DFL else handler
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
