"""Ctrl-C, also pressed many times: twice it is the command's, then it ends the process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import FrameType

INTERRUPTED = 130
"""The exit status of a process that Ctrl-C ended."""
FOR_THE_COMMAND = 2
"""The first asks or stops, the second says no; who presses again wants out."""


@contextmanager
def ctrl_c() -> Iterator[None]:
    """In the block the first two raise KeyboardInterrupt and a third ends the process at once: whatever is
    paid for is in the store. After the block, on the way out, none does anything. A shell that has it ignored
    goes on ignoring it. Raises SystemExit.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    presses = count(1)

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        if next(presses) > FOR_THE_COMMAND:
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, pressed)
    try:
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
