"""The endpoints of the simulated Runway."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from anyvideo.testing.simulator import BadBody, Clip, Handler, Offer, World, json_object, look, origin, sell
from anyvideo_runway.simulated_rules import (
    MODELS,
    RULES,
    UPLOAD_LIFE,
    Rule,
    issue,
    issues,
    model_issue,
    rule_for,
)
from anyvideo_runway.simulator import INVALID, Runway, charged_credits, error

VERSION: Final = "2024-11-06"
BALANCE: Final = 100_000
MIN_UPLOAD: Final = 512
MAX_UPLOAD: Final = 200_000_000


def routes(world: World, vendor: Runway) -> list[BaseRoute]:
    """Everything below `/runway`; the upload target is the one that takes no key."""
    api = _Api(world, vendor)
    guarded: list[tuple[str, str, Handler]] = [
        ("GET", "/v1/tasks/{id}", api.task),
        ("DELETE", "/v1/tasks/{id}", api.delete),
        ("POST", "/v1/uploads", api.start_upload),
        ("GET", "/v1/organization", api.organization),
        ("POST", "/v1/organization/usage", api.usage),
        *(("POST", f"/v1/{endpoint}", api.creator(endpoint)) for endpoint in RULES),
    ]
    return [
        Route("/upload-target/{token}", api.receive_upload, methods=["POST"]),
        *(
            Route(path, world.guard(vendor, _versioned(handler)), methods=[method])
            for method, path, handler in guarded
        ),
    ]


def _versioned(handler: Handler) -> Handler:
    async def versioned(request: Request) -> Response:
        if request.headers.get("x-runway-version") != VERSION:
            return error(400, f"The X-Runway-Version header must be {VERSION}.")
        return await handler(request)

    return versioned


class _Api:
    def __init__(self, world: World, vendor: Runway) -> None:
        self._world = world
        self._vendor = vendor
        self._uploads: dict[str, datetime | None] = {}

    def creator(self, endpoint: str) -> Handler:
        """The handler that buys a task of this kind."""

        async def create(request: Request) -> Response:
            try:
                body = await json_object(request)
            except BadBody as bad:
                return error(400, str(bad))
            model = body.get("model")
            return await sell(
                self._world, self._vendor, request, str(model), lambda: self._check(endpoint, model, body)
            )

        return create

    def _check(self, endpoint: str, model: object, body: dict[str, Any]) -> Offer | Response:
        rule = rule_for(endpoint, model)
        found = [model_issue(endpoint)] if rule is None else issues(rule, body, self._known_upload)
        if rule is None or found:
            return error(400, INVALID, issues=found)
        return Offer(
            id=str(uuid.uuid4()), clip=_clip(rule, body), request=body, facts={"credits": rule.credits(body)}
        )

    async def task(self, request: Request) -> Response:
        return await look(self._world, self._vendor, request, request.path_params["id"])

    async def delete(self, request: Request) -> Response:
        job = self._world.job(self._vendor, request.path_params["id"])
        if job is None:
            return self._vendor.refuse("gone", None, {})
        was_running = self._world.stop(job)
        job.deleted = not was_running or self._vendor.after_delete == "gone"
        return Response(status_code=204)

    async def start_upload(self, request: Request) -> Response:
        try:
            body = await json_object(request)
        except BadBody as bad:
            return error(400, str(bad))
        name = body.get("filename")
        if not isinstance(name, str) or not 3 <= len(name) <= 255 or body.get("type") != "ephemeral":
            wrong = issue("invalid_type", "Expected a file name of 3 to 255 characters", "filename")
            return error(400, INVALID, issues=[wrong])
        token = uuid.uuid4().hex
        self._uploads[token] = None
        target = f"{origin(request)}/{self._vendor.name}/upload-target/{token}"
        fields = {"key": token, "policy": uuid.uuid4().hex}
        return JSONResponse({"uploadUrl": target, "fields": fields, "runwayUri": f"runway://{token}"})

    async def receive_upload(self, request: Request) -> Response:
        token = request.path_params["token"]
        async with request.form() as form:
            file = form.get("file")
            if token not in self._uploads or form.get("key") != token or not isinstance(file, UploadFile):
                return Response("the form does not fit this upload", status_code=403)
            size = len(await file.read())
        if self._uploads[token] is not None:
            return Response("this upload was used before", status_code=403)
        if not MIN_UPLOAD <= size <= MAX_UPLOAD:
            return Response("a file must have 512 bytes to 200 MB", status_code=400)
        self._uploads[token] = self._world.clock.now()
        return Response(status_code=204)

    def _known_upload(self, uri: str) -> bool:
        since = self._uploads.get(uri.removeprefix("runway://"))
        return since is not None and self._world.clock.now() - since <= UPLOAD_LIFE

    async def organization(self, _: Request) -> Response:
        limits = {"maxConcurrentGenerations": 5, "maxDailyGenerations": 1000}
        mine = [job for job in self._world.jobs.values() if job.provider == self._vendor.name]
        jobs = Counter(job.model for job in mine)
        return JSONResponse(
            {
                "creditBalance": max(0, BALANCE - sum(self._spent().values())),
                "tier": {"maxMonthlyCreditSpend": BALANCE, "models": dict.fromkeys(MODELS, limits)},
                "usage": {"models": {model: {"dailyGenerations": jobs[model]} for model in MODELS}},
            }
        )

    async def usage(self, _: Request) -> Response:
        spent = self._spent()
        today = self._world.clock.now().date().isoformat()
        used = [{"model": model, "amount": amount} for model, amount in spent.items()]
        return JSONResponse({"results": [{"date": today, "usedCredits": used}], "models": list(spent)})

    def _spent(self) -> Counter[str]:
        """Credits charged per model, deleted tasks included."""
        spent: Counter[str] = Counter()
        for job in self._world.jobs.values():
            if job.provider == self._vendor.name:
                spent[job.model] += charged_credits(job, self._world.phase(job))
        return spent


def _clip(rule: Rule, body: dict[str, Any]) -> Clip:
    width, height = (int(side) for side in body["ratio"].split(":"))
    return Clip.lasting(rule.seconds(body), width=width, height=height)
