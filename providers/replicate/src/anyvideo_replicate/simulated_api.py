"""The endpoints of the simulated Replicate."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from anyvideo.testing.simulator import BadBody, Job, Offer, World, browse, json_object, look, sell
from anyvideo_replicate.simulated_files import Files, new_id
from anyvideo_replicate.simulated_models import Card, by_slug, by_version, invalid_fields
from anyvideo_replicate.simulator import Replicate, invalid, problem

PAGE: Final = 100
_KNOWN: Final = ("version", "input", "webhook", "webhook_events_filter", "stream")
_EVENTS: Final = ("start", "output", "logs", "completed")
_PUBLISHED: Final = "2024-01-15T12:00:00.000Z"
_NO_VERSION: Final = "The specified version does not exist (or perhaps you don't have permission to use it?)"
_NOT_FOUND: Final = "The requested resource could not be found."
_HARDWARE: Final = (
    ("CPU", "cpu"),
    ("Nvidia T4 GPU", "gpu-t4"),
    ("Nvidia L40S GPU", "gpu-l40s"),
    ("Nvidia A100 (80GB) GPU", "gpu-a100-large"),
    ("Nvidia H100 GPU", "gpu-h100"),
)


def routes(world: World, vendor: Replicate) -> list[BaseRoute]:
    """Everything below `/replicate`."""
    api, files = _Api(world, vendor), Files(world)
    guarded: list[tuple[str, str, Any]] = [
        ("POST", "/v1/predictions", api.create),
        ("GET", "/v1/predictions", api.list_predictions),
        ("GET", "/v1/predictions/{id}", api.get),
        ("POST", "/v1/predictions/{id}/cancel", api.cancel),
        ("POST", "/v1/models/{owner}/{model}/predictions", api.create_official),
        ("GET", "/v1/models/{owner}/{model}", api.model),
        ("GET", "/v1/models/{owner}/{model}/versions", api.versions),
        ("GET", "/v1/models/{owner}/{model}/versions/{id}", api.version),
        ("POST", "/v1/files", files.upload),
        ("GET", "/v1/files", files.list_files),
        ("GET", "/v1/files/{id}", files.file),
        ("DELETE", "/v1/files/{id}", files.delete_file),
        ("GET", "/v1/account", api.account),
        ("GET", "/v1/hardware", api.hardware),
        ("GET", "/v1/webhooks/default/secret", api.webhook_secret),
    ]
    return [Route(path, world.guard(vendor, handler), methods=[method]) for method, path, handler in guarded]


class _Api:
    def __init__(self, world: World, vendor: Replicate) -> None:
        self._world = world
        self._vendor = vendor
        self._secret = "whsec_" + secrets.token_hex(16)

    async def create(self, request: Request) -> Response:
        body = await _body(request)
        if isinstance(body, Response):
            return body
        word = body.get("version")
        card = by_version(word) if isinstance(word, str) else None
        return await self._sell(request, card, str(word), body)

    async def create_official(self, request: Request) -> Response:
        body = await _body(request, known=_KNOWN[1:])
        if isinstance(body, Response):
            return body
        slug = _slug(request)
        card = by_slug(slug)
        if card is None or not card.official:
            return problem(404, None, _NOT_FOUND)
        return await self._sell(request, card, slug, body)

    async def _sell(self, request: Request, card: Card | None, word: str, body: dict[str, Any]) -> Response:
        def check() -> Offer | Response:
            return _check(request, card, body)

        return await sell(self._world, self._vendor, request, card.slug if card else word, check)

    async def get(self, request: Request) -> Response:
        return await look(self._world, self._vendor, request, request.path_params["id"])

    async def cancel(self, request: Request) -> Response:
        job = self._world.job(self._vendor, request.path_params["id"])
        if job is None:
            return problem(404, None, _NOT_FOUND)
        self._world.stop(job)
        return JSONResponse(self._vendor.show(self._world, request, job))

    async def list_predictions(self, request: Request) -> Response:
        query = request.query_params
        try:
            after, before = _moment(query.get("created_after")), _moment(query.get("created_before"))
        except ValueError as error:
            return problem(400, "Bad request", str(error))
        jobs = browse(self._world, self._vendor)
        if isinstance(jobs, Response):
            return jobs
        shown = [job for job in jobs if _within(job, after, before) and query.get("source") != "web"]
        return JSONResponse(self._page(request, shown))

    def _page(self, request: Request, jobs: list[Job]) -> dict[str, Any]:
        ids = [job.id for job in jobs]
        cursor = request.query_params.get("cursor")
        start = ids.index(cursor) + 1 if cursor in ids else 0
        shown = jobs[start : start + PAGE]
        more = start + PAGE < len(jobs)
        url = request.url.remove_query_params("cursor")
        earlier = url.include_query_params(cursor=ids[start - PAGE - 1]) if start > PAGE else url
        return {
            "previous": str(earlier) if start else None,
            "next": str(url.include_query_params(cursor=shown[-1].id)) if more else None,
            "results": [self._vendor.show(self._world, request, job) for job in shown],
        }

    async def model(self, request: Request) -> Response:
        card = by_slug(_slug(request))
        if card is None:
            return problem(404, None, _NOT_FOUND)
        owner, name = card.slug.split("/")
        return JSONResponse(
            {
                "url": f"https://replicate.com/{card.slug}",
                "owner": owner,
                "name": name,
                "description": card.says,
                "visibility": "public",
                "github_url": None,
                "paper_url": None,
                "license_url": None,
                "run_count": 1000,
                "cover_image_url": None,
                "default_example": None,
                "is_official": card.official,
                "latest_version": _version(card),
            }
        )

    async def versions(self, request: Request) -> Response:
        card = by_slug(_slug(request))
        if card is None:
            return problem(404, None, _NOT_FOUND)
        return JSONResponse({"previous": None, "next": None, "results": [_version(card)]})

    async def version(self, request: Request) -> Response:
        card = by_slug(_slug(request))
        if card is None or request.path_params["id"] != _version(card)["id"]:
            return problem(404, None, _NOT_FOUND)
        return JSONResponse(_version(card))

    async def account(self, _: Request) -> Response:
        return JSONResponse({"type": "user", "username": "simulated", "name": "Simulated User"})

    async def hardware(self, _: Request) -> Response:
        return JSONResponse([{"name": name, "sku": sku} for name, sku in _HARDWARE])

    async def webhook_secret(self, _: Request) -> Response:
        return JSONResponse({"key": self._secret})


async def _body(request: Request, known: tuple[str, ...] = _KNOWN) -> dict[str, Any] | Response:
    try:
        body = await json_object(request)
    except BadBody as error:
        return problem(400, "Bad request", str(error))
    extra = [name for name in body if name not in known]
    kind = "additional_property_not_allowed"
    told = "Additional property {} is not allowed"
    wrong = [{"type": kind, "field": "", "description": told.format(name)} for name in extra]
    if "version" in known and not isinstance(body.get("version"), str):
        wrong.append({"type": "required", "field": "", "description": "version is required"})
    if not isinstance(body.get("input"), dict):
        wrong.append({"type": "required", "field": "", "description": "input is required"})
    return invalid(wrong) if wrong else body


def _check(request: Request, card: Card | None, body: dict[str, Any]) -> Offer | Response:
    if card is None:
        return problem(422, "Invalid version or not permitted", _NO_VERSION)
    wrong = invalid_fields(card, body["input"]) + _webhook_fields(body)
    if wrong:
        return invalid(wrong)
    try:
        deadline = _seconds(request.headers.get("cancel-after"))
    except ValueError as error:
        return problem(400, "Bad request", str(error))
    return Offer(
        id=new_id(),
        clip=card.clip(body["input"]),
        request=body["input"],
        deadline=deadline,
        runs_out=None if deadline is None else deadline / card.predict_time,
    )


def _webhook_fields(body: Mapping[str, Any]) -> list[dict[str, str]]:
    webhook, events = body.get("webhook"), body.get("webhook_events_filter", [])
    wrong = []
    if webhook is not None and not str(webhook).startswith("https://"):
        wrong.append({"type": "format", "field": "webhook", "description": "webhook must be an HTTPS URL"})
    if not isinstance(events, list) or any(event not in _EVENTS for event in events):
        wrong.append({"type": "enum", "field": "webhook_events_filter", "description": "Unknown event"})
    return wrong


def _seconds(header: str | None) -> float | None:
    """A Cancel-After header, 5 s at least; no unit means seconds."""
    if header is None:
        return None
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", header.strip())
    if found is None or not any(found.groups()):
        raise ValueError(f"Cancel-After: {header!r} is not a duration")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole = hours * 3600 + minutes * 60 + seconds
    if whole < 5:
        raise ValueError("Cancel-After must be at least 5 seconds")
    return float(whole)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _within(job: Job, after: datetime | None, before: datetime | None) -> bool:
    return (after is None or job.created_at >= after) and (before is None or job.created_at < before)


def _slug(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['model']}"


def _version(card: Card) -> dict[str, Any]:
    uri = {"type": "string", "format": "uri", "title": "Output"}
    return {
        "id": card.version or hashlib.sha256(card.slug.encode()).hexdigest(),
        "created_at": _PUBLISHED,
        "cog_version": "0.9.4",
        "openapi_schema": {
            "openapi": "3.0.2",
            "components": {"schemas": {"Input": card.schema(), "Output": uri}},
        },
    }
