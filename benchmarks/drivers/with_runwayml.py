"""One task with the bare runwayml SDK."""

from __future__ import annotations

from common import PROMPT, run, timeout
from runwayml import RunwayML


def call() -> str:
    client = RunwayML(timeout=timeout())
    client.text_to_video.create(model="gen4.5", prompt_text=PROMPT, ratio="1280:720", duration=5)
    return "task"


run(call)
