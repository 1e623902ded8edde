"""One video call with LiteLLM: directly, through its router, or through its router with one fallback.

The router is called by `avideo_generation`, as LiteLLM's own proxy does; its blocking twin neither retries
nor falls back.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import litellm
from common import PROMPT, run, timeout

RUNWAY: dict[str, Any] = {
    "model": "runwayml/gen4.5",
    "api_base": os.environ["RUNWAYML_BASE_URL"] + "/v1",
    "api_key": os.environ["RUNWAYML_API_SECRET"],
    "timeout": timeout(),
}
FAL: dict[str, Any] = {
    "model": "fal_ai/fal-ai/some-video-model",
    "api_base": os.environ["FAL_QUEUE_URL"],
    "api_key": os.environ["FAL_KEY"],
    "timeout": timeout(),
}
WISH: dict[str, Any] = {"prompt": PROMPT, "seconds": "5", "size": "1280x720"}


def direct() -> str:
    return f"video {litellm.video_generation(**RUNWAY, **WISH).status}"


def router(*, fallback: bool) -> str:
    deployments = [{"model_name": "first", "litellm_params": RUNWAY}]
    options: dict[str, Any] = {}
    if fallback:
        deployments.append({"model_name": "second", "litellm_params": FAL})
        options["fallbacks"] = [{"first": ["second"]}]
    made = litellm.Router(model_list=deployments, **options).avideo_generation(model="first", **WISH)
    return f"video {asyncio.run(made).status}"


MODES = {
    "direct": direct,
    "router": lambda: router(fallback=False),
    "fallback": lambda: router(fallback=True),
}
run(MODES[sys.argv[1]])
