"""Which names of stored objects stay below their bucket, however often somebody decodes or cleans them."""

from __future__ import annotations

import re
from urllib.parse import unquote

_DECODINGS = 8
"""A name that is encoded more often than that is nobody's."""
_NO_NAME = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def stays(step: str, *, slash: bool = False) -> bool:
    """Whether a step of an object's name is one: `..` leads out of the bucket, and even out of a storage's
    API, where the user's key opens everything else. `slash`: an encoded one may be part of it.
    """
    plain = step
    for _ in range(_DECODINGS):
        plain = unquote(plain)
    if plain != unquote(plain) or _NO_NAME.search(plain) or ("/" in plain and not slash):
        return False
    return plain != "" and {".", ".."}.isdisjoint(plain.split("/"))


def is_path_of(url: str, home: str, path: str) -> bool:
    """Whether exactly this path below `home` is what an address asks for: httpx takes the dots out of it."""
    import httpx

    try:
        return httpx.URL(url).path == httpx.URL(home).path.rstrip("/") + path
    except httpx.InvalidURL:
        return False
