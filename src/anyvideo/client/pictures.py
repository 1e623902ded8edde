"""A caller's pictures, made ready before anything is planned: read off the loop, fetched where due."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import anyio
import anyio.to_thread

from anyvideo.jobs.wish import BuyOptions, PlanOptions, Wish, check_shapes
from anyvideo.media.download import REDIRECTS, download
from anyvideo.media.inputs import MAX_BYTES, ImageSource, load_image, picture_of
from anyvideo.net.ssrf import unreachable
from anyvideo.net.storage import (
    S3,
    StorageTrouble,
    can_sign,
    check_access,
    is_private,
    public_client,
    read_refused,
    s3_object,
    supabase_address,
    supabase_client,
)
from anyvideo.settings import Settings
from anyvideo.types.clock import Clock
from anyvideo.types.errors import DownloadFailed, InvalidRequest
from anyvideo.types.money import dollars
from anyvideo.types.request import Image

if TYPE_CHECKING:
    import httpx

TRIES = 3
WITHIN = 60.0
"""Seconds after which a picture is given up, all its tries together."""
T = TypeVar("T")
Reader = Callable[["ImageSource | None", str], Awaitable[Image | None]]
"""Makes a picture ready to be planned with, or to be bought with; told how it is to reach the vendor."""


class Pictures:
    """Turns a caller's arguments into a wish whose picture is at hand."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def planned(self, prompt: str | None, options: PlanOptions) -> Wish:
        """The wish to plan with: content at hand is read, nothing is fetched. Raises what `bought` raises."""
        return await self._wish(prompt, options, self._loaded)

    async def bought(self, prompt: str | None, options: BuyOptions) -> Wish:
        """The wish to buy with: private pictures, and all that are to be uploaded, are content now.

        A picture that cannot be read in three tries and a minute raises InvalidRequest, or is left out and
        named in `Wish.without_image` where `image_fallback` is "text" and there is a prompt. One that is not
        here within the caller's `timeout` raises InvalidRequest in any case.
        """
        until = anyio.current_time() + _seconds(options.get("timeout"))
        return await self._wish(prompt, options, partial(self._ready, until=until))

    async def _wish(self, prompt: str | None, options: PlanOptions | BuyOptions, read: Reader) -> Wish:
        check_shapes(options)
        transfer = options.get("image_transfer") or self._settings.image_transfer
        fallback = options.get("image_fallback") or self._settings.image_fallback
        loaded = {**options, "image_transfer": transfer, "image_fallback": fallback}
        cap = self._settings.max_duplicate_micros
        uncapped = loaded.get("on_unknown") == "resubmit" and loaded.get("max_duplicate_cost") is None
        if uncapped and cap is not None:
            loaded["max_duplicate_cost"] = dollars(cap)
        references = cast("BuyOptions", options).get("reference_images") or {}
        loaded["reference_images"] = {
            name: await _reference(name, read(source, "auto")) for name, source in references.items()
        }
        dropped: str | None = None
        try:
            loaded["image"] = await read(options.get("image"), transfer)
        except InvalidRequest as error:
            if fallback != "text" or prompt is None or error.field != "image":
                raise
            loaded["image"], dropped = None, error.message
        return replace(Wish.of(prompt, **cast("BuyOptions", loaded)), without_image=dropped)

    async def _ready(self, source: ImageSource | None, transfer: str, *, until: float) -> Image | None:
        image = await self._loaded(source, transfer)
        if image is None or image.url is None:
            return image
        address, access = image.url, self._settings.storage
        private = is_private(address, access)
        if transfer != "upload" and not private:
            return image
        content = await self._in_time(lambda: self._fetched(address, private=private), until)
        fetched = await anyio.to_thread.run_sync(picture_of, content)
        return replace(fetched, storage_address=address if private and can_sign(address, access) else None)

    async def _loaded(self, source: ImageSource | None, transfer: str) -> Image | None:
        if source is None:
            return None
        image = await anyio.to_thread.run_sync(load_image, source)
        if image.url is not None and is_private(image.url, self._settings.storage):
            check_access(image.url, self._settings.storage)
        elif image.url is not None:
            _check_reachable(image.url)
        if transfer == "url":
            self._check_addressable(image)
        return image

    def _check_addressable(self, image: Image) -> None:
        """Raises InvalidRequest for a picture that cannot be handed over as an address."""
        address, access = image.url or image.storage_address, self._settings.storage
        if address is None or (is_private(address, access) and not can_sign(address, access)):
            kind = "content" if address is None else "in a storage that nobody outside can reach"
            raise InvalidRequest(
                f'image_transfer="url" needs a public address, this picture is {kind}',
                field="image_transfer",
                hint='use image_transfer="auto" or "upload"',
            )

    async def _fetched(self, address: str, *, private: bool) -> bytes:
        """The content behind an address. Raises InvalidRequest, DownloadFailed and StorageTrouble."""
        access = self._settings.storage
        if not private:
            async with public_client() as client:
                return await _body(address, client)
        try:
            if address.startswith(S3):
                async with s3_object(address, access) as (signed, client):
                    return await _body(signed, client, redirects=0)
            at = supabase_address(address, access)
            async with supabase_client(access) as client:
                return await _body(at, client)
        except DownloadFailed as error:
            raise read_refused(address, error) from None

    async def _in_time(self, read: Callable[[], Awaitable[T]], until: float) -> T:
        """What `read` brings within the caller's time and ours. Raises InvalidRequest."""
        ours = anyio.current_time() + WITHIN
        with anyio.CancelScope(deadline=min(ours, until)):
            return await self._in_three_tries(read)
        if until < ours:
            raise InvalidRequest(
                "the timeout passed while the image was read: nothing was bought",
                field="timeout",
                hint="give more time, or pass the file itself",
            )
        raise _unread(f"it was not here after {WITHIN:g} s")

    async def _in_three_tries(self, read: Callable[[], Awaitable[T]]) -> T:
        for number in range(1, TRIES + 1):
            try:
                with self._clock.working():
                    return await read()
            except (DownloadFailed, StorageTrouble) as error:
                lasting = isinstance(error, DownloadFailed) and not error.retryable
                if lasting or number == TRIES:
                    said = error.message if isinstance(error, DownloadFailed) else str(error)
                    raise _unread(said) from error
            await self._clock.sleep(2.0 ** (number - 1))
        raise AssertionError("the last try returns or raises")


def _seconds(timeout: object) -> float:
    """The caller's time; endless without any, and for what is refused as no time at all later."""
    return float(timeout) if isinstance(timeout, int | float) and timeout > 0 else math.inf


def _unread(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"the image cannot be read: {why}",
        field="image",
        hint='pass the file itself, or go on without it: image_fallback="text"',
    )


async def _reference(name: str, reading: Awaitable[Image | None]) -> Image | None:
    try:
        return await reading
    except InvalidRequest as error:
        message = f"{name}: {error.message}"
        raise InvalidRequest(message, field="reference_images", hint=error.hint) from error


def _check_reachable(address: str) -> None:
    """Raises InvalidRequest for an address that no vendor could fetch: a paid job would fail over it."""
    reason = unreachable(address)
    if reason is not None:
        raise InvalidRequest(
            f"the image address cannot be fetched from outside: {reason}",
            field="image",
            hint="give a public https address, or pass the file itself",
        )


async def _body(address: str, client: httpx.AsyncClient, *, redirects: int = REDIRECTS) -> bytes:
    with tempfile.TemporaryDirectory(prefix="anyvideo-") as folder:
        path = Path(folder) / "picture"
        await download(address, path, client=client, expected="any", max_bytes=MAX_BYTES, redirects=redirects)
        return await anyio.Path(path).read_bytes()
