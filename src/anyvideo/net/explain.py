"""What plugins share when they read an answer: the common meaning of HTTP statuses, and lenient fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from anyvideo.net.retry_after import retry_after
from anyvideo.net.wire import Reply
from anyvideo.types.errors import (
    AuthenticationFailed,
    BadRequest,
    Forbidden,
    ModelUnavailable,
    NoCredit,
    ProviderError,
    RateLimited,
    ResultGone,
    ServiceError,
)

SHOWN = 500
LARGEST = 1e15
_MEANINGS: Mapping[int, type[ProviderError]] = {
    400: BadRequest,
    401: AuthenticationFailed,
    402: NoCredit,
    403: Forbidden,
    405: BadRequest,
    406: BadRequest,
    411: BadRequest,
    413: BadRequest,
    414: BadRequest,
    415: BadRequest,
    422: BadRequest,
    429: RateLimited,
    431: BadRequest,
}
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def explain_status(
    reply: Reply,
    message: str | None = None,
    *,
    meaning: type[ProviderError] | None = None,
    code: str | None = None,
    wait: float | None = None,
    hint: str | None = None,
) -> ProviderError:
    """The typed error for a vendor's answer, by its status where the plugin does not know a better `meaning`.

    401 AuthenticationFailed, 402 NoCredit, 403 Forbidden, 404 and 410 ModelUnavailable after a POST and
    ResultGone after anything else, 429 RateLimited, other statuses that blame the request BadRequest, all the
    rest ServiceError with `charged` unknown. `wait` (seconds) stands in where the answer names no time.
    """
    cls = meaning or _MEANINGS.get(reply.status) or _not_found(reply) or ServiceError
    said = retry_after(reply.headers, reply.body)
    return cls(
        (message or f"the vendor answered with {reply.status}")[:SHOWN],
        status=reply.status,
        code=code,
        retry_after=wait if said is None else said,
        transient=reply.status in _TRANSIENT,
        hint=hint,
    )


def _not_found(reply: Reply) -> type[ProviderError] | None:
    if reply.status not in (404, 410):
        return None
    return ModelUnavailable if reply.method == "POST" else ResultGone


def json_object(reply: Reply) -> dict[str, Any]:
    """The answer's JSON object. Raises ServiceError where it is none: then nobody can tell what happened."""
    if isinstance(reply.body, dict) and reply.readable:
        return reply.body
    raise ServiceError("the vendor's answer cannot be read", status=reply.status, transient=True)


def job_id_in(fields: Mapping[str, Any]) -> str:
    """The job's id, safe to put into a path. Raises ServiceError where there is none."""
    value = fields.get("id")
    if isinstance(value, str) and 0 < len(value) <= 200 and all(c.isalnum() or c in "-_" for c in value):
        return value
    raise ServiceError("the vendor's answer names no job", transient=True)


def text_in(fields: Any, name: str) -> str | None:
    """A text field, or None where it is absent, empty or something else."""
    value = fields.get(name) if isinstance(fields, Mapping) else None
    return value if isinstance(value, str) and value.strip() else None


def number_in(fields: Any, name: str) -> float | None:
    """A finite number that is not negative, or None."""
    value = fields.get(name) if isinstance(fields, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LARGEST else None


def time_in(fields: Any, name: str) -> datetime | None:
    """An ISO 8601 time in UTC, or None. A time without a zone is read as UTC."""
    text = text_in(fields, name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def addresses_in(value: Any) -> tuple[str, ...]:
    """All http(s) addresses in an output, whether it is a text, a list or a nested object."""
    if isinstance(value, str):
        return (value,) if value.startswith(("https://", "http://")) else ()
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return tuple(address for item in value for address in addresses_in(item))
    return ()
