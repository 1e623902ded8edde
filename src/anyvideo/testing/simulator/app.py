"""The ASGI app: each vendor under its name, its outputs beside it, the control API under `/_sim`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.utils import format_datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from anyvideo.testing.simulator.control import control_routes
from anyvideo.testing.simulator.wire import ShortBody, bearer
from anyvideo.testing.simulator.world import OutputLink, Seen, World

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from anyvideo.testing.simulator.clock import Clock
    from anyvideo.testing.simulator.vendor import SimulatedVendor


def create_app(vendors: Sequence[SimulatedVendor], *, clock: Clock | None = None) -> Starlette:
    """The simulator of these vendors; its `World` is `app.state.world`."""
    world = World(vendors=tuple(vendors)) if clock is None else World(vendors=tuple(vendors), clock=clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        world.close()

    mounts: list[BaseRoute] = [_mount(world, vendor) for vendor in vendors]
    app = Starlette(routes=[Mount("/_sim", routes=control_routes(world)), *mounts], lifespan=lifespan)
    app.state.world = world
    return app


def _mount(world: World, vendor: SimulatedVendor) -> BaseRoute:
    outputs = Route("/outputs/{token}.mp4", _outputs(world, vendor))
    routed = Starlette(routes=[outputs, *vendor.routes(world)])
    return Mount(f"/{vendor.name}", app=_watched(world, vendor, routed))


def _watched(world: World, vendor: SimulatedVendor, app: ASGIApp) -> ASGIApp:
    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(world.clock.now(), usegmt=True).encode()
                message["headers"] = [*message.get("headers", ()), (b"date", date)]
            await send(message)

        if scope["type"] == "http":
            world.requests.append(_seen(vendor, Request(scope)))
        await app(scope, receive, dated)

    return watched


def _seen(vendor: SimulatedVendor, request: Request) -> Seen:
    return Seen(method=request.method, path=request.url.path, vendor=vendor.name, authorized=bearer(request))


def _outputs(world: World, vendor: SimulatedVendor):  # type: ignore[no-untyped-def]
    async def output(request: Request) -> Response:
        if "authorization" in request.headers:
            world.leaks.append(_seen(vendor, request))
            return PlainTextResponse("a key was sent to the place where outputs lie", status_code=400)
        link = world.links.get(request.path_params["token"])
        if link is None or link.job.provider != vendor.name:
            return PlainTextResponse("no such output", status_code=404)
        return await _deliver(world, vendor, link)

    return output


async def _deliver(world: World, vendor: SimulatedVendor, link: OutputLink) -> Response:
    fault = world.faults.take(vendor.name, link.job.model, "download")
    name = fault.name if fault is not None else None
    if name == "expired_output":
        link.expired = link.fresh
    if name == "expired_output" or link.expired or _expired(world, vendor, link):
        return PlainTextResponse("this link has expired", status_code=vendor.expired_status)
    if name == "output_not_video":
        return HTMLResponse("<!doctype html><title>Please sign in</title><p>Please sign in to see this page.")
    if fault is not None and name == "slow_download":
        await asyncio.sleep(fault.seconds())
    path = await world.clips.file(link.job.clip)
    if name == "output_short":
        return ShortBody(await asyncio.to_thread(path.read_bytes), world.hang_up)
    return FileResponse(path, media_type="video/mp4")


def _expired(world: World, vendor: SimulatedVendor, link: OutputLink) -> bool:
    old = vendor.output_life is not None and world.clock.now() - link.since > vendor.output_life
    return old or link.job.deleted
