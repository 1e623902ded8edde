"""Takes secrets out of what is recorded: by value, by name, by shape. The same secret gets the same mask."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit, urlunsplit

from anyvideo.testing.cassettes.secrets import (
    MASK,
    find_secrets,
    is_mask,
    is_public_name,
    is_secret_name,
    looks_random,
)

SHORTEST_VALUE: Final = 6
"""Known values shorter than this are not looked for: they would be found in ordinary words."""

_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>\\]+")
_LONG_HEX: Final = re.compile(r"[0-9a-fA-F]{32,}")


class Masker:
    """One cassette's masks. `values` are secrets that are known, `moves` pairs of address prefixes.

    An address that starts like the first of a pair starts like the second afterwards: that is how what was
    recorded on this machine comes to carry the vendor's own address.
    """

    def __init__(self, values: Iterable[str] = (), *, moves: Iterable[tuple[str, str]] = ()) -> None:
        known = [value for value in dict.fromkeys(values) if len(value) >= SHORTEST_VALUE]
        forms = {form: f"masked-key-{n}" for n, value in enumerate(known, 1) for form in _forms(value)}
        self._known = sorted(forms.items(), key=lambda pair: -len(pair[0]))
        self._moves = sorted(moves, key=lambda pair: -len(pair[0]))
        self._masks: dict[str, str] = {}
        self._public: set[str] = set()

    def mask(self, secret: str) -> str:
        """The mask of a secret; what is masked stays as it is."""
        if is_mask(secret):
            return secret
        return self._masks.setdefault(secret, f"masked-{len(self._masks) + 1}")

    def document(self, value: Any, name: str = "") -> Any:
        """JSON without secrets, and with the public ids in it remembered."""
        self._learn(value, name)
        return self._json(value, name)

    def recall(self, value: Any) -> None:
        """Take in a cassette that was recorded earlier: what stands in it is no secret any more."""
        for item in (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        ):
            self.recall(item)
        if isinstance(value, str):
            self._public.add(value)
            if _ADDRESS.fullmatch(value):
                self._public.update(urlsplit(value).path.split("/"))

    def again(self, value: Any) -> Any:
        """A document in which secrets that were found later are masked, too."""
        if isinstance(value, Mapping):
            return {key: self.again(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.again(item) for item in value]
        if not isinstance(value, str):
            return value
        for secret, mask in sorted(self._masks.items(), key=lambda pair: -len(pair[0])):
            if len(secret) >= SHORTEST_VALUE:
                value = value.replace(secret, mask)
        return value

    def text(self, text: str, name: str = "") -> str:
        """A text without secrets."""
        for form, mask in self._known:
            text = text.replace(form, mask)
        if is_secret_name(name):
            return self.mask(text)
        text = _ADDRESS.sub(lambda match: self.address(match[0]), text)
        public = is_public_name(name)
        for span in reversed(find_secrets(text, public=public)):
            found = text[span.start : span.end]
            if found not in self._public and not self._is_in_public(found):
                text = text[: span.start] + self.mask(found) + text[span.end :]
        return text

    def address(self, address: str) -> str:
        """An address at its new place, without credentials, secret parameters, random parts of its path."""
        for start, other in self._moves:
            if address.startswith(start):
                address = other + address[len(start) :]
                break
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        path = "/".join(self._segment(segment) for segment in parts.path.split("/"))
        return urlunsplit((parts.scheme, host, path, self._query(parts.query), self._query(parts.fragment)))

    def _segment(self, segment: str) -> str:
        for form, mask in self._known:
            segment = segment.replace(form, mask)
        stem, dot, ending = segment.partition(".")
        if segment in self._public or stem in self._public:
            return segment
        random = looks_random(stem) or _LONG_HEX.fullmatch(stem)
        return f"{self.mask(stem)}{dot}{ending}" if random else segment

    def _query(self, query: str) -> str:
        pairs = parse_qsl(query, keep_blank_values=True)
        if not pairs:
            return self.text(query) if query else query
        clean = [(name, self.text(value, name)) for name, value in pairs]
        if clean == pairs:
            return query
        return "&".join(f"{quote_plus(name)}={quote(value, safe='')}" for name, value in clean)

    def _learn(self, value: Any, name: str) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                self._learn(item, str(key))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            for item in value:
                self._learn(item, name)
        elif isinstance(value, str) and is_public_name(name) and not find_secrets(value, public=True):
            self._public.add(value)

    def _json(self, value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): self._json(item, self._inner(name, str(key)))
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._json(item, name) for item in value]
        if isinstance(value, str):
            return self.text(value, name)
        secret = is_secret_name(name) and value is not None and not isinstance(value, bool)
        return self.mask(str(value)) if secret else value

    @staticmethod
    def _inner(outer: str, name: str) -> str:
        """What lies in `credentials` is secret whatever it is called."""
        return outer if is_secret_name(outer) else name

    def _is_in_public(self, found: str) -> bool:
        return any(found in public for public in self._public)


def without_masks(text: str) -> str:
    """A text in which all masks are alike: what two recordings can be compared by."""
    return MASK.sub("masked", text)


def _forms(value: str) -> set[str]:
    """The value as it may be written: plain, in an address, in JSON, in hex, anywhere inside base64."""
    raw = value.encode()
    forms = {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], raw.hex()}
    for shift in range(3):
        start, end = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(b"\0" * shift + raw + b"\0" * 2).decode()[start:end])
    return {form for form in forms if len(form) >= SHORTEST_VALUE}
