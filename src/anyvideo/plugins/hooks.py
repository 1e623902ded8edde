"""What a plugin may implement, marked with `anyvideo.provider.hookimpl`. None of it is required."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from anyvideo.provider import ProviderPlugin
    from anyvideo.types.events import Event
    from anyvideo.types.request import VideoRequest
    from anyvideo.types.video import Video

PROJECT = "anyvideo"
CHECKS = ("anyvideo_check_request", "anyvideo_check_video")
"""The hooks that may refuse."""

hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def anyvideo_providers() -> list[ProviderPlugin]:  # type: ignore[empty-body]
    """The providers that this plugin brings: plain facts, nothing is opened."""


@hookspec
def anyvideo_on_event(event: Event) -> None:
    """Something happened to a job. Called on the client's loop: return quickly. What it raises is logged."""


@hookspec
def anyvideo_check_request(request: VideoRequest) -> str | None:
    """Called in a worker thread before anything is bought: a reason, or raising, refuses; None agrees."""


@hookspec
def anyvideo_check_video(video: Video) -> str | None:
    """Called in a worker thread before a file is delivered: a reason, or raising, refuses; None agrees."""
