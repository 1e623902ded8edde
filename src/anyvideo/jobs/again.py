"""A delivered clip whose file is gone: fetched once more, free, while the vendor keeps it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio.to_thread

from anyvideo.jobs.backends import Backend, Backends
from anyvideo.jobs.deliver import brought_home
from anyvideo.jobs.files import intact, kept
from anyvideo.jobs.verdict import failure_of
from anyvideo.net.scopes import free_call
from anyvideo.types.errors import AnyVideoError, DownloadFailed, ResultGone
from anyvideo.types.job import Artifact, Attempt, Job, Output


async def fetched_again(job: Job, artifact: Artifact, backends: Backends, folder: Path) -> Path:
    """The very clip that was delivered, in the store's folder again.

    Raises ResultGone where the vendor has it no more, DownloadFailed where another try may help.
    """
    attempt = job.attempts[-1]
    try:
        backend = await _bought_at(attempt, backends)
        output = await _output(attempt, backend)
        if output is not None:
            return await _stored(output, kept(folder, job.id, attempt), artifact, backend)
    except (AnyVideoError, OSError) as error:
        why = error.message if isinstance(error, AnyVideoError) else str(error)
        raise DownloadFailed(
            f"the file of job {job.id} is gone from {artifact.path} and could not be fetched again: {why}",
            provider=attempt.provider,
            model=attempt.model,
            stage="download",
            hint=f"while the vendor keeps it, try again with: anyvideo resume {job.id}",
        ) from error
    raise ResultGone(
        f"the file of job {job.id} is gone from {artifact.path}, and the vendor keeps the result no more",
        provider=attempt.provider,
        model=attempt.model,
        stage="download",
        hint="put the file back there, or buy the clip anew as another job",
    )


async def _bought_at(attempt: Attempt, backends: Backends) -> Backend:
    backend = await backends.get(attempt.provider)
    if attempt.account not in (None, backends.account(attempt.provider)):
        raise DownloadFailed("it was bought with another key or at another address")
    return backend


async def _output(attempt: Attempt, backend: Backend) -> Output | None:
    """Where the result lies now; None: nowhere."""
    if attempt.ref is None:
        return None
    try:
        async with free_call():
            update = await backend.provider.fetch(attempt.ref)
    except Exception as error:
        failure = failure_of(error, explain=backend.provider.explain, stage="result")
        raise failure.error(provider=attempt.provider, model=attempt.model) from error
    return None if update.gone else next(iter(update.outputs), None)


async def _stored(output: Output, target: Path, artifact: Artifact, backend: Backend) -> Path:
    """Under `target` once it is known to be the clip; nothing is left of a try that failed."""
    await anyio.Path(target.parent).mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="again-") as name:
        fresh = Path(name) / target.name
        await brought_home(output, fresh, backend)
        if not await intact(fresh, artifact.info):
            raise DownloadFailed("what the vendor has there is another file now")
        await anyio.Path(fresh).replace(target)
    return target
