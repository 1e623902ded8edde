"""Named places between writes, for tests that kill or stop the process there."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Watcher = Callable[[str], None]
WRITES = ("W1", "W2", "W3", "W4", "W5", "W6")
POINTS = (
    *(f"{write}.{moment}" for write in WRITES for moment in ("before", "after")),
    "file.part",
    "file.renamed",
    "unknown.before",
    "unknown.after",
    "takeover.before",
    "takeover.after",
)
"""Every place that a purchase passes; `file.*` lie around the download, `takeover.*` need another key."""

watcher: ContextVar[Watcher | None] = ContextVar("anyvideo_points", default=None)
"""Who is told; nobody outside tests."""


def point(name: str) -> None:
    """Say that this place is passed."""
    told = watcher.get()
    if told is not None:
        told(name)
