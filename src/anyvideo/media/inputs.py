"""Pictures in: from a path, bytes, a file, an address or an earlier clip to a checked Image."""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import IO
from urllib.parse import unquote_to_bytes, urlsplit

from anyvideo.media.pixels import pixels
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.request import Image
from anyvideo.types.video import Video

MAX_BYTES = 100 * 1024 * 1024
_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_RB = 'open it with open(path, "rb")'
_HINT = "give a JPEG, PNG or WebP picture, or an https address"

ImageSource = str | Path | bytes | bytearray | memoryview | IO[bytes] | Image | Video
"""A path, an address (https, `data:`, `file:///path`, `s3://bucket/key`, `supabase://bucket/path`), content,
an open file, or an earlier clip, which stands for its last frame."""

_ADDRESSES = ("http://", "https://", "s3://", "supabase://")
_FILE = "file://"


def load_image(source: ImageSource) -> Image:
    """A checked Image. Content is read now; an address is only checked for its form, never fetched.

    An Image of content that lacks its digest, size or type is read like any other content. Blocks while it
    reads a file or decodes a clip. Raises InvalidRequest (field `image`) for what cannot be read, is no
    picture, or is over 100 MiB; MissingExtra for a clip without PyAV.
    """
    if isinstance(source, Image):
        if source.url is not None or None not in (source.sha256, source.size, source.content_type):
            return source
        content = source.data if source.data is not None else _content(Path(str(source.path)))
        return replace(picture_of(content), storage_address=source.storage_address)
    if isinstance(source, str) and source.lower().startswith(_ADDRESSES):
        return Image(url=_checked_address(source))
    return picture_of(_content(source))


def cannot_be_opened(error: InvalidRequest) -> bool:
    """Whether `load_image` raised it without having seen any content."""
    return isinstance(error.__cause__, OSError)


def picture_of(content: bytes) -> Image:
    """The Image of a file's content. Raises InvalidRequest for what is no picture, is over 100 MiB, or has a
    header that names no size.
    """
    if not content:
        raise InvalidRequest("the image is empty", field="image", hint=_HINT)
    if len(content) > MAX_BYTES:
        raise InvalidRequest("the image is larger than 100 MiB", field="image", hint="scale it down")
    content_type = _content_type(content)
    if pixels(content) is None:
        kind = content_type.removeprefix("image/").upper()
        raise InvalidRequest(
            f"the image is cut off or broken: no {kind} has such a header", field="image", hint=_HINT
        )
    return Image(
        data=content,
        content_type=content_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def local_path(source: str) -> str | None:
    """The path that a `file://` address of this machine names; None for anything else."""
    host, slash, path = source[len(_FILE) :].partition("/")
    if not source.lower().startswith(_FILE) or host.lower() not in ("", "localhost"):
        return None
    from urllib.request import url2pathname

    return url2pathname(slash + path)


def _path(source: str | Path) -> str | Path:
    """Raises InvalidRequest for a file of another machine."""
    if not isinstance(source, str) or not source.lower().startswith(_FILE):
        return source
    path = local_path(source)
    if path is None:
        raise InvalidRequest(
            f"the image {source!r} is on another machine",
            field="image",
            hint="give a path, or an address with three slashes: file:///folder/picture.png",
        )
    return path


def _content(source: str | Path | bytes | bytearray | memoryview | IO[bytes] | Video) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, Video):
        return _last_frame(source)
    if isinstance(source, str) and source[:5].lower() == "data:":
        return _inline(source)
    if isinstance(source, str | Path):
        try:
            with Path(_path(source)).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a path"
            raise InvalidRequest(
                f"the image {str(source)!r} cannot be read: {reason}", field="image", hint=_HINT
            ) from error
    try:
        content: object = source.read(MAX_BYTES + 1) if hasattr(source, "read") else None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"the image cannot be read: {error}", field="image", hint=_RB) from error
    if isinstance(content, str):
        raise InvalidRequest("the image's file is open for text", field="image", hint=_RB)
    if not isinstance(content, bytes):
        raise InvalidRequest(f"an image cannot be made of {type(source).__name__}", field="image", hint=_HINT)
    return content


def _content_type(content: bytes) -> str:
    for signature, content_type in _SIGNATURES:
        if content.startswith(signature):
            return content_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise InvalidRequest("the image is no JPEG, PNG or WebP picture", field="image", hint=_HINT)


def _checked_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise InvalidRequest(
            f"the image address is malformed: {address!r}", field="image", hint=_HINT
        ) from None
    if not good or parts.username or parts.password:
        raise InvalidRequest("the image address needs a host and no credentials", field="image", hint=_HINT)
    return address


def _inline(address: str) -> bytes:
    """The content of a data URI (RFC 2397)."""
    head, comma, body = address[5:].partition(",")
    if not comma:
        raise InvalidRequest("the data URI has no comma", field="image", hint=_HINT)
    if len(body) > MAX_BYTES * 3:
        raise InvalidRequest("the image is larger than 100 MiB", field="image", hint="scale it down")
    content = unquote_to_bytes(body)
    if not head.lower().endswith(";base64"):
        return content
    try:
        return binascii.a2b_base64(content, strict_mode=True)
    except binascii.Error:
        raise InvalidRequest("the data URI is not valid base64", field="image", hint=_HINT) from None


def _last_frame(video: Video) -> bytes:
    from anyvideo.media.frames import last_frame
    from anyvideo.types.errors import MediaError

    try:
        return last_frame(video.path)
    except (MediaError, OSError) as error:
        raise InvalidRequest(
            f"the last frame of job {video.job_id} cannot be read: {error}", field="image", hint=_HINT
        ) from error
