"""`anyvideo jobs`, `resume` and `cancel`: purchases that outlive the command that made them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.console import emit, notes, results, table
from anyvideo.cli.documents import error_document, job_document
from anyvideo.cli.errors import ExitCode, failed, interrupted, next_steps, show_error
from anyvideo.cli.follow import STANDING, followed
from anyvideo.cli.held import held_words
from anyvideo.cli.output import Target, deliver, saved, show_attempts
from anyvideo.cli.progress import Watch
from anyvideo.cli.session import session_of
from anyvideo.cli.timeline import steps, why
from anyvideo.types.errors import StillRunning

if TYPE_CHECKING:
    from anyvideo.client import Client
    from anyvideo.types.job import Job
    from anyvideo.types.video import Video

jobs_app = typer.Typer(rich_markup_mode=None)


@jobs_app.callback(invoke_without_command=True)
def jobs(
    ctx: typer.Context,
    state: opt.State = None,
    limit: opt.Limit = 20,
    as_json: opt.AsJson = False,
) -> None:
    """List the recorded jobs, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    with session_of(ctx).client() as client:
        found = client.jobs(status=state, limit=limit)
    if as_json:
        emit({"jobs": [job_document(job) for job in found]})
        return
    if not found:
        notes().print("no job is recorded here" if state is None else f"no job recorded here is {state}")
        return
    rows = table("job", "status", "cost", "since", "model and prompt", whole=("job", "status", "since"))
    for job in found:
        model = job.attempt.model if job.attempt else ""
        cost = job.cost.figure if job.cost else ""
        what = "\n".join(filter(None, (model, _short(job.request.prompt))))
        rows.add_row(job.id, str(job.status), cost, job.created_at.astimezone().strftime("%m-%d %H:%M"), what)
    results().print(rows)
    for job in found:
        for words in held_words(job.id, job.attempts) if job.finished else ():
            results().print(f"{job.id}: held: {words}", soft_wrap=True)


@jobs_app.command("show")
def show(ctx: typer.Context, job_id: opt.JobId, as_json: opt.AsJson = False) -> None:
    """Show one job: its attempts, what they cost, and every write."""
    with session_of(ctx).client() as client:
        job = client.job(job_id)
    emit(job_document(job)) if as_json else _show(job)


@jobs_app.command("resolve")
def resolve(
    ctx: typer.Context,
    job_id: opt.JobId,
    charged: opt.Charged = None,
    provider_job: opt.ProviderJob = None,
    as_json: opt.AsJson = False,
) -> None:
    """Decide an unknown outcome or lost clip by hand; `resume` and `recover` may then buy the next model."""
    with session_of(ctx).client() as client:
        job = client.resolve(job_id, charged=charged, provider_job=provider_job)
    emit(job_document(job)) if as_json else _show(job)


def resume(
    ctx: typer.Context,
    job_id: opt.JobId,
    timeout: opt.Timeout = None,
    output: opt.Output = None,
    as_json: opt.AsJson = False,
) -> None:
    """Wait for an earlier job and save its clip; a cancel that has not gone out is taken back."""
    opt.check_seconds(timeout=timeout)
    session = session_of(ctx)
    settings = session.settings()
    watch = Watch(job_id=job_id)
    with session.client(watch, settings=settings) as client:
        options = client.job(job_id).options
        target = Target.of(output, options.output_folder or settings.output, template=options.output)
        _take_cancel_back(client, job_id)

        def waited() -> tuple[Video, Path]:
            video = client.wait(job_id, timeout=timeout)
            return video, saved(video, target, job=client.job(job_id), lasting=True)

        video, path = followed(client, watch, waited, as_json=as_json)
    deliver(video, path, as_json=as_json)


def _take_cancel_back(client: Client, job_id: str) -> None:
    before = client.job(job_id)
    if before.finished or not before.cancel_requested:
        return
    job = client.uncancel(job_id)
    if not job.cancel_requested:
        notes().print(f"the cancel of job {job_id} is taken back: the job goes on")
    elif not job.finished:
        notes().print(f"the cancel of job {job_id} has gone out already and cannot be taken back")


def cancel(
    ctx: typer.Context,
    job_id: opt.JobId,
    timeout: opt.CancelTimeout = 60.0,
    as_json: opt.AsJson = False,
) -> None:
    """Stop a job and its bill; a paid clip is kept."""
    opt.check_seconds(timeout=timeout)
    watch = Watch(job_id=job_id)
    with session_of(ctx).client(watch) as client:
        job = _canceled(client, watch, job_id, timeout, as_json=as_json)
    if as_json:
        emit(job_document(job))
    else:
        _show(job)
        if job.artifact is not None:
            notes().print(f"it had finished before: anyvideo resume {job.id} saves the clip")
    raise typer.Exit(STANDING.get(job.status, ExitCode.DONE))


def _canceled(client: Client, watch: Watch, job_id: str, timeout: float, *, as_json: bool) -> Job:
    try:
        with watch:
            return client.cancel(job_id, timeout=timeout)
    except KeyboardInterrupt:
        raise failed(interrupted(job_id), as_json=as_json, job=client.job(job_id)) from None
    except StillRunning as error:
        job = client.job(job_id)
        if as_json:
            emit(job_document(job) | error_document(error, job=job))
        else:
            show_error(error, job=job)
        raise typer.Exit(ExitCode.STILL_RUNNING) from None


def _show(job: Job) -> None:
    console = results()
    console.print(f"job     {job.id}", soft_wrap=True)
    wanted = ", cancel requested" if job.cancel_requested and not job.finished else ""
    console.print(f"status  {job.status}{wanted}")
    console.print(f"since   {_since(job.created_at)}")
    if job.request.prompt:
        console.print(f"prompt  {job.request.prompt}")
    if job.cost is not None:
        console.print(f"cost    {job.cost}")
    for words in held_words(job.id, job.attempts) if job.finished else ():
        console.print(f"held    {words}", soft_wrap=True)
    if job.artifact is not None:
        console.print(f"file    {job.artifact.path}", soft_wrap=True)
    if job.failure is not None:
        console.print(f"why     {why(job.failure)}")
    if job.attempts:
        show_attempts(job.attempts)
        console.print()
        _show_timeline(job)
    if not job.finished:
        console.print(f"next    {next_steps(job)}", soft_wrap=True)


def _show_timeline(job: Job) -> None:
    rows = table("when", "#", "write", "what happened", whole=("when", "#", "write"))
    for step in steps(job):
        when = step.at.astimezone().strftime("%H:%M:%S")
        rows.add_row(when, str(step.attempt.number), step.write, step.words)
    results().print(rows)


def _since(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def _short(prompt: str | None, longest: int = 40) -> str:
    text = " ".join((prompt or "").split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
