"""One run with the bare replicate SDK.

It waits for an answer as long as `wait` says plus half a second. Where `wait` is off it waits for ever: no
timeout of its client holds for the call that buys.
"""

from __future__ import annotations

import replicate
from common import PROMPT, run, timeout


def call() -> str:
    made = replicate.Client().run("bytedance/seedance-1-lite", input={"prompt": PROMPT}, wait=int(timeout()))
    return f"prediction {type(made).__name__}"


run(call)
