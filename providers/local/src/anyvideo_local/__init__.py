"""Animatics drawn on this machine, as a plugin of anyvideo: free, without a key, no model's output."""

from __future__ import annotations

from anyvideo.provider import (
    JobStatus,
    MediaRules,
    ProviderContext,
    ProviderPlugin,
    Recovery,
    VideoProvider,
    hookimpl,
    read_catalog,
)

__all__ = ["anyvideo_providers"]


@hookimpl
def anyvideo_providers() -> list[ProviderPlugin]:
    """The plain facts about the animatics; nothing is opened or drawn."""
    return [
        ProviderPlugin(
            name="local",
            vendor="local",
            catalog=read_catalog("local", vendor="local", package=__name__),
            recovery=Recovery(kind="in_process"),
            open=_open,
            statuses={"drawn": JobStatus.SUCCEEDED, "not drawn": JobStatus.FAILED},
            media=MediaRules(data_uri_bytes=150_000_000),
            stand_in=True,
            label="animatic: drawn on this machine, not a model's output",
        )
    ]


def _open(context: ProviderContext) -> VideoProvider:
    from anyvideo_local.provider import Animatics

    return Animatics(context)
