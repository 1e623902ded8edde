"""The files endpoints of the simulated Replicate: uploads below 100 MB, kept for a day."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from anyvideo.testing.simulator import World, iso, origin
from anyvideo_replicate.simulator import problem

MAX_FILE: Final = 100_000_000
LIFE: Final = timedelta(hours=24)
_LETTERS: Final = "abcdefghjkmnpqrstvwxyz0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One uploaded file."""

    id: str
    name: str
    content_type: str
    body: bytes
    metadata: Mapping[str, Any]
    created_at: datetime


def new_id() -> str:
    """An id as Replicate makes them: 26 small letters and digits."""
    number, letters = uuid.uuid4().int, ""
    while len(letters) < 26:
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return letters


class Files:
    """What was uploaded, and the handlers that answer for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._files: dict[str, StoredFile] = {}

    async def upload(self, request: Request) -> Response:
        async with request.form() as form:
            content = form.get("content")
            if not isinstance(content, UploadFile):
                return problem(400, "Bad request", "Missing content")
            body = await content.read()
            if len(body) >= MAX_FILE:
                return problem(413, None, "Files must be less than 100MB in size")
            stored = StoredFile(
                id=new_id(),
                name=content.filename or "file",
                content_type=content.content_type or "application/octet-stream",
                body=body,
                metadata={},
                created_at=self._world.clock.now(),
            )
        self._files[stored.id] = stored
        return JSONResponse(_file_json(request, stored), status_code=201)

    async def list_files(self, request: Request) -> Response:
        results = [_file_json(request, stored) for stored in reversed(self._files.values())]
        return JSONResponse({"previous": None, "next": None, "results": results})

    async def file(self, request: Request) -> Response:
        stored = self._files.get(request.path_params["id"])
        if stored is None or self._world.clock.now() - stored.created_at > LIFE:
            return problem(404, None, "File not found")
        return JSONResponse(_file_json(request, stored))

    async def delete_file(self, request: Request) -> Response:
        gone = self._files.pop(request.path_params["id"], None)
        return problem(404, None, "File not found") if gone is None else Response(status_code=204)


def _file_json(request: Request, stored: StoredFile) -> dict[str, Any]:
    digest = hashlib.sha256(stored.body).hexdigest()
    return {
        "id": stored.id,
        "name": stored.name,
        "content_type": stored.content_type,
        "size": len(stored.body),
        "etag": digest[:32],
        "checksums": {"sha256": digest},
        "metadata": dict(stored.metadata),
        "created_at": iso(stored.created_at),
        "expires_at": iso(stored.created_at + LIFE),
        "urls": {"get": f"{origin(request)}/replicate/v1/files/{stored.id}"},
    }
