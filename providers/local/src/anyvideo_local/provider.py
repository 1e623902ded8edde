"""Animatics: drawn at submit, in a thread, into the work folder. The same order gives the same file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import unquote_to_bytes
from uuid import uuid4

import anyio
import anyio.to_thread

from anyvideo.provider import (
    BadRequest,
    Cost,
    CostBasis,
    Failure,
    GenerationFailed,
    JobStatus,
    Order,
    Output,
    ProviderContext,
    ProviderError,
    Ref,
    Reply,
    ResultGone,
    Submission,
    Update,
    explain_status,
)
from anyvideo.types.errors import AnyVideoError, MediaError

MOST_IMAGE_BYTES = 100 * 1024 * 1024
SIZE = (1280, 720)
FPS = 24.0
FREE = Cost(micros=0, basis=CostBasis.REPORTED)


class Animatics:
    """Files in one work folder, each named by what was asked for."""

    def __init__(self, context: ProviderContext) -> None:
        self._context = context

    async def submit(self, order: Order) -> Submission:
        """Draw it now, unless the same order was drawn before; the update is terminal already.

        Raises BadRequest for a picture that cannot be used, DownloadFailed for one that cannot be fetched.
        """
        with self._context.clock.working():
            picture = await self._picture(order.media.get("image"))
            ref = Ref(job_id=_name(order, picture), model=order.spec.slug)
            target = self._file(ref.job_id)
            if not await anyio.Path(target).exists():
                await anyio.to_thread.run_sync(_draw, target, order, picture)
            return Submission(ref=ref, update=await self.fetch(ref))

    async def fetch(self, ref: Ref) -> Update:
        """Whether the file is there. What was deleted from the work folder is gone."""
        target = self._file(ref.job_id)
        if await anyio.Path(target).exists():
            drawn = Output(path=target, content_type="video/mp4")
            return Update(
                status=JobStatus.SUCCEEDED,
                native="drawn",
                progress=1.0,
                outputs=(drawn,),
                reported_cost=FREE,
            )
        lost = Failure.of(ResultGone("the animatic is no longer in the work folder", charged="no"))
        return Update(
            status=JobStatus.FAILED, native="not drawn", gone=True, failure=lost, reported_cost=FREE
        )

    async def cancel(self, ref: Ref) -> Update:
        """Nothing runs after a submit has returned, so this only tells how it stands."""
        return await self.fetch(ref)

    def explain(self, reply: Reply) -> ProviderError:
        """By status: only a picture's own server ever answers."""
        return explain_status(reply)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _file(self, name: str) -> Path:
        return self._context.work / f"{name}.mp4"

    async def _picture(self, address: str | None) -> bytes | None:
        if address is None:
            return None
        if address.startswith("data:"):
            return await anyio.to_thread.run_sync(_decoded, address)
        return await self._fetched(address)

    async def _fetched(self, address: str) -> bytes:
        content = bytearray()
        async with self._context.outputs.stream("GET", address) as answer:
            if answer.status_code != 200:
                raise BadRequest(f"the image's server answered with {answer.status_code}", stage="prepare")
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_IMAGE_BYTES:
                    raise BadRequest("the image is larger than 100 MiB", stage="prepare")
        return bytes(content)


def _decoded(address: str) -> bytes:
    import base64
    import binascii

    head, comma, data = address.partition(",")
    if not comma:
        raise BadRequest("the image is no data URI", stage="prepare")
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("the image is no data URI", stage="prepare") from error


def _size(order: Order) -> tuple[int, int]:
    return order.fit.size or order.spec.shape.sizes[0].pixels or SIZE


def _rate(order: Order) -> float:
    rate = order.spec.length.rate
    return order.fit.fps or (rate.default if rate is not None else FPS)


def _name(order: Order, picture: bytes | None) -> str:
    """A hash of everything that shapes the file."""
    fit = order.fit
    said = [fit.prompt, fit.duration, _rate(order), _size(order), fit.seed or 0]
    image = hashlib.sha256(picture).hexdigest() if picture is not None else None
    return hashlib.sha256(json.dumps([said, image]).encode()).hexdigest()[:32]


def _draw(target: Path, order: Order, picture: bytes | None) -> None:
    from anyvideo_local.draw import draw_animatic

    width, height = _size(order)
    part = target.with_suffix(f".{uuid4().hex}.part")
    try:
        draw_animatic(
            part,
            prompt=order.fit.prompt,
            image=picture,
            duration=order.fit.duration,
            fps=_rate(order),
            width=width,
            height=height,
            seed=order.fit.seed or 0,
        )
        part.replace(target)
    except MediaError as error:
        raise BadRequest(error.message, stage="submit", hint=error.hint) from error
    except AnyVideoError:
        raise
    except Exception as error:
        message = f"the animatic could not be drawn: {error}"
        raise GenerationFailed(message, stage="submit", charged="no") from error
    finally:
        part.unlink(missing_ok=True)
