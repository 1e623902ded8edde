"""What a job tells while it runs, on stderr: a line for each step, and a live bar where somebody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from anyvideo.cli.console import is_terminal
from anyvideo.cli.timeline import why
from anyvideo.types.events import Event, EventKind
from anyvideo.types.money import dollars
from anyvideo.types.states import JobStatus

if TYPE_CHECKING:
    from rich.progress import TaskID

    from anyvideo.types.budget import Threshold
    from anyvideo.types.job import Job

_STEP: Final = 4
"""Without a terminal, progress is told in quarters."""


class Watch:
    """A listener for a client's events. `job_id` is known as soon as the job is recorded.

    `recorded` says that this happened just now.
    Events come at least once and on the client's own thread: each id is told once.
    """

    def __init__(self, *, job_id: str | None = None) -> None:
        self.job_id = job_id
        self.recorded = False
        self._seen: set[str] = set()
        self._told: tuple[object, ...] = ()
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._bar = _bar(self._console) if is_terminal(sys.stderr) else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        if event.id in self._seen:
            return
        self._seen.add(event.id)
        self.job_id = event.job_id
        self.recorded = self.recorded or event.kind is EventKind.JOB_RECORDED
        if event.kind is EventKind.PROGRESS:
            self._progress(event)
            return
        line = describe(event)
        if line is not None:
            self._console.print(line, soft_wrap=True)
        if self._bar is not None:
            self._follow(event)

    def reused(self, job: Job) -> None:
        """Tell that an earlier call had recorded the job that this one asks for."""
        self.job_id = job.id
        words = f"reused job {job.id}: nothing was bought again, and its cost counts once"
        self._console.print(words, soft_wrap=True)

    def _progress(self, event: Event) -> None:
        if self._bar is not None:
            self._follow(event)
            return
        quarter = None if event.progress is None else int(event.progress * _STEP)
        told = (event.model, event.native, quarter)
        if told != self._told:
            self._told = told
            self._console.print(_line(event, standing(event)), soft_wrap=True)

    def _follow(self, event: Event) -> None:
        assert self._bar is not None
        if event.kind in (EventKind.ATTEMPT_ENDED, EventKind.JOB_ENDED):
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = None
            return
        if event.model is None:
            return
        if self._task is None:
            self._task = self._bar.add_task(event.model, total=None)
        words = f"{event.model} {standing(event)}"
        if event.progress is None:
            self._bar.update(self._task, description=words)
        else:
            self._bar.update(self._task, description=words, total=1.0, completed=event.progress)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def standing(event: Event) -> str:
    """How the attempt stands: our word, with the vendor's own where it says more, and how far it is."""
    state = (event.state or "").replace("_", " ")
    native = f" ({event.native})" if event.native and event.native.lower() != state else ""
    share = "" if event.progress is None else f" {event.progress:.0%}"
    return f"{state}{native}{share}"


def describe(event: Event) -> Text | None:
    """One line for an event, None for those that a reader can do without."""
    match event.kind:
        case EventKind.JOB_RECORDED:
            return Text(f"job {event.job_id}")
        case EventKind.ATTEMPT_STARTED:
            return _line(event, "is asked")
        case EventKind.ATTEMPT_ACCEPTED:
            return _line(event, "accepted the job")
        case EventKind.DOWNLOADING:
            return _line(event, "is done, downloading")
        case EventKind.ATTEMPT_ENDED if event.failure is not None:
            return _line(event, f"{event.state}: {_why(event)}{_cost(event)}", "red")
        case EventKind.JOB_ENDED if event.message == JobStatus.SUCCEEDED:
            return _line(event, f"delivered{_cost(event)}", "green")
        case EventKind.OUTCOME_UNKNOWN:
            return _line(event, f"may have taken the job, nobody can tell yet: {_why(event)}", "yellow")
        case EventKind.TROUBLE | EventKind.UNKNOWN_WORD:
            return _line(event, _why(event), "yellow")
        case EventKind.BUDGET_THRESHOLD if event.threshold is not None:
            return Text(_used_up(event.threshold), "yellow")
        case _:
            return None


def _used_up(threshold: Threshold) -> str:
    used, limit = dollars(threshold.used_micros), dollars(threshold.limit_micros)
    whose = f"{threshold.scope} ({threshold.period})"
    return f"budget: {threshold.percent} % of {limit} USD for {whose} is used: {used} USD"


def _cost(event: Event) -> str:
    return f", cost {event.cost}" if event.cost else ""


def _why(event: Event) -> str:
    if event.failure is not None:
        return why(event.failure).rstrip(".")
    return event.message or "no reason given"


def _line(event: Event, words: str, style: str = "") -> Text:
    return Text.assemble((f"{event.model}", "bold"), " ", (words, style))
