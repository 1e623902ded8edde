"""What may be shown of addresses and headers: queries and credentials are secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN_HEADERS = frozenset(
    {
        "content-length",
        "content-type",
        "date",
        "location",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
        "retry-after-ms",
        "server",
        "x-request-id",
    }
)
HIDDEN = "[hidden]"
_ADDRESS = re.compile(r"""https?://[^\s"'<>]*[?#@][^\s"'<>]*""", re.IGNORECASE)


def origin_of(url: str) -> str:
    """Scheme, host and port, always with the port. Raises ValueError where the address has none."""
    parts = urlsplit(url)
    host = parts.hostname
    scheme = parts.scheme.lower()
    port = parts.port or _DEFAULT_PORTS.get(scheme)
    if not host or port is None:
        raise ValueError("not an address with a host")
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def origin_and_path(url: str) -> str:
    """The address without credentials, query and fragment: what may be shown, logged and kept."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return HIDDEN
    if not host:
        return f"{parts.scheme}:{HIDDEN}" if parts.scheme else HIDDEN
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path}"


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with every value hidden that is not known to be harmless."""
    return {
        name: _shown_value(name.lower(), value) if name.lower() in _SHOWN_HEADERS else HIDDEN
        for name, value in headers.items()
    }


def _shown_value(name: str, value: str) -> str:
    return origin_and_path(value) if name == "location" else value


def without_queries(text: str) -> str:
    """Somebody else's text with every address in it cut to origin and path: it may be a signed one."""
    return _ADDRESS.sub(lambda found: f"{origin_and_path(found[0])}?{HIDDEN}", text)
