"""The endpoints of the simulated Dream Machine API, and what it accepts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from anyvideo.testing.simulator import BadBody, Clip, Offer, World, browse, json_object, look, sell
from anyvideo_luma.simulator import USD_PER_MEGAPIXEL, Luma, detail

BALANCE_CENTS: Final = 100_000
_RATIOS: Final = ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21")
_SHORT_SIDE: Final = {"540p": 540, "720p": 720, "1080p": 1080, "4k": 2160}
_SECONDS: Final = {"5s": 5, "9s": 9}
PAGE: Final = 100
_KEYS: Final = (
    "generation_type",
    "model",
    "prompt",
    "aspect_ratio",
    "loop",
    "keyframes",
    "callback_url",
    "resolution",
    "duration",
    "concepts",
)
_CONCEPTS: Final = ("dolly_zoom", "handheld", "orbit_left", "orbit_right", "push_in", "zoom_out")


def routes(world: World, vendor: Luma) -> list[BaseRoute]:
    """Everything below `/luma`."""
    api = _Api(world, vendor)
    guarded: list[tuple[str, str, Any]] = [
        ("POST", "/generations", api.create),
        ("POST", "/generations/video", api.create),
        ("GET", "/generations", api.list_generations),
        ("GET", "/generations/concepts/list", api.concepts),
        ("GET", "/generations/{id}", api.get),
        ("DELETE", "/generations/{id}", api.delete),
        ("GET", "/credits", api.credits),
        ("GET", "/ping", api.ping),
    ]
    base = "/dream-machine/v1"
    return [
        Route(base + path, world.guard(vendor, handler), methods=[method])
        for method, path, handler in guarded
    ]


class _Api:
    def __init__(self, world: World, vendor: Luma) -> None:
        self._world = world
        self._vendor = vendor

    async def create(self, request: Request) -> Response:
        try:
            body = await json_object(request)
        except BadBody as bad:
            return detail(400, str(bad))
        model = str(body.get("model"))

        def check() -> Offer | Response:
            wrong = self._wrong(body)
            if wrong is not None:
                return detail(400, wrong)
            return Offer(id=str(uuid.uuid4()), clip=_clip(body), request=body)

        return await sell(self._world, self._vendor, request, model, check)

    def _wrong(self, body: Mapping[str, Any]) -> str | None:
        """The first thing wrong with a body, in Luma's words where they are known."""
        extra = [key for key in body if key not in _KEYS]
        if extra:
            return f"Extra inputs are not permitted: {', '.join(extra)}"
        return _wrong_choice(body) or _wrong_prompt(body) or self._wrong_keyframes(body)

    def _wrong_keyframes(self, body: Mapping[str, Any]) -> str | None:
        frames = body.get("keyframes")
        if frames is None:
            return None
        if not isinstance(frames, dict) or not frames or frames.keys() - {"frame0", "frame1"}:
            return "No keyframes provided"
        if body.get("loop") and len(frames) == 2:
            return "Loop is not supported for keyframes"
        wrongs = (self._wrong_frame(frame) for frame in frames.values())
        return next((wrong for wrong in wrongs if wrong is not None), None)

    def _wrong_frame(self, frame: object) -> str | None:
        if not isinstance(frame, dict) or frame.get("type") not in ("image", "generation"):
            return "Unknown request type"
        if frame["type"] == "image":
            url = frame.get("url")
            fits = isinstance(url, str) and url.startswith(("http://", "https://"))
            return None if fits else "Invalid image URL"
        job = self._world.job(self._vendor, str(frame.get("id")))
        if job is None or self._world.phase(job).state != "succeeded":
            return "Generation in keyframe was not found or is not completed"
        return None

    async def get(self, request: Request) -> Response:
        return await look(self._world, self._vendor, request, request.path_params["id"])

    async def delete(self, request: Request) -> Response:
        job = self._world.job(self._vendor, request.path_params["id"])
        if job is None:
            return self._vendor.refuse("gone", None, {})
        self._world.stop(job)
        job.deleted = True
        return Response(status_code=204)

    async def list_generations(self, request: Request) -> Response:
        jobs = browse(self._world, self._vendor)
        if isinstance(jobs, Response):
            return jobs
        try:
            limit, offset = (int(request.query_params.get(name, value)) for name, value in _PAGING)
        except ValueError:
            return detail(400, "limit and offset must be whole numbers")
        limit = min(limit, PAGE)
        shown = jobs[offset : offset + limit]
        return JSONResponse(
            {
                "has_more": offset + limit < len(jobs),
                "count": len(shown),
                "limit": limit,
                "offset": offset,
                "generations": [self._vendor.show(self._world, request, job) for job in shown],
            }
        )

    async def concepts(self, _: Request) -> Response:
        return JSONResponse(list(_CONCEPTS))

    async def credits(self, _: Request) -> Response:
        charges = [charge for charge in self._world.charges() if charge.provider == self._vendor.name]
        spent = sum(charge.amount * 100 for charge in charges if charge.amount is not None)
        return JSONResponse({"credit_balance": max(0.0, float(BALANCE_CENTS - spent))})

    async def ping(self, _: Request) -> Response:
        return JSONResponse({"message": "pong"})


_PAGING: Final = (("limit", PAGE), ("offset", 0))


def _wrong_choice(body: Mapping[str, Any]) -> str | None:
    choices = {
        "model": tuple(USD_PER_MEGAPIXEL),
        "aspect_ratio": _RATIOS,
        "resolution": tuple(_SHORT_SIDE),
        "duration": tuple(_SECONDS),
        "generation_type": ("video",),
    }
    if "model" not in body:
        return "Model is required"
    for name, allowed in choices.items():
        if name in body and body[name] not in allowed:
            return f"Invalid {name}: must be one of {', '.join(allowed)}"
    return None


def _wrong_prompt(body: Mapping[str, Any]) -> str | None:
    prompt = body.get("prompt")
    if prompt is None:
        return None if body.get("keyframes") else "Prompt is required"
    if not isinstance(prompt, str) or len(prompt) < 3:
        return "Prompt is too short, minimum length is 3 characters"
    return "Prompt is too long, maximum length is 5000 characters" if len(prompt) > 5000 else None


def _clip(body: Mapping[str, Any]) -> Clip:
    """What is left out counts as 5 s, 720p, 16:9."""
    return Clip.shaped(
        _SECONDS[body.get("duration", "5s")],
        short_side=_SHORT_SIDE[body.get("resolution", "720p")],
        ratio=body.get("aspect_ratio", "16:9"),
    )
