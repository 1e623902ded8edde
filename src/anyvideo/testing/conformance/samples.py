"""What the suite orders: by default the shortest and smallest clip that each model makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from anyvideo.catalog.spec import ModelSpec, ModelStatus
from anyvideo.provider import Delivery, MediaRules, ProviderPlugin
from anyvideo.routing.fit import fit
from anyvideo.testing.conformance.rules import broken
from anyvideo.testing.deliveries import SECRET
from anyvideo.testing.smallest import REQUESTABLE, draw_picture, lowest, shortest
from anyvideo.types.plan import Fit, Rejection
from anyvideo.types.request import Image, Task, VideoRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What an author may tell the suite about the vendor.

    `picture_url` is used where the vendor takes pictures by address only. `unpriced` names the models
    (without the provider) whose price nobody publishes. `kinds` says as what a simulated fault is to be
    understood, over the suite's own table: {"model_down": "BadRequest"}.

    `deliver(answer, secret, at)` is what the vendor would post at that time, were a poll answered with that
    JSON object, signed with a secret like `webhook_secret`: `standard_delivery`, or a function of your own.
    `callback` is False where the address stands in the vendor's account and cannot be given with an order.
    """

    prompt: str = "a red kite over a green hill"
    picture: bytes = field(default_factory=draw_picture, repr=False)
    picture_url: str = "https://pictures.example/first-frame.png"
    unpriced: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)
    deliver: Callable[[Mapping[str, Any], str, datetime], Delivery] | None = None
    webhook_secret: str = field(default=SECRET, repr=False)
    callback: bool = True

    def kinds_of(self, fault: str, usual: frozenset[str]) -> frozenset[str]:
        """As what a fault is to be understood."""
        return frozenset({self.kinds[fault]}) if fault in self.kinds else usual

    def image(self, media: MediaRules) -> Image:
        """The picture in the form that the vendor takes."""
        if media.data_uri_bytes is None and media.upload_bytes is None:
            return Image(url=self.picture_url)
        return Image(data=self.picture, content_type="image/png", size=len(self.picture))

    def request(self, spec: ModelSpec, task: Task, media: MediaRules) -> VideoRequest:
        """The smallest wish for a task."""
        return VideoRequest(
            prompt=self.prompt if "prompt" in spec.inputs else None,
            image=self.image(media) if task is Task.IMAGE_TO_VIDEO else None,
            duration=shortest(spec.length),
            resolution=lowest(spec, task),
        )

    def fits(self, plugin: ProviderPlugin) -> Iterator[tuple[ModelSpec, Fit]]:
        """Every model that is not retired, with each of its tasks. Breaks `catalog` where none fits."""
        for spec in plugin.catalog.models:
            if spec.status is ModelStatus.RETIRED:
                continue
            for task in spec.tasks:
                if task in REQUESTABLE:
                    yield spec, self._fit(spec, task, plugin.media)

    def _fit(self, spec: ModelSpec, task: Task, media: MediaRules) -> Fit:
        request = self.request(spec, task, media)
        fitted = fit(request, spec, today=spec.checked, media=media)
        if isinstance(fitted, Rejection):
            broken(
                "catalog",
                expected=f"{spec.id} takes its own shortest and smallest clip for {task}",
                got=f"it is turned down: {fitted.reason}",
            )
        return fitted
