"""Looks for secrets in files: cassettes of any tool, logs, fixtures. By name, by shape, by randomness.

YAML and JSON are read by their structure, so that a secret is found under its name also where it is folded,
quoted, encoded in base64, or inside a body that is JSON or a form itself. Everything else is read by lines.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from anyvideo.testing.cassettes.secrets import (
    find_secrets,
    is_public_name,
    is_secret_name,
    is_value,
    looks_random,
)

if TYPE_CHECKING:
    from yaml.nodes import Node

LARGEST: Final = 50 * 1024 * 1024
_PART: Final = re.compile(
    r"name=\"(?P<name>[^\"]+)\"(?P<file>; *filename=)?[^\r\n]*\r?\n"
    r"(?:[^\r\n]+\r?\n)*\r?\n(?P<value>.*?)\r?\n--",
    re.DOTALL,
)
_FORM: Final = re.compile(r"[\w.~%+\[\]-]+=[^\s&]*(?:&[\w.~%+\[\]-]+=[^\s&]*)*")
_COOKIE: Final = re.compile(r"(?:^|; *)(?P<name>[\w-]+)=(?P<value>[^;]+)")
_ATTRIBUTES: Final = frozenset({"path", "domain", "expires", "max-age", "samesite"})
_GIVEN: Final = re.compile(r"\s*[\"']?(?P<name>[\w.-]+)[\"']?\s*[:=]\s*(?P<value>.*)")
_STRUCTURED: Final = frozenset({"", ".har", ".json", ".yaml", ".yml"})
_WRITTEN: Final = re.compile(r"[\w .,:/()'-]*")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """A probable secret: where it is, what kind, under which name, and what may be shown of it."""

    path: str
    line: int
    kind: str
    name: str
    excerpt: str

    def __str__(self) -> str:
        where = f" in {self.name}" if self.name else ""
        return f"{self.path}:{self.line}: {self.kind}{where}: {self.excerpt}"


@dataclass(frozen=True, slots=True)
class _Scalar:
    """A piece of text with the name that it goes by. `binary`: its bytes are no text."""

    text: str
    name: str
    line: int
    binary: bool = False


def check_files(paths: Iterable[Path]) -> list[Finding]:
    """What was found in these files and in all files below these folders. Raises OSError."""
    findings: list[Finding] = []
    for path in _files(paths):
        content = path.read_bytes()
        if b"\0" not in content[:4096]:
            findings += check_text(content.decode("utf-8", "replace"), str(path))
    return findings


def check_text(text: str, path: str = "") -> list[Finding]:
    """What was found in one file's text."""
    structured = Path(path).suffix.lower() in _STRUCTURED
    scalars = (_structure(text) if structured else None) or list(_lines(text))
    leaves = [leaf for scalar in scalars for leaf in _leaves(scalar)]
    public = {leaf.text for leaf in leaves if is_public_name(leaf.name)}
    found = {
        Finding(path=path, line=leaf.line, kind=kind, name=leaf.name, excerpt=_excerpt(secret))
        for leaf in leaves
        for kind, secret in _secrets(leaf)
        if not any(secret in known for known in public)
    }
    return sorted(found)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = (one for one in sorted(path.rglob("*")) if one.is_file())
            yield from (one for one in inside if one.stat().st_size <= LARGEST)
        else:
            yield path


def _lines(text: str) -> Iterator[_Scalar]:
    """The lines. `version = "…"` keeps its name: what goes by it is no secret."""
    for number, line in enumerate(text.splitlines(), 1):
        given = _GIVEN.fullmatch(line)
        if given is not None and is_public_name(given["name"]):
            yield _Scalar(given["value"], given["name"], number)
        else:
            yield _Scalar(line, "", number)


def _structure(text: str) -> list[_Scalar] | None:
    """The scalars of a YAML or JSON document; None where it is neither."""
    import yaml

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return list(_walk(node, "")) if isinstance(node, yaml.nodes.CollectionNode) else None


def _walk(node: Node, name: str) -> Iterator[_Scalar]:
    import yaml

    line = node.start_mark.line + 1
    if isinstance(node, yaml.nodes.MappingNode):
        for key, value in node.value:
            yield from _walk(value, _inner(name, str(key.value)))
            yield _Scalar(str(key.value), "", key.start_mark.line + 1)
    elif isinstance(node, yaml.nodes.SequenceNode):
        for item in node.value:
            yield from _walk(item, name)
    elif str(node.tag).endswith(":binary"):
        yield _decoded(str(node.value), name, line)
    else:
        yield _Scalar(str(node.value), name, line)


def _decoded(encoded: str, name: str, line: int) -> _Scalar:
    try:
        content = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return _Scalar(encoded, name, line)
    try:
        return _Scalar(content.decode(), name, line)
    except UnicodeDecodeError:
        return _Scalar(content.decode("latin-1"), name, line, binary=True)


def _leaves(scalar: _Scalar) -> Iterator[_Scalar]:
    """The scalar, or what is in it where it is a body in a form of its own."""
    text = scalar.text.strip()
    if is_secret_name(scalar.name) and "cookie" not in scalar.name.lower():
        yield scalar
    elif text[:1] in ("{", "[") and (document := _json(text)) is not None:
        yield from _named(document, scalar.name, scalar.line)
    elif "cookie" in scalar.name.lower():
        cookies = _COOKIE.finditer(scalar.text)
        yield from (
            _Scalar(one["value"], f"{scalar.name} {one['name']}", scalar.line)
            for one in cookies
            if one["name"].lower() not in _ATTRIBUTES
        )
    elif parts := list(_PART.finditer(scalar.text)):
        yield from (
            _Scalar(part["value"], f"form field {part['name']}", scalar.line)
            for part in parts
            if not part["file"]
        )
    elif scalar.name and "=" in text and _FORM.fullmatch(text):
        for name, value in parse_qsl(text):
            yield _Scalar(value, name, scalar.line)
    else:
        yield scalar


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _named(value: Any, name: str, line: int) -> Iterator[_Scalar]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _named(item, _inner(name, key), line)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, name, line)
    elif value is not None and not isinstance(value, bool):
        yield _Scalar(str(value), name, line)


def _inner(outer: str, name: str) -> str:
    """What lies in `credentials` is secret whatever it is called."""
    return outer if is_secret_name(outer) else name


def _secrets(leaf: _Scalar) -> Iterator[tuple[str, str]]:
    """Kind and text of each secret in a leaf."""
    cookie = "cookie" in leaf.name.lower().split(" ", maxsplit=1)[0]
    field = leaf.name.startswith("form field ")
    if is_value(leaf.text) and (cookie or is_secret_name(leaf.name)):
        yield "cookie" if cookie else "multipart" if field else "named", leaf.text
    elif field and (looks_random(leaf.text) or not _WRITTEN.fullmatch(leaf.text)) and is_value(leaf.text):
        yield "multipart", leaf.text
    elif not leaf.binary:
        for span in find_secrets(leaf.text, public=is_public_name(leaf.name)):
            yield span.kind, leaf.text[span.start : span.end]


def _excerpt(secret: str) -> str:
    """Enough to find it by, too little to use it."""
    shown = secret[:3] if len(secret) >= 16 else ""
    return f"{shown}… ({len(secret)} characters)"
