"""Checks of single values. No error repeats a key."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from anyvideo.types.errors import ConfigurationError

_HASH = r"[0-9a-f]{64}"
_SLUG = r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*"
_VERSION = re.compile(rf"latest|{_HASH}|{_SLUG}(:(latest|{_HASH}))?")
_KEY = re.compile(r"[\x21-\x7e]+")


def check_key(value: str, name: str) -> str:
    """The key without blanks around it. `name` is the variable or place it came from."""
    key = value.strip()
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"{name} holds characters that no key has",
            field=name,
            hint="copy the key again, without blanks or line breaks in it",
        )
    return key


def check_version(value: str, variable: str) -> str:
    """A version hash, `latest`, or `owner/name` with or without one of them."""
    if not _VERSION.fullmatch(value):
        raise ConfigurationError(
            f"{variable} is no model version: {value!r}",
            field=variable,
            hint="use the 64 hexadecimal digits of a version, 'latest', or owner/name:version",
        )
    return value


def check_base_url(value: str, variable: str) -> str:
    """An https address, or http on this machine: a key must not travel in the open."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = parts = None
    if parts is None or not host or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(
            f"{variable} is no base URL",
            field=variable,
            hint="use an address like https://api.example.com, without user name, query or fragment",
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(host)):
        raise ConfigurationError(
            f"{variable} must be https, or http on this machine, not {parts.scheme}://{host}",
            field=variable,
            hint="a key would travel in the open",
        )
    if port == 0:
        raise ConfigurationError(f"{variable} has no usable port", field=variable, hint="use 1 to 65535")
    return value.rstrip("/")


def check_callback(value: str) -> str:
    """An https address that a vendor can reach."""
    address = check_base_url(value, "recovery.callback")
    host = urlsplit(address).hostname or ""
    if not address.startswith("https://") or _loopback(host):
        raise ConfigurationError(
            "recovery.callback must be a public https address",
            field="recovery.callback",
            hint="leave it out where you have none: lost submits are then found by their inputs",
        )
    return address


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
