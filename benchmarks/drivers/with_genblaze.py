"""One pipeline step with genblaze. The vendor SDK under it is its own, only its timeout is ours."""

from __future__ import annotations

import sys
from typing import Any

from common import PROMPT, run, timeout
from genblaze_core import Modality, Pipeline


def runway() -> tuple[Any, dict[str, Any]]:
    from genblaze_runway import RunwayProvider
    from runwayml import RunwayML

    provider = RunwayProvider(poll_interval=0.2)
    provider._client = RunwayML(timeout=timeout())
    return provider, {"model": "gen4.5", "duration": 5}


def luma() -> tuple[Any, dict[str, Any]]:
    from genblaze_luma import LumaProvider
    from lumaai import LumaAI

    provider = LumaProvider(poll_interval=0.2)
    provider._client = LumaAI(timeout=timeout())
    return provider, {"model": "ray-flash-2"}


def replicate() -> tuple[Any, dict[str, Any]]:
    from genblaze_replicate import ReplicateProvider

    provider = ReplicateProvider(poll_interval=0.2, http_timeout=timeout())
    return provider, {"model": "thudm/cogvideox-t2v"}


VENDORS = {"runway": runway, "luma": luma, "replicate": replicate}


def call() -> str:
    provider, options = VENDORS[sys.argv[1]]()
    step = Pipeline("charges").step(provider, prompt=PROMPT, modality=Modality.VIDEO, **options)
    result = step.run(timeout=60, raise_on_failure=True)
    return f"run {result.run.status.value}"


run(call)
