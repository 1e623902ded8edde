"""Jobs as JSON text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from anyvideo.types.job import Job

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@cache
def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """The (de)serialiser of a value type, made once."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def encode(job: Job) -> str:
    """JSON text of a job."""
    return adapter(Job).dump_json(job).decode()


def decode(document: str, *, version: int, cancel_requested: bool) -> Job:
    """The job of a JSON text, with what the columns say."""
    from dataclasses import replace

    job: Job = adapter(Job).validate_json(document)
    return replace(job, version=version, cancel_requested=cancel_requested)
