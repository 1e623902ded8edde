"""`anyvideo recover`: what dead processes left behind is driven to its end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.console import emit, notes, results, table
from anyvideo.cli.documents import Document, job_document
from anyvideo.cli.errors import ExitCode, Interrupted, failed
from anyvideo.cli.held import held_words
from anyvideo.cli.progress import describe
from anyvideo.cli.session import session_of
from anyvideo.cli.timeline import why

if TYPE_CHECKING:
    from anyvideo.jobs.recovery import Recovered
    from anyvideo.types.events import Event

TakeOver = Annotated[
    list[str] | None,
    typer.Option(
        "--take-over",
        metavar="JOB",
        help="A job that was bought with a key which the present one has replaced; repeat it for more.",
    ),
]

ENDS = {
    "stopped": ExitCode.WRONG_USE,
    "held": ExitCode.HELD,
    "running": ExitCode.STILL_RUNNING,
}
"""The exit code where a job came to this; the first one that some job came to decides."""


class Listener:
    """Tells on stderr what happens, each line with its job; an event that comes twice is told once."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, event: Event) -> None:
        line = None if event.id in self._seen else describe(event)
        self._seen.add(event.id)
        if line is not None:
            notes().print(f"job {event.job_id} {line.plain}")


def recover(
    ctx: typer.Context,
    take_over: TakeOver = None,
    timeout: opt.RecoverTimeout = None,
    as_json: opt.AsJson = False,
) -> None:
    """Drive every unfinished job to its end, the most urgent first."""
    opt.check_seconds(timeout=timeout)
    named = take_over or []
    try:
        with session_of(ctx).client(Listener()) as client:
            found = client.recover(take_over=named, timeout=timeout)
            open_ends = [job for job in client.jobs(status="unknown", limit=sys.maxsize) if job.finished]
    except KeyboardInterrupt:
        again = Interrupted("interrupted; the jobs are kept", job_id="", hint="go on with: anyvideo recover")
        raise failed(again, as_json=as_json) from None
    if as_json:
        ended = [job_document(job) for job in open_ends]
        emit({"jobs": [recovered_document(one) for one in found], "undecided": ended})
    elif found:
        _show(found)
    else:
        notes().print("no job is unfinished")
    for job in () if as_json else open_ends:
        for words in held_words(job.id, job.attempts):
            notes().print(f"{job.id} is {job.status} and holds {words}")
    raise typer.Exit(_exit_code(found, named))


def _exit_code(found: Sequence[Recovered], named: Sequence[str]) -> ExitCode:
    if any(one.outcome == "elsewhere" and one.job.id in named for one in found):
        return ExitCode.WRONG_USE
    outcomes = {one.outcome for one in found}
    return next((code for outcome, code in ENDS.items() if outcome in outcomes), ExitCode.DONE)


def recovered_document(one: Recovered) -> Document:
    """A job's document, what became of it, and what stopped it."""
    return {**job_document(one.job), "outcome": one.outcome, "problem": one.problem}


def _show(found: Sequence[Recovered]) -> None:
    rows = table("job", "outcome", "cost", "model", whole=("job", "outcome", "cost"))
    for one in found:
        model = one.job.attempt.model if one.job.attempt else ""
        rows.add_row(one.job.id, one.outcome, one.job.cost.figure if one.job.cost else "", model)
    console = results()
    console.print(rows)
    for one in found:
        for remark in remarks(one):
            console.print(f"{one.job.id}: {remark}", soft_wrap=True)


def remarks(one: Recovered) -> list[str]:
    """What somebody should know or do about a job."""
    from anyvideo.jobs.outcome import decision, settlement, unfetched

    job = one.job
    match one.outcome:
        case "delivered":
            return [f"anyvideo resume {job.id} saves the clip"]
        case "held":
            return [f"look at the vendor's pages, then: {decision(job.id)}"]
        case "running" if unfetched(job) is not None:
            return [f"its clip cannot be fetched; give it up with: {settlement(job.id)}"]
        case "elsewhere":
            return [f"left alone: {one.problem}"]
        case "stopped":
            return [one.problem or "stopped"]
        case "failed" if job.failure is not None:
            return [why(job.failure)]
        case _:
            return []
