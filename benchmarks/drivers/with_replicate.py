"""One prediction with the bare replicate SDK."""

from __future__ import annotations

import httpx
import replicate
from common import PROMPT, run, timeout


def call() -> str:
    client = replicate.Client(timeout=httpx.Timeout(timeout()))
    made = client.models.predictions.create("bytedance/seedance-1-lite", input={"prompt": PROMPT})
    return f"prediction {made.status}"


run(call)
