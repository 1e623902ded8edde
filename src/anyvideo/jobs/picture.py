"""Handing a picture to the vendor, and going on without it where the caller allows that."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread

from anyvideo.catalog.prices import quote
from anyvideo.catalog.spec import ModelSpec
from anyvideo.jobs.backends import Backend
from anyvideo.jobs.wish import ImageTransfer
from anyvideo.net.storage import StorageTrouble, signed_address
from anyvideo.provider import Uploads
from anyvideo.routing.fit import fit
from anyvideo.routing.pictures import data_uri_size
from anyvideo.types.errors import BadRequest, ServiceError
from anyvideo.types.job import Attempt, Job
from anyvideo.types.plan import Adjustment, Rejection
from anyvideo.types.request import Image

PICTURE_TRIES = 3


class NotHandedOver(Exception):
    """The picture, and nothing else of the order, could not be made ready. `problem` is what was raised."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(str(problem))
        self.problem = problem


async def handed_over(image: Image, backend: Backend, *, transfer: ImageTransfer) -> str:
    """What an order says of a picture: its address, a data URI, or where the vendor or the user stored it.

    "upload" prefers the vendor's own storage over a data URI, "url" an address of the user's storage, which
    is signed here and never kept. Raises NotHandedOver: over BadRequest for a picture that fits nothing,
    ServiceError where the user's storage does not sign, InvalidRequest where it refuses to, and what the
    vendor's upload raises.
    """
    try:
        return await _handed_over(image, backend, transfer)
    except Exception as error:
        raise NotHandedOver(error) from error


async def _handed_over(image: Image, backend: Backend, transfer: ImageTransfer) -> str:
    if image.url is not None:
        return image.url
    if transfer == "url" and image.storage_address is not None:
        return await _signed(image.storage_address, backend)
    content = image.data if image.data is not None else await anyio.Path(Path(str(image.path))).read_bytes()
    content_type = image.content_type or "application/octet-stream"
    rules, provider = backend.plugin.media, backend.provider
    storable = rules.upload_bytes is not None and len(content) <= rules.upload_bytes
    encodable = rules.data_uri_bytes is not None and (
        data_uri_size(len(content), content_type) <= rules.data_uri_bytes
    )
    if isinstance(provider, Uploads) and storable and (transfer == "upload" or not encodable):
        filename = f"image.{content_type.rpartition('/')[2]}"
        return await provider.upload(content, content_type=content_type, filename=filename)
    if encodable:
        encoded = await anyio.to_thread.run_sync(base64.b64encode, content)
        return f"data:{content_type};base64,{encoded.decode()}"
    if image.storage_address is not None:
        return await _signed(image.storage_address, backend)
    raise BadRequest("the image is too large for this vendor", hint="host it and pass its https address")


async def _signed(address: str, backend: Backend) -> str:
    try:
        return await signed_address(address, backend.storage)
    except StorageTrouble as error:
        raise ServiceError(str(error)) from error


def without_picture(
    job: Job, attempt: Attempt, backend: Backend, spec: ModelSpec, *, why: str, now: datetime
) -> Attempt | None:
    """The attempt with its prompt alone, or None: not allowed, not possible, or dearer than what is held."""
    if job.options.image_fallback != "text" or attempt.fit.image is None or job.request.prompt is None:
        return None
    bare = fit(replace(job.request, image=None), spec, today=now.date(), media=backend.plugin.media)
    if isinstance(bare, Rejection):
        return None
    price = quote(spec, bare, today=now.date(), vendor_deadline=backend.plugin.vendor_deadline)
    if (price.ceiling_micros or 0) > attempt.hold_micros:
        return None
    note = Adjustment(
        field="image", asked="a picture", given=None, reason=f"it could not be handed over: {why}"
    )
    fitted = replace(bare, adjustments=(*bare.adjustments, note))
    return replace(attempt, fit=fitted, trouble=0, due_at=None)
