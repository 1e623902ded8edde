"""What a vendor sends by itself: how a delivery is told from a forgery, and what it says about a job.

A signature is a shared secret's word for the very bytes that came: nothing of a body is read before it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from anyvideo.types.errors import BadDelivery, ConfigurationError
from anyvideo.types.job import Ref, Update

if TYPE_CHECKING:
    from pydantic import SecretStr

LONGEST_HEADER: Final = 4096
LARGEST_BODY: Final = 1024 * 1024
MOST_SIGNATURES: Final = 10
SHORTEST_SECRET: Final = 16
_ID: Final = re.compile(r"[!-\-/-~]{1,256}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One POST of a vendor, as it came: `body` is raw. Header names are lower case."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json_object(self) -> dict[str, Any]:
        """The body's JSON object, for a delivery whose signature was checked. Raises BadDelivery."""
        try:
            fields = json.loads(self.body)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise BadDelivery("the body is no JSON object")
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a delivery says. `id` is the vendor's mark, the same when it sends again; None without one."""

    ref: Ref
    update: Update
    id: str | None = None


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """The vendor says how a job stands: by a signed POST to `Order.callback_url`, which `submit` tells it."""

    def receive(
        self, delivery: Delivery, *, secrets: Sequence[SecretStr], now: datetime, window: float
    ) -> Notice:
        """Pure: check the signature over the raw body in constant time, then read what it says.

        `secrets` are all in force: two while one replaces the other. `window` is in seconds: a delivery whose
        signed time is farther from `now` is refused. Raises BadDelivery for all that is not as it should be.
        """
        ...


def standard_webhook(
    delivery: Delivery, *, secrets: Sequence[SecretStr], now: datetime, window: float
) -> str:
    """Check a delivery signed by the Standard Webhooks scheme, version 1 (HMAC-SHA256), and return its id.

    Source: standard-webhooks/spec. Secrets are base64, after `whsec_` or alone. Raises BadDelivery, and
    ConfigurationError for a secret that is none.
    """
    mark, stamp, signatures = (
        _header(delivery, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if len(delivery.body) > LARGEST_BODY:
        raise BadDelivery("the body is too large")
    # A dot in the id would let the same bytes be cut into another id, time and body.
    if not _ID.fullmatch(mark) or not _SECONDS.fullmatch(stamp):
        raise BadDelivery("webhook-id or webhook-timestamp is malformed")
    given = [one[3:].encode() for one in signatures.split(" ") if one.startswith("v1,")]
    if len(given) > MOST_SIGNATURES:
        raise BadDelivery("there are too many signatures")
    signed = f"{mark}.{stamp}.".encode() + delivery.body
    right = [base64.b64encode(hmac.digest(_secret_bytes(secret), signed, "sha256")) for secret in secrets]
    if not any(hmac.compare_digest(one, other) for one in given for other in right):
        raise BadDelivery("the signature is not right")
    if not abs(now.timestamp() - int(stamp)) <= window:  # a window that is no number lets nothing in
        raise BadDelivery(f"it was signed more than {window:g} s from now")
    return mark


def _header(delivery: Delivery, name: str) -> str:
    value = delivery.headers.get(name, "")
    if not value or len(value) > LONGEST_HEADER or not value.isascii():
        raise BadDelivery(f"the header {name} is missing or malformed")
    return value


def _secret_bytes(secret: SecretStr) -> bytes:
    try:
        found = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) < SHORTEST_SECRET:
        raise ConfigurationError(
            "a webhook secret is not one", field="secrets", hint="copy it whole from the vendor: whsec_…"
        )
    return found
