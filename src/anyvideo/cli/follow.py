"""Waiting for a job and telling how it ended, whatever the end is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from anyvideo.cli.errors import ExitCode, failed, interrupted
from anyvideo.types.errors import AnyVideoError, JobNotFound

if TYPE_CHECKING:
    from anyvideo.cli.progress import Watch
    from anyvideo.client import Client
    from anyvideo.types.job import Job
    from anyvideo.types.video import Video


def followed(client: Client, watch: Watch, call: Callable[[], Video], *, as_json: bool) -> Video:
    """What `call` returns; every other end is shown, with the job's attempts, and leaves the command."""
    error: AnyVideoError
    try:
        with watch:
            return call()
    except KeyboardInterrupt:
        error = interrupted(watch.job_id)
    except AnyVideoError as ended:
        error = ended
    job_id = getattr(error, "job_id", None) or watch.job_id
    raise failed(error, as_json=as_json, job=_recorded(client, job_id))


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
