"""Whether a picture can reach the vendor at all."""

from __future__ import annotations

from anyvideo.provider import MediaRules
from anyvideo.routing.notes import Impossible
from anyvideo.types.request import Image

HOST_IT = "host it and pass its URL"


def check_picture(image: Image, media: MediaRules) -> None:
    """Raises Impossible for a picture that the vendor does not take, or that cannot be handed over."""
    if image.content_type is not None and image.content_type not in media.content_types:
        kinds = ", ".join(sorted(kind.removeprefix("image/") for kind in media.content_types))
        raise Impossible(f"takes pictures as {kinds}, not {image.content_type}", "image")
    if image.url is not None or image.storage_address is not None:
        return
    if media.data_uri_bytes is None and media.upload_bytes is None:
        raise Impossible(f"takes pictures by address only: {HOST_IT}", "image")
    size = len(image.data) if image.size is None and image.data is not None else image.size
    if size is None or _fits(size, image.content_type, media):
        return
    most = max(_binary_size(media.data_uri_bytes or 0), media.upload_bytes or 0)
    raise Impossible(f"takes pictures of at most {_mb(most)}, this one has {_mb(size)}: {HOST_IT}", "image")


def data_uri_size(size: int, content_type: str | None) -> int:
    """Bytes of a data URI that holds `size` bytes."""
    return len(f"data:{content_type or 'image/jpeg'};base64,") + 4 * -(-size // 3)


def _fits(size: int, content_type: str | None, media: MediaRules) -> bool:
    inline = media.data_uri_bytes is not None and data_uri_size(size, content_type) <= media.data_uri_bytes
    return inline or (media.upload_bytes is not None and size <= media.upload_bytes)


def _binary_size(encoded: int) -> int:
    return encoded // 4 * 3


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.3g} MB"
