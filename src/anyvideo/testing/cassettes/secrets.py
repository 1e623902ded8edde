"""What looks like a secret: by its name, by its shape, by how random it is.

One set of rules for both sides: recording masks what it finds, `anyvideo cassette check` reports it. Vendors'
own key shapes need no list here: nearly all are a short prefix and a long random tail.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from urllib.parse import unquote

MASK: Final = re.compile(r"masked-(?:key-)?\d+")
"""What stands in a cassette where a secret was."""

_SECRET_PARTS: Final = frozenset({
    "apikey", "auth", "authentication", "authorization", "bearer", "cookie", "credential", "credentials",
    "jwt", "key", "passphrase", "passwd", "password", "policy", "secret", "session", "sig", "signature",
    "token",
})  # fmt: skip
_PLAIN_TAILS: Final = frozenset({
    "algorithm", "at", "count", "expires", "expiry", "length", "limit", "name", "ttl", "type", "url",
    "version",
})  # fmt: skip
_PUBLIC_TAILS: Final = frozenset({
    "checksum", "digest", "etag", "id", "ids", "md5", "model", "sha256", "slug", "type", "uuid", "version",
})  # fmt: skip
_SECRET_IDS: Final = frozenset({"aws_access_key_id", "awsaccess_key_id", "google_access_id", "key_pair_id"})
_LONGEST_NAME: Final = 6
_NOT_KEYS: Final = frozenset({"primary_key", "sort_key", "partition_key", "foreign_key", "cache_key"})
_EMPTY: Final = frozenset({"", "null", "none", "true", "false", "bearer", "basic", "redacted", "***"})
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

_SHAPES: Final = (
    (
        "private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"),
    ),
    ("JWT", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")),
    ("bearer", re.compile(r"\b[Bb]earer\s+(?P<secret>[\w.~+/=-]{12,})")),
    ("credentials in an address", re.compile(r"://(?P<secret>[^\s/@:\"']*:[^\s/@\"']+)@")),
    ("cloud key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}")),
    (
        "key with a prefix",
        re.compile(r"\b(?:sk|pk|rk)[-_][\w-]{16,}|\bxox[a-z]-[\w-]{10,}|\bgh[a-z]_\w{20,}"),
    ),
    ("long hex", re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,}(?![0-9A-Za-z])")),
)
_BASIC: Final = re.compile(r"\b[Bb]asic\s+(?P<secret>[A-Za-z0-9+/_-]{6,}={0,2})")
_QUERY: Final = re.compile(r"[?&;](?P<name>[\w.~-]+)=(?P<secret>[^&;\s\"'<>\\]+)")
_NAMED: Final = re.compile(
    r"(?P<name>[A-Za-z_][\w.-]*)[\"']?\s*[:=]\s*[\"']?(?P<secret>[^\s\"',;&{}\[\]<>\\]+)"
)
_CODE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_PREFIXED: Final = re.compile(r"(?<![\w/.-])[A-Za-z][A-Za-z0-9]{0,15}[_-](?P<tail>[\w-]{16,})")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+_-]{24,}={0,2}")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where a secret stands in a text, and what kind it seems to be."""

    start: int
    end: int
    kind: str


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name (of a header, parameter, field) is a secret."""
    parts = name_parts(name)
    if not parts or len(parts) > _LONGEST_NAME or parts[-1] in _PLAIN_TAILS or "_".join(parts) in _NOT_KEYS:
        return False
    return "_".join(parts) in _SECRET_IDS or (
        not _SECRET_PARTS.isdisjoint(parts) and parts[-1] not in ("id", "ids")
    )


def is_public_name(name: str) -> bool:
    """Whether what goes by this name looks random without being a secret: ids, versions, digests."""
    parts = name_parts(name)
    return bool(parts) and parts[-1] in _PUBLIC_TAILS and not is_secret_name(name)


def name_parts(name: str) -> list[str]:
    """`X-Api-Key`, `apiKey` and `api_key` as their words in lower case."""
    return [part for part in re.split(r"[^a-z0-9]+", _CAMEL.sub("_", name).lower()) if part]


def is_mask(text: str) -> bool:
    """Whether a value was masked, or says nothing."""
    return text.strip().lower() in _EMPTY or MASK.fullmatch(text.strip()) is not None


def looks_random(text: str) -> bool:
    """Whether a word of 16 characters or more was drawn rather than written."""
    if len(text) < 16 or _UUID.fullmatch(text) or not any(char.isdigit() for char in text):
        return False
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    changes = sum(_kind(a) != _kind(b) for word in words for a, b in pairwise(word))
    return changes >= max(4, len(text) // 6) and _entropy(text) >= 3.2


def _kind(char: str) -> int:
    return 0 if char.isdigit() else 1 if char.islower() else 2


def _entropy(text: str) -> float:
    """Shannon's bits per character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def find_secrets(text: str, *, public: bool = False) -> list[Span]:
    """The secrets in a text, left to right, none inside another. `public`: ids and digests are no secrets."""
    spans = sorted(_found(text, public=public), key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _found(text: str, *, public: bool) -> Iterator[Span]:
    for kind, pattern in _SHAPES:
        if not (public and kind == "long hex"):
            yield from _spans(text, pattern, kind)
    for match in _BASIC.finditer(text):
        if _is_basic(match["secret"]):
            yield Span(*match.span("secret"), "basic")
    for pattern, kind in ((_QUERY, "parameter of an address"), (_NAMED, "named")):
        for match in pattern.finditer(text):
            value = match["secret"]
            if kind == "named" and _is_prose_or_code(value):
                continue
            if is_secret_name(unquote(match["name"])) and is_value(value):
                yield Span(*match.span("secret"), kind)
    if not public:
        yield from _random(text)


def _spans(text: str, pattern: re.Pattern[str], kind: str) -> Iterator[Span]:
    group = "secret" if "secret" in pattern.groupindex else 0
    for match in pattern.finditer(text):
        if not is_mask(match[group]):
            yield Span(*match.span(group), kind)


def _random(text: str) -> Iterator[Span]:
    for match in _PREFIXED.finditer(text):
        if looks_random(match["tail"]) or _UUID.fullmatch(match["tail"]):
            yield Span(*match.span(), "key with a prefix")
    for match in _TOKEN.finditer(text):
        if looks_random(match[0]):
            yield Span(*match.span(), "random text")


def is_value(text: str) -> bool:
    """Whether a named value is long enough to be a secret and was not masked."""
    return len(text) >= 4 and not is_mask(unquote(text)) and not text.startswith(("http:", "https:"))


def _is_prose_or_code(text: str) -> bool:
    """`brass` after "the key:", `settings.key(plugin)` after "key=": words, calls and attributes."""
    return "(" in text or not any(char.isdigit() for char in text) or _CODE.fullmatch(text) is not None


def _is_basic(text: str) -> bool:
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return False
    return b":" in decoded
