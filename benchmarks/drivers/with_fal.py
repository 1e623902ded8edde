"""One queued request with fal-client, its queue's address set to this machine.

The pauses between its attempts are shortened, their number is not.
"""

from __future__ import annotations

import os

import fal_client
import fal_client.client as inside
from common import PROMPT, run, timeout


def call() -> str:
    inside.QUEUE_URL_FORMAT = os.environ["FAL_QUEUE_URL"] + "/"
    inside.BASE_DELAY = 0.001
    client = fal_client.SyncClient(key=os.environ["FAL_KEY"], default_timeout=timeout())
    client.submit("fal-ai/some-video-model", arguments={"prompt": PROMPT})
    return "handle"


run(call)
