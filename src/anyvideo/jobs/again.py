"""A delivered clip whose file is gone or altered: fetched once more, free, while the vendor keeps it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from pathlib import Path

import anyio.to_thread

from anyvideo.jobs.backends import Backend, Backends
from anyvideo.jobs.deliver import brought_home
from anyvideo.jobs.files import intact, kept
from anyvideo.jobs.look import look, went_wrong
from anyvideo.types.errors import AnyVideoError, DownloadFailed, ResultGone
from anyvideo.types.job import Artifact, Attempt, Job, Output

_PREFIX = "again-"
_OLD = 24 * 3600.0
"""Seconds since its last change after which a folder is nobody's: a download is left after an hour."""


async def swept(folder: Path) -> None:
    """Remove what fetches of processes that died have left in the store's folder."""
    await anyio.to_thread.run_sync(_sweep, folder / "videos")


def _sweep(videos: Path) -> None:
    for left in videos.glob(f"{_PREFIX}*"):
        try:
            changed = max(path.lstat().st_mtime for path in (left, *left.iterdir()))
        except OSError:
            continue
        if time.time() - changed > _OLD:
            shutil.rmtree(left, ignore_errors=True)


async def fetched_again(job: Job, artifact: Artifact, backends: Backends, folder: Path) -> Path:
    """The very clip that was delivered, in the store's folder again.

    Raises ResultGone where the vendor has it no more, DownloadFailed where another try may help.
    """
    attempt = job.attempts[-1]
    altered = await anyio.Path(artifact.path).exists()
    lost = f"the file of job {job.id} {'was altered at' if altered else 'is gone from'} {artifact.path}"
    try:
        backend = await _bought_at(attempt, backends)
        output = await _output(attempt, backend)
        if output is not None:
            return await _stored(output, kept(folder, job.id, attempt), artifact, backend)
    except (AnyVideoError, OSError) as error:
        why = error.message if isinstance(error, AnyVideoError) else str(error)
        raise DownloadFailed(
            f"{lost} and could not be fetched again: {why}",
            provider=attempt.provider,
            model=attempt.model,
            stage="download",
            hint=f"while the vendor keeps it, try again with: anyvideo resume {job.id}",
        ) from error
    raise ResultGone(
        f"{lost}, and the vendor keeps the result no more",
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
        update = await look(backend, attempt.ref)
    except Exception as error:
        failure = went_wrong(backend, error, stage="result")
        raise failure.error(provider=attempt.provider, model=attempt.model) from error
    return None if update.gone else next(iter(update.outputs), None)


async def _stored(output: Output, target: Path, artifact: Artifact, backend: Backend) -> Path:
    """Under `target` once it is known to be the clip; nothing is left of a try that failed.

    What was made of the store's own file stays beside it: its path is what the caller got.
    """
    await anyio.Path(target.parent).mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=_PREFIX) as name:
        fresh = Path(name) / target.name
        await brought_home(output, fresh, backend)
        if not await intact(fresh, artifact.info):
            raise DownloadFailed("what the vendor has there is another file now")
        if await anyio.Path(target).exists():
            await anyio.Path(target).rename(target.with_suffix(f".altered-{secrets.token_hex(4)}.mp4"))
        await anyio.Path(fresh).replace(target)
    return target
