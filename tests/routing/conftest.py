from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from anyvideo import Plugins
from anyvideo.catalog.spec import ModelSpec
from anyvideo.provider import ProviderPlugin
from anyvideo.routing.plan import make_plan
from anyvideo.types.plan import Plan
from anyvideo.types.request import Image, VideoRequest

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ROUTE = ("svd", "cogvideox", "cheapest", "stand-in")


@dataclass(kw_only=True)
class Desk:
    """Plans over the shipped catalogs. `ready` lists the providers that have a key."""

    plugins: Sequence[ProviderPlugin]
    ready: set[str] = field(default_factory=lambda: {"replicate", "runway", "luma"})

    @property
    def specs(self) -> list[ModelSpec]:
        return [spec for plugin in self.plugins for spec in plugin.catalog.models]

    def spec(self, model: str) -> ModelSpec:
        return next(spec for spec in self.specs if spec.id == model)

    def plan(
        self,
        request: VideoRequest,
        *route: str,
        routes: Mapping[str, Sequence[str]] | None = None,
        **options: Any,
    ) -> Plan:
        readiness = {
            plugin.name: f"set {plugin.key_variables[0]}"
            if plugin.needs_key and plugin.name not in self.ready
            else None
            for plugin in self.plugins
        }
        return make_plan(
            request,
            **{"plugins": self.plugins, "specs": self.specs, "now": NOW, **options},
            route=route or ROUTE,
            routes=routes or {},
            readiness=readiness,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk(plugins=Plugins.discover().all)


@pytest.fixture
def wish() -> Callable[..., VideoRequest]:
    """A request; `picture=True` adds a small picture in memory."""

    def make(prompt: str | None = "a heron lifts off", *, picture: bool = False, **more: Any) -> VideoRequest:
        if picture:
            more["image"] = Image(data=b"\xff\xd8" + bytes(2000), content_type="image/jpeg", size=2002)
        return VideoRequest(prompt=prompt, **more)

    return make
