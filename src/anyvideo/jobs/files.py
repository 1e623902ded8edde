"""Where a job's clip lies, and whether what lies there is that clip."""

from __future__ import annotations

import hashlib
from pathlib import Path

import anyio.to_thread

from anyvideo.types.job import Attempt, Job, MediaInfo

_OF_THE_TAG = 16


def kept(folder: Path, job_id: str, attempt: Attempt) -> Path:
    """The store's own file of an attempt. Its random tag keeps jobs of the same id in other stores apart."""
    return folder / "videos" / f"{job_id}.{attempt.number}.{attempt.tag[:_OF_THE_TAG]}.mp4"


async def found(job: Job, folder: Path) -> Path | None:
    """Where a delivered clip lies, unaltered: as recorded, else the store's own file."""
    return await anyio.to_thread.run_sync(_found, job, folder)


async def intact(path: Path, info: MediaInfo) -> bool:
    """Whether a file has the size and the digest that were measured at its delivery."""
    return await anyio.to_thread.run_sync(_intact, path, info)


def _found(job: Job, folder: Path) -> Path | None:
    if job.artifact is None:
        return None
    attempt = job.attempts[-1]
    earlier = folder / "videos" / f"{job.id}.{attempt.number}.mp4"
    places = (job.artifact.path, kept(folder, job.id, attempt), earlier)
    return next((path for path in places if _intact(path, job.artifact.info)), None)


def _intact(path: Path, info: MediaInfo) -> bool:
    try:
        if path.stat().st_size != info.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == info.sha256
    except OSError:
        return False
