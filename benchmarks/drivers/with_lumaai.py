"""One generation with the bare lumaai SDK."""

from __future__ import annotations

from common import PROMPT, run, timeout
from lumaai import LumaAI


def call() -> str:
    client = LumaAI(timeout=timeout())
    client.generations.create(model="ray-flash-2", prompt=PROMPT, resolution="540p", duration="5s")
    return "generation"


run(call)
