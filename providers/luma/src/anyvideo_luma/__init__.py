"""Luma's Dream Machine API as a plugin of anyvideo: ray-2 and ray-flash-2."""

from __future__ import annotations

from anyvideo.provider import (
    ProviderContext,
    ProviderPlugin,
    Recovery,
    VideoProvider,
    hookimpl,
    read_catalog,
)
from anyvideo_luma.words import STATUSES

__all__ = ["anyvideo_providers"]


@hookimpl
def anyvideo_providers() -> list[ProviderPlugin]:
    """The plain facts about Luma; nothing is opened. It takes pictures by address only, and has no upload."""
    return [
        ProviderPlugin(
            name="luma",
            vendor="luma",
            catalog=read_catalog("luma", vendor="luma", package=__name__),
            recovery=Recovery(
                kind="listing",
                list_lag=30.0,
                echoes_callback=True,
                source="lumaai 1.21.0, types/generation.py: GET /generations echoes the whole request",
            ),
            open=_open,
            statuses=STATUSES,
            key_variables=("LUMAAI_API_KEY", "LUMA_API_KEY"),
            base_url_variable="LUMAAI_BASE_URL",
            default_base_url="https://api.lumalabs.ai/dream-machine/v1",
            cancels="may_delete_output",
            simulator="anyvideo_luma.simulator:create",
        )
    ]


def _open(context: ProviderContext) -> VideoProvider:
    from anyvideo_luma.provider import Luma

    return Luma(context)
