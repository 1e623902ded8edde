"""How a batch goes, on stderr: a live table with a bar for each clip under way, or a line for each step."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from anyvideo.cli.console import is_terminal
from anyvideo.cli.progress import describe, standing
from anyvideo.types.events import Event, EventKind

if TYPE_CHECKING:
    from rich.progress import TaskID

_STEP: Final = 10
"""Without a terminal, the whole batch's progress is told in tenths."""


class Board:
    """A listener for a client's events. Events come at least once, on the client's own thread.

    `batch_id` is known once the batch has begun, not while it waits for its hour.
    """

    def __init__(self) -> None:
        self.batch_id: str | None = None
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = _live(self._console) if is_terminal(sys.stderr) else None
        self._rows: dict[int, TaskID] = {}
        self._whole: TaskID | None = None
        self._told = -1
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        if event.id in self._seen:
            return
        self._seen.add(event.id)
        if event.kind is EventKind.BATCH_PROGRESS and event.message is not None:
            self._console.print(event.message, soft_wrap=True)
            return
        self.batch_id = event.batch_id or self.batch_id
        if event.kind is EventKind.BATCH_PROGRESS:
            self._progress(event)
        elif event.clip is not None:
            self._clip(event, event.clip)

    def _progress(self, event: Event) -> None:
        share = event.progress or 0.0
        if self._live is not None:
            if self._whole is None:
                self._whole = self._live.add_task(f"batch {event.batch_id}", total=1.0)
            self._live.update(self._whole, completed=share)
        elif int(share * _STEP) != self._told:
            self._told = int(share * _STEP)
            self._console.print(f"batch {event.batch_id} {share:.0%}", soft_wrap=True)

    def _clip(self, event: Event, clip: int) -> None:
        line = describe(event)
        if line is not None and event.kind is not EventKind.ATTEMPT_STARTED:
            self._console.print(Text.assemble((f"clip {clip} ", "dim"), line), soft_wrap=True)
        if self._live is None:
            return
        if event.kind is EventKind.JOB_ENDED:
            if clip in self._rows:
                self._live.remove_task(self._rows.pop(clip))
            return
        if clip not in self._rows:
            self._rows[clip] = self._live.add_task("", total=1.0)
        words = f"clip {clip} {event.model or ''} {standing(event)}"
        self._live.update(self._rows[clip], description=words, completed=event.progress or 0.0)


def _live(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
