"""The figures of the analyses as an expert would ask Polars for them, each as the best query that we know.

Such a query knows its file and takes for granted what `big_trace` guarantees:

- one group of lines, all of kind irq, whose number alone tells them apart;
- the first read, in a row group of its own, has every line on every CPU: 256 CPUs at the most;
- no line comes or goes, nothing was read before, each CPU is online;
- every point of the grid was read, fewer than 2²⁴ of them, and no read is without a row;
- a cell has one row in a read and grows by less than 2¹⁶; every line had interrupts;
- a window is a whole number of intervals.

`jitter` leaves out the dominant period, for which there is no query; all leave out NUMA nodes, hosts, and what cannot
be told. ``tests/test_by_hand.py`` holds these numbers against those of the analyses.
"""

from .compare import compare
from .imbalance import imbalance
from .interference import interference
from .jitter import jitter
from .rates import rates
from .storms import storms

__all__ = ["compare", "imbalance", "interference", "jitter", "rates", "storms"]
