"""The vendor's side of a webhook, for samples: what it posts, and how it signs."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from anyvideo.provider import Delivery

SECRET: Final = "whsec_" + base64.b64encode(b"a-secret-of-the-samples!").decode()


def standard_delivery(answer: Mapping[str, Any], secret: str, at: datetime) -> Delivery:
    """The job object itself, signed by the Standard Webhooks scheme with a `whsec_…` secret."""
    body = json.dumps(answer, separators=(",", ":")).encode()
    mark, stamp = f"msg_{sha256(body).hexdigest()[:24]}", str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{mark}.{stamp}.".encode() + body, sha256).digest()
    return Delivery(
        headers={
            "content-type": "application/json",
            "webhook-id": mark,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        },
        body=body,
    )
