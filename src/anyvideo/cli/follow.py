"""Waiting for a job and telling how it ended, whatever the end is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from anyvideo.cli.console import agreed, notes, somebody_answers
from anyvideo.cli.errors import ExitCode, failed, forgotten, interrupted, stopped
from anyvideo.types.errors import AnyVideoError, JobNotFound, MediaError, PluginError, StoreError, UsageError

if TYPE_CHECKING:
    from anyvideo.cli.progress import Watch
    from anyvideo.client import Client
    from anyvideo.types.job import Job

R = TypeVar("R")

_KEPT = (MediaError, PluginError, StoreError)
"""What stands between a paid clip and who asked for it, also where another command has bought it."""


def followed(
    client: Client, watch: Watch, call: Callable[[], R], *, as_json: bool, lasting: bool = True
) -> R:
    """What `call` returns; every other end is shown, with the job's attempts, and leaves the command.

    Ctrl-C leaves the job running, unless somebody at a terminal wants it canceled. `lasting` says whether the
    job can be resumed.
    """
    error: AnyVideoError
    try:
        with watch:
            return call()
    except KeyboardInterrupt:
        error = _interrupted(client, watch.job_id)
    except AnyVideoError as ended:
        error = ended
    job = _recorded(client, getattr(error, "job_id", None) or watch.job_id)
    bought = job is not None and any(attempt.sent_at for attempt in job.attempts)
    kept = isinstance(error, (UsageError, MediaError) if watch.recorded else _KEPT)
    if job is not None and not lasting:
        error = forgotten(error, job)
    code = ExitCode.STILL_RUNNING if bought and kept else None
    raise failed(error, as_json=as_json, job=job, code=code)


def _interrupted(client: Client, job_id: str | None) -> AnyVideoError:
    """What Ctrl-C comes to. The job goes on meanwhile; another Ctrl-C leaves it running."""
    try:
        if not job_id or not somebody_answers() or not agreed(f"\ncancel job {job_id}?"):
            return interrupted(job_id)
        notes().print(f"canceling job {job_id}")
        return stopped(client.cancel(job_id))
    except KeyboardInterrupt:
        return interrupted(job_id)
    except AnyVideoError as error:
        return error


def _recorded(client: Client, job_id: str | None) -> Job | None:
    if not job_id:
        return None
    try:
        return client.job(job_id)
    except JobNotFound:
        return None


STANDING: dict[str, ExitCode] = {
    "unknown": ExitCode.HELD,
    "queued": ExitCode.STILL_RUNNING,
    "running": ExitCode.STILL_RUNNING,
}
"""The exit code of `cancel` for a job that has not ended."""
