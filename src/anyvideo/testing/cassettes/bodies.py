"""Bodies as a person can read them in a cassette, and back as bytes.

A stored body is a mapping with one key: `json`, `form`, `text`, `multipart` (names and sizes), `video` (its
length: the shipped clip is played), `binary` (its size: as many zero bytes are played).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from anyvideo.testing.cassettes.clip import clip, seconds_of
from anyvideo.testing.cassettes.mask import Masker

MOST_ZEROS: Final = 1024 * 1024
_DATA_URI: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+);base64,(?P<content>[A-Za-z0-9+/=]{64,})")

Stored = dict[str, Any]


def store_body(content: bytes | None, content_type: str, masker: Masker) -> Stored:
    """What a cassette keeps of a body. Files become their size, or the shipped clip."""
    if not content:
        return {}
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("video/") or content[4:8] == b"ftyp":
        return {"video": {"seconds": seconds_of(content)}}
    if kind == "multipart/form-data":
        return {"multipart": masker.document(_fields(content, content_type))}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"binary": {"bytes": len(content)}}
    if kind == "application/x-www-form-urlencoded":
        return {"form": masker.document(dict(parse_qsl(text, keep_blank_values=True)))}
    try:
        return {"json": masker.document(_small(json.loads(text)))}
    except (ValueError, RecursionError):
        return {"text": masker.text(text)}


def play_body(stored: Mapping[str, Any]) -> bytes:
    """The bytes that are played for a stored body."""
    match dict(stored):
        case {"json": value}:
            return json.dumps(value, ensure_ascii=False).encode()
        case {"text": str(text)}:
            return text.encode()
        case {"form": dict(fields)}:
            return urlencode(fields).encode()
        case {"video": dict(video)}:
            return clip(float(video["seconds"]))
        case {"binary": dict(binary)}:
            return bytes(min(int(binary["bytes"]), MOST_ZEROS))
        case _:
            return b""


def _small(value: Any) -> Any:
    """JSON with every file in it (a data URI) cut to its size and the start of its digest."""
    if isinstance(value, dict):
        return {key: _small(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_small(item) for item in value]
    return _DATA_URI.sub(_cut, value) if isinstance(value, str) else value


def _cut(match: re.Match[str]) -> str:
    digest = hashlib.sha256(match["content"].encode()).hexdigest()[:12]
    return f"data:{match['type']};base64 of {len(match['content'])} characters, sha256 {digest}"


def _fields(content: bytes, content_type: str) -> list[dict[str, Any]]:
    """The parts of a form: name, file name, type and size; never what is in them."""
    head = f"content-type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    fields = []
    for part in BytesParser(policy=HTTP).parsebytes(head + content).iter_parts():
        inside = part.get_payload(decode=True)
        field: dict[str, Any] = {"name": part.get_param("name", header="content-disposition")}
        if part.get_filename() is not None:
            field |= {"filename": part.get_filename(), "type": part.get_content_type()}
        fields.append({**field, "bytes": len(inside) if isinstance(inside, bytes) else 0})
    return fields
