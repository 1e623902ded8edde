"""The control API under `/_sim`: faults, times, the ledger and what was asked of the vendors."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from anyvideo.testing.simulator.clock import iso
from anyvideo.testing.simulator.faults import FAULTS, FaultError
from anyvideo.testing.simulator.ledger import total
from anyvideo.testing.simulator.wire import BadBody, json_object, origin

if TYPE_CHECKING:
    from anyvideo.testing.simulator.world import World


def help_json(world: World) -> dict[str, Any]:
    """What the control API can do, for `GET /_sim/`."""
    return {
        "providers": [vendor.name for vendor in world.vendors],
        "endpoints": {
            "GET /_sim/": "this page",
            "GET /_sim/env": "the environment that points the vendors' SDKs at this server",
            "GET /_sim/ledger": "every accepted generation and its bill as it stands",
            "GET /_sim/requests": "what reached the vendors, and leaks: keys sent to outputs",
            "GET /_sim/time": "how long jobs take",
            "POST /_sim/time": 'set it: {"seconds"} or {"law": {"kind", "median", "sigma"}, "seed"?}',
            "GET /_sim/faults": "the faults in force",
            "POST /_sim/faults": 'order one: {"provider", "fault", "model"?, "times"?, "share"?, "seed"?, …}',
            "DELETE /_sim/faults": "clear them, all or those of ?provider=",
        },
        "faults": {
            name: {"stage": spec.stage, "does": spec.says, "parameters": dict(spec.params)}
            for name, spec in FAULTS.items()
        },
    }


def order_fault(world: World, body: dict[str, Any]) -> dict[str, object]:
    """Put a fault from JSON on the board. Raises FaultError."""
    missing = [name for name in ("provider", "fault") if name not in body]
    if missing:
        raise FaultError(f"{' and '.join(missing)} must be given")
    order = dict(body)
    provider, fault = order.pop("provider"), order.pop("fault")
    return world.faults.add(provider, fault, **order).as_json()


def control_routes(world: World) -> list[BaseRoute]:
    """The routes below `/_sim`."""
    control = _Control(world)
    return [
        Route("/", control.help),
        Route("/env", control.env),
        Route("/ledger", control.ledger),
        Route("/requests", control.requests),
        Route("/time", control.time, methods=["GET"]),
        Route("/time", control.set_time, methods=["POST"]),
        Route("/faults", control.faults, methods=["GET"]),
        Route("/faults", control.order, methods=["POST"]),
        Route("/faults", control.clear, methods=["DELETE"]),
    ]


class _Control:
    def __init__(self, world: World) -> None:
        self._world = world

    async def help(self, _: Request) -> Response:
        return JSONResponse(help_json(self._world))

    async def env(self, request: Request) -> Response:
        return JSONResponse(env_of(self._world, origin(request)))

    async def ledger(self, _: Request) -> Response:
        charges = self._world.charges()
        lines = [charge.as_json() for charge in charges]
        return JSONResponse({"charges": lines, "total": format(total(charges), "f")})

    async def requests(self, _: Request) -> Response:
        seen, leaks = list(self._world.requests), list(self._world.leaks)
        return JSONResponse(
            {"requests": [asdict(one) for one in seen], "leaks": [asdict(one) for one in leaks]}
        )

    async def time(self, _: Request) -> Response:
        return JSONResponse({"now": iso(self._world.clock.now()), **self._world.times.as_json()})

    async def set_time(self, request: Request) -> Response:
        try:
            self._world.times.set(**_only(await json_object(request), "seconds", "law", "seed"))
        except ValueError as error:
            return _bad(error)
        return await self.time(request)

    async def faults(self, _: Request) -> Response:
        return JSONResponse({"faults": self._world.faults.listing()})

    async def order(self, request: Request) -> Response:
        try:
            return JSONResponse(order_fault(self._world, await json_object(request)), status_code=201)
        except ValueError as error:
            return _bad(error)

    async def clear(self, request: Request) -> Response:
        self._world.faults.clear(request.query_params.get("provider"))
        return await self.faults(request)


def env_of(world: World, base_url: str) -> dict[str, str]:
    """All vendors' environments in one, for a server at `base_url`."""
    merged: dict[str, str] = {}
    for vendor in world.vendors:
        merged |= vendor.env(f"{base_url}/{vendor.name}")
    return merged


def _only(body: dict[str, Any], *known: str) -> dict[str, Any]:
    unknown = [name for name in body if name not in known]
    if unknown:
        raise BadBody(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    return body


def _bad(error: Exception) -> Response:
    return JSONResponse({"error": str(error), "help": "GET /_sim/ lists what is possible"}, status_code=400)
