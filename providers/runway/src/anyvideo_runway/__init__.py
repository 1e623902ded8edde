"""Runway as a plugin of anyvideo: text and image to video by Runway's own and hosted models."""

from __future__ import annotations

from anyvideo.provider import (
    MediaRules,
    ProviderContext,
    ProviderPlugin,
    Recovery,
    VideoProvider,
    hookimpl,
    read_catalog,
)
from anyvideo_runway.words import REFUSALS, STATUSES

__all__ = ["anyvideo_providers"]


@hookimpl
def anyvideo_providers() -> list[ProviderPlugin]:
    """The plain facts about Runway; nothing is opened."""
    return [
        ProviderPlugin(
            name="runway",
            vendor="runway",
            catalog=read_catalog("runway", vendor="runway", package=__name__),
            recovery=Recovery(
                kind="nothing",
                result_ttl=86_400.0,
                source="runwayml 5.24.0: no list of tasks, no tag, no callback; addresses live 24-48 h",
            ),
            open=_open,
            statuses=STATUSES,
            refusals=REFUSALS,
            # docs.dev.runwayml.com/assets/inputs: data URIs up to 5 MB encoded, uploads up to 200 MB.
            media=MediaRules(data_uri_bytes=5_000_000, upload_bytes=200_000_000),
            key_variables=("RUNWAYML_API_SECRET",),
            base_url_variable="RUNWAYML_BASE_URL",
            default_base_url="https://api.dev.runwayml.com",
            cancels="may_delete_output",
            simulator="anyvideo_runway.simulator:create",
        )
    ]


def _open(context: ProviderContext) -> VideoProvider:
    from anyvideo_runway.provider import Runway

    return Runway(context)
