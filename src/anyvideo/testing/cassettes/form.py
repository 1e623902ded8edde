"""The form of a cassette: what is kept of an exchange, how two requests are compared, how the file reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qsl

from vcr.request import Request

from anyvideo.testing.cassettes.bodies import play_body, store_body
from anyvideo.testing.cassettes.mask import Masker, without_masks
from anyvideo.testing.cassettes.secrets import is_secret_name

FIRST_LINE: Final = {
    "simulator": "# recorded against anyvideo's simulators, not a real vendor, on {}",
    "live": "# recorded against the real vendor on {}",
}
_REQUEST_HEADERS: Final = re.compile(r"accept|content-type|(?:x-)?[a-z0-9]+-version", re.IGNORECASE)
_RESPONSE_HEADERS: Final = re.compile(
    r"content-type|location|retry-after|(?:x-)?rate-?limit-[\w-]+", re.IGNORECASE
)


def kept_request(request: Request, masker: Masker) -> Request:
    """Method, address, a few headers and a readable body; everything else is dropped."""
    content_type = _header(request.headers, "content-type")
    body = store_body(_bytes(request.body), content_type, masker)
    headers = _kept(request.headers, _REQUEST_HEADERS, masker)
    return Request(request.method, masker.address(request.uri), json.dumps(body), headers)


def kept_response(response: Mapping[str, Any], masker: Masker) -> dict[str, Any]:
    """Status, a few headers and a readable body."""
    content_type = _header(response["headers"], "content-type")
    body = store_body(_bytes(response["body"].get("string")), content_type, masker)
    return {
        "status": dict(response["status"]),
        "headers": _kept(response["headers"], _RESPONSE_HEADERS, masker),
        "body": {"string": json.dumps(body)},
    }


def same(request: Request, stored: Request) -> bool:
    """Whether a stored request is this one: method, path, query and body; not the host, not the secrets."""
    return _essence(request) == _essence(stored)


def path_of(request: Request) -> str:
    """The path, with all masks alike."""
    return without_masks(request.path)


def _essence(request: Request) -> tuple[object, ...]:
    query = [
        (name, without_masks(value))
        for name, value in parse_qsl(request.parsed_uri.query, keep_blank_values=True)
        if not is_secret_name(name)
    ]
    body = _comparable(json.loads(_bytes(request.body) or b"{}"))
    return request.method, path_of(request), sorted(query), body


def _comparable(value: Any, name: str = "") -> Any:
    """A body without what may differ between two recordings of the same call."""
    if isinstance(value, dict):
        if name == "multipart":
            return value.get("name")
        return {key: _comparable(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item, name) for item in value]
    if is_secret_name(name):
        return "masked"
    return without_masks(value) if isinstance(value, str) else value


class Serializer:
    """The file: YAML with the bodies in it as they mean, under a line that says where they come from."""

    def __init__(self, masker: Masker, source: str) -> None:
        self._masker = masker
        self._source = source

    def serialize(self, document: dict[str, Any]) -> str:
        import yaml

        exchanges = [
            {"request": _readable(one["request"]), "response": _readable(one["response"])}
            for one in document["interactions"]
        ]
        clean = self._masker.again({"version": 1, "interactions": exchanges})
        text: str = yaml.safe_dump(clean, sort_keys=False, allow_unicode=True, width=110)
        return f"{FIRST_LINE[self._source].format(date.today().isoformat())}\n{text}"  # noqa: DTZ011

    def deserialize(self, text: str) -> dict[str, Any]:
        import yaml

        document = yaml.safe_load(text)
        self._masker.recall(document)
        return {
            "version": 1,
            "interactions": [
                {"request": _loaded_request(one["request"]), "response": _loaded_response(one["response"])}
                for one in document["interactions"]
            ],
        }


def _readable(half: Mapping[str, Any]) -> dict[str, Any]:
    body = half["body"]
    inside = body.get("string") if isinstance(body, dict) else body
    rest = {key: value for key, value in half.items() if key != "body"}
    rest["headers"] = {name: _first(value) for name, value in half["headers"].items()}
    return {**rest, **json.loads(inside or "{}")}


def _loaded_request(half: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: half[key] for key in half.keys() - {"method", "uri", "headers"}}
    headers = {name: [value] for name, value in half["headers"].items()}
    return {"method": half["method"], "uri": half["uri"], "body": json.dumps(rest), "headers": headers}


def _loaded_response(half: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: half[key] for key in half.keys() - {"status", "headers"}}
    headers = {name: [value] for name, value in half["headers"].items()}
    return {"status": half["status"], "headers": headers, "body": {"string": play_body(rest)}}


def _kept(headers: Mapping[str, Any], wanted: re.Pattern[str], masker: Masker) -> dict[str, list[str]]:
    return {
        name.lower(): [masker.text(_plain(name, _first(value)))]
        for name, value in headers.items()
        if wanted.fullmatch(name)
    }


def _plain(name: str, value: str) -> str:
    """The content type of a form without its boundary, which is drawn anew each time."""
    multipart = name.lower() == "content-type" and value.startswith("multipart/")
    return value.partition(";")[0] if multipart else value


def _header(headers: Mapping[str, Any], name: str) -> str:
    return next((_first(value) for key, value in headers.items() if key.lower() == name), "")


def _first(value: Any) -> str:
    first = (value[0] if value else "") if isinstance(value, list | tuple) else value
    return first.decode("latin-1") if isinstance(first, bytes) else str(first)


def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytearray):
        return bytes(body)
    if hasattr(body, "read"):
        content = body.read()
        return content.encode() if isinstance(content, str) else bytes(content)
    if isinstance(body, Mapping | list | tuple) and not _is_chunks(body):
        return json.dumps(body, default=str).encode()
    return b"".join(chunk if isinstance(chunk, bytes) else str(chunk).encode() for chunk in body)


def _is_chunks(body: Any) -> bool:
    return isinstance(body, list | tuple) and bool(body) and all(isinstance(item, bytes) for item in body)
