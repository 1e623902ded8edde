"""What a server answers to a download, judged before any of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyvideo.media.part import Saved
from anyvideo.types.errors import DownloadFailed

if TYPE_CHECKING:
    import httpx

_EXPIRED = frozenset({401, 403, 404, 410})
_TRY_AGAIN = frozenset({408, 425, 429})


class StalePart(Exception):
    """The server no longer has what the part is a part of."""


def accept(response: httpx.Response, saved: Saved | None, max_bytes: int) -> tuple[int, int | None]:
    """Where the body starts in the file, and the file's size where the server says it.

    Raises DownloadFailed, and StalePart where what is `saved` cannot be continued.
    """
    status, host = response.status_code, response.url.host
    if saved is not None and status == 416:
        raise StalePart
    if status not in (200, 206):
        raise failed(
            f"{host} answered {status}",
            status=status,
            expired=status in _EXPIRED,
            retryable=status in _TRY_AGAIN or status >= 500,
            hint="the link no longer works; ask the provider for a new one" if status in _EXPIRED else None,
        )
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise failed(f"{host} sent the body {encoding}-encoded, which was not asked for", retryable=False)
    if status == 206:
        start, total = _continued(response, saved)
    else:
        start, total = 0, _length(response)
    if total is not None and total > max_bytes:
        raise too_large(total, max_bytes)
    return start, total


def _continued(response: httpx.Response, saved: Saved | None) -> tuple[int, int | None]:
    """Check that a 206 continues exactly what lies on disk, up to the size that its version had at first."""
    if saved is None:
        raise failed(f"{response.url.host} sent a part although the whole was asked for", retryable=False)
    unit, _, rest = response.headers.get("content-range", "").partition(" ")
    span, _, whole = rest.partition("/")
    etag = strong_etag(response)
    if (
        unit.lower() != "bytes"
        or span.partition("-")[0] != str(saved.start)
        or etag not in (None, saved.etag)
    ):
        raise StalePart
    total = saved.total if whole == "*" else _size(whole)
    if total is None or total != (saved.total or total):
        raise StalePart
    return saved.start, total


def sniff(head: bytes) -> None:
    """Raises DownloadFailed for a body whose first bytes are no MP4's."""
    if head[4:8] == b"ftyp":
        return
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    kind = next((name for mark, name in _IMPOSTORS if text.startswith(mark)), "something else")
    raise failed(
        f"the link leads to {kind}, not to an MP4 file",
        retryable=False,
        hint="open the link in a browser to see what it is",
    )


_IMPOSTORS = (
    (b"#extm3u", "an HLS playlist"),
    (b"<?xml", "an XML document"),
    (b"<", "an HTML page"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
    (b"\x1a\x45\xdf\xa3", "a WebM or Matroska file"),
)


def strong_etag(response: httpx.Response) -> str | None:
    """The version of what is sent; None where only a weak one, or none, is named."""
    etag: str = response.headers.get("etag", "").strip()
    return etag if etag.startswith('"') and etag.endswith('"') and len(etag) > 1 else None


def _length(response: httpx.Response) -> int | None:
    return _size(response.headers.get("content-length", ""))


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def too_large(size: int, max_bytes: int) -> DownloadFailed:
    """The error for a file of `size` bytes or more."""
    return failed(
        f"the file has at least {size} bytes, more than the {max_bytes} allowed",
        retryable=False,
        hint="raise max_bytes if you expect files this large",
    )


def failed(
    message: str,
    *,
    status: int | None = None,
    expired: bool = False,
    retryable: bool = True,
    hint: str | None = None,
) -> DownloadFailed:
    """The error for a download, with its stage."""
    return DownloadFailed(
        message, status=status, expired=expired, retryable=retryable, hint=hint, stage="download"
    )
