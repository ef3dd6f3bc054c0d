"""The command ``irqtrace``, also as ``python -m irqtrace``."""

from __future__ import annotations

import signal
import sys

__all__ = ["main"]


def main() -> int:
    """Loads the command line and runs it. Ctrl-C is answered from here on: loading takes a good part of a second."""
    try:
        from .cli import main as run  # noqa: PLC0415 - see above

        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        # What is left is Python's own end, which answers a Ctrl-C with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
