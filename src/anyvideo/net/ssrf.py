"""Which addresses results and pictures may be fetched from: public ones, by https, and nothing else.

A URL is judged twice: as text before anything is resolved, and by what its name resolves to. The resolver
returns only addresses that it has judged, and the connection goes to one of those. Python's
`ipaddress.is_global` says yes to NAT64, 6to4 and multicast on some versions, so it is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from anyvideo.types.errors import DownloadFailed

if TYPE_CHECKING:
    from yarl import URL

PORTS = frozenset({443, 8443})
MAX_URL = 8192

_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's host agent, reachable only from inside its machines
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_UGLY = re.compile(r"[\x00-\x20\x7f\\]")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)


def forbidden_address(address: str) -> str | None:
    """Why an IP address may not be connected to; None where it may. Unwraps IPv4 that hides in IPv6."""
    if "%" in address:
        return "an address with a zone"
    try:
        if ":" not in address:
            return _forbidden_4(IPv4Address(address))
        return _forbidden_6(IPv6Address(address))
    except ValueError:
        return "not an address"


def _forbidden_4(address: IPv4Address) -> str | None:
    return "not a public address" if any(address in network for network in _NOT_PUBLIC_4) else None


def _forbidden_6(address: IPv6Address) -> str | None:
    hidden = _hidden_4(address)
    if hidden is not None:
        return next((reason for inner in hidden if (reason := _forbidden_4(inner))), None)
    if address not in _GLOBAL_UNICAST_6 or any(address in network for network in _NOT_PUBLIC_6):
        return "not a public address"
    return None


def _hidden_4(address: IPv6Address) -> tuple[IPv4Address, ...] | None:
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo


def guard_url(url: str, *, own_origin: str | None = None) -> None:
    """Raise DownloadFailed for an address that may not be fetched; resolves nothing.

    `own_origin` (scheme://host:port) is that of the provider's base URL: where it is on loopback, exactly
    that origin is allowed besides, also by plain http.
    """
    reason = _forbidden_url(url, own_origin) or _forbidden_port(url, own_origin)
    if reason is not None:
        raise refused(reason)


def unreachable(url: str) -> str | None:
    """Why nobody else could fetch an address, as far as its text tells; None where they might."""
    return _forbidden_url(url, None)


def refused(reason: str) -> DownloadFailed:
    """The error for an address that is not fetched; it never shows the address, which may be signed."""
    return DownloadFailed(
        f"the address is not fetched: {reason}", retryable=False, stage="download", charged="yes"
    )


def _forbidden_url(url: str, own_origin: str | None) -> str | None:
    from yarl import URL

    if len(url) > MAX_URL:
        return "too long"
    if _UGLY.search(url):
        return "blanks, control characters or backslashes in it"
    try:
        parsed = URL(url)
        host = parsed.raw_host
    except ValueError:
        return "not an address"
    if parsed.scheme not in ("http", "https") or not host:
        return "only https is fetched"
    if parsed.raw_user is not None or parsed.raw_password is not None or "@" in urlsplit(url).netloc:
        return "credentials in it"
    if own_origin is not None and is_own_loopback(parsed, own_origin):
        return None
    if parsed.scheme != "https":
        return "only https is fetched"
    return _forbidden_host(host)


def _forbidden_port(url: str, own_origin: str | None) -> str | None:
    from yarl import URL

    port = URL(url).explicit_port
    if port is None or port in PORTS or (own_origin is not None and is_own_loopback(URL(url), own_origin)):
        return None
    return f"port {port}"


def _forbidden_host(host: str) -> str | None:
    bare = host.rstrip(".").lower()
    if not bare or ":" in bare:
        return forbidden_address(bare)
    if _NUMBER.fullmatch(bare.rpartition(".")[2]):
        return forbidden_address(bare) if bare == host else "an address in an unusual form"
    if bare == "localhost" or bare.endswith(".localhost"):
        return "not a public address"
    return None


def is_own_loopback(url: URL, own_origin: str) -> bool:
    """Whether the address has exactly the origin of the provider's base URL, and that is on loopback."""
    return str(url.origin()) == _short(own_origin) and is_loopback(url.raw_host or "")


def _short(origin: str) -> str:
    from yarl import URL

    return str(URL(origin).origin())


def is_loopback(host: str) -> bool:
    """Whether the host names this machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return (IPv6Address(host) if ":" in host else IPv4Address(host)).is_loopback
    except ValueError:
        return False


def judge_answers(addresses: Iterable[str], *, loopback_allowed: bool) -> None:
    """Raise DownloadFailed unless every address that a name resolved to may be connected to."""
    for address in addresses:
        if loopback_allowed and is_loopback(address):
            continue
        if forbidden_address(address) is not None:
            raise refused("its name leads to an address that is not public")
