"""Replicate as a plugin of anyvideo: community models by version, official models by name."""

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
from anyvideo_replicate.words import REFUSALS, STATUSES

__all__ = ["anyvideo_providers"]


@hookimpl
def anyvideo_providers() -> list[ProviderPlugin]:
    """The plain facts about Replicate; nothing is opened."""
    return [
        ProviderPlugin(
            name="replicate",
            vendor="replicate",
            catalog=read_catalog("replicate", vendor="replicate", package=__name__),
            recovery=Recovery(
                kind="listing",
                result_ttl=3600.0,
                list_lag=30.0,
                source="OpenAPI 1.0.0-a1: GET /predictions echoes inputs; data-retention page: one hour",
            ),
            open=_open,
            statuses=STATUSES,
            refusals=REFUSALS,
            # OpenAPI 1.0.0-a1, input: data URLs up to 256 KB; POST /files answers 413 from 100 MB on.
            media=MediaRules(data_uri_bytes=256_000, upload_bytes=100_000_000 - 1),
            key_variables=("REPLICATE_API_TOKEN",),
            base_url_variable="REPLICATE_BASE_URL",
            default_base_url="https://api.replicate.com",
            model_variable="REPLICATE_MODEL",
            cancels="stops",
            vendor_deadline=True,
            simulator="anyvideo_replicate.simulator:create",
        )
    ]


def _open(context: ProviderContext) -> VideoProvider:
    from anyvideo_replicate.provider import Replicate

    return Replicate(context)
