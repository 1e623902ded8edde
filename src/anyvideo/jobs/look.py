"""Free calls: what a vendor says of a job, and what went wrong with one, both fit to be kept and shown."""

from __future__ import annotations

from anyvideo.jobs.backends import Backend
from anyvideo.jobs.sane import key_of, sane_failure, sane_update
from anyvideo.jobs.verdict import failure_of
from anyvideo.net.scopes import free_call
from anyvideo.types.errors import Stage
from anyvideo.types.job import Failure, Ref, Update


async def look(backend: Backend, ref: Ref) -> Update:
    """One fetch. Raises what the provider raises: `went_wrong` says what that means."""
    async with free_call():
        return sane_update(await backend.provider.fetch(ref), key_of(backend))


def went_wrong(backend: Backend, error: Exception, *, stage: Stage) -> Failure:
    """The failure of a free call, whatever was raised."""
    return sane_failure(failure_of(error, explain=backend.provider.explain, stage=stage), key_of(backend))
