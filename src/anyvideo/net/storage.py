"""A user's own storage: objects are read with the user's keys, which never leave that storage's origin.

For vendors who take addresses only, an address of an object is signed. With Supabase that is a POST to
`/storage/v1/object/sign/BUCKET/PATH` with `expiresIn`; its `signedURL` lies below `/storage/v1` (source:
createSignedUrl of supabase/storage-js).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from anyvideo.net.object_names import is_path_of, stays
from anyvideo.net.sanitize import origin_of
from anyvideo.net.ssrf import unreachable
from anyvideo.net.wire import Timeouts
from anyvideo.types.errors import DownloadFailed, InvalidRequest, MissingExtra

if TYPE_CHECKING:
    import httpx
    from obstore.store import ClientConfig

S3 = "s3://"
SUPABASE = "supabase://"
SIGNED_FOR = timedelta(hours=1)
"""A vendor fetches a picture when its job leaves the queue, and may try again: no declared p99 is above a
quarter of it. After that nobody who finds the address in a log may fetch it.
"""
_READ_FOR = timedelta(minutes=15)
"""For our own reading: as far as S3 lets a machine's clock be off."""
_SILENCE = 15.0
_ANSWERED_WITHIN = 30.0
"""Seconds."""
_AWS = "https://s3.amazonaws.com"
_STORAGE = "/storage/v1"
_OBJECTS = f"{_STORAGE}/object/"
_SIGN = "/object/sign/"
_OPEN = ("public/", "sign/")
_S3_VARIABLES = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_S3_PLACES = "AWS_REGION and AWS_ENDPOINT_URL"
_SUPABASE_VARIABLES = "SUPABASE_URL and SUPABASE_SERVICE_KEY"
_S3_FORM = "an s3 address looks like s3://bucket/folder/picture.png"
_SUPABASE_FORM = "a Supabase address looks like supabase://bucket/folder/picture.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageAccess:
    """Where a user's private objects lie, and the keys to them.

    `s3` holds obstore's words: `access_key_id`, `secret_access_key`, `session_token`, `region`, `endpoint`.
    """

    s3: Mapping[str, str] = field(default_factory=dict, repr=False)
    supabase_url: str | None = None
    supabase_key: str | None = field(default=None, repr=False)


class StorageTrouble(Exception):
    """The storage did not answer as it should; the same call may work a moment later."""


def is_private(address: str, access: StorageAccess) -> bool:
    """Whether an address names an object that only the user's own keys open.

    Supabase's `public/` and `sign/` addresses open without a key, so they are none.
    """
    return address.startswith((S3, SUPABASE)) or _supabase_object(address, access) is not None


def can_sign(address: str, access: StorageAccess) -> bool:
    """Whether a vendor could fetch a signed address of a private object: its storage is no private host."""
    s3 = access.s3.get("endpoint", _AWS) if address.startswith(S3) else None
    place = s3 or access.supabase_url
    return place is not None and unreachable(place) is None


async def signed_address(address: str, access: StorageAccess, *, opens_for: timedelta = SIGNED_FOR) -> str:
    """An address of a private object that opens without a key for an hour. It is a secret until then.

    Raises InvalidRequest for what the user's settings or storage do not allow, StorageTrouble for what may
    pass, MissingExtra without obstore.
    """
    if address.startswith(S3):
        import anyio.to_thread

        return await anyio.to_thread.run_sync(_signed_s3, address, access, opens_for)
    return await _signed_supabase(address, access, opens_for)


def is_signed_for(url: str, address: str) -> bool:
    """Whether a signed address, as a vendor echoes it, is one of this private object."""
    name = address.partition("://")[2]
    if not address.startswith((S3, SUPABASE)):
        name = urlsplit(address).path.partition(_OBJECTS)[2].removeprefix("authenticated/")
    if not address.startswith(S3):
        name = unquote(name)
    return unquote(url.partition("?")[0]).endswith(f"/{name}")


def _signed_s3(address: str, access: StorageAccess, opens_for: timedelta) -> str:
    bucket, key = _s3_name(address, access)
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    named = {name: value for name, value in access.s3.items() if value}
    options: ClientConfig = {"allow_http": access.s3.get("endpoint", "").startswith("http://")}
    try:
        store = S3Store(bucket, config=named, client_options=options)  # type: ignore[arg-type]  # a TypedDict
        signed = obstore.sign(store, "GET", key, opens_for)
        origin_of(signed)
    except (BaseError, TypeError, ValueError) as error:
        raise _refused(
            f"{address} cannot be signed: {type(error).__name__}", hint=f"check {_S3_PLACES}"
        ) from error
    if not is_path_of(signed, access.s3.get("endpoint", _AWS), f"/{bucket}/{key}"):
        raise _refused(_S3_FORM)
    return signed


async def _signed_supabase(address: str, access: StorageAccess, opens_for: timedelta) -> str:
    import anyio
    import httpx

    question = _supabase_at(_SIGN, address, access)
    try:
        with anyio.fail_after(_ANSWERED_WITHIN):
            async with supabase_client(access) as client:
                answer = await client.post(question, json={"expiresIn": int(opens_for.total_seconds())})
        signed = answer.json()["signedURL"] if answer.is_success else None
    except (httpx.HTTPError, TimeoutError, ValueError, LookupError, TypeError) as error:
        raise StorageTrouble(f"{address} was not signed: {type(error).__name__}") from error
    if answer.is_client_error and answer.status_code not in (408, 429):
        raise _refused(
            f"{address} may not be signed: {answer.status_code}", hint=f"check {_SUPABASE_VARIABLES}"
        )
    if not isinstance(signed, str) or not signed.startswith(_SIGN):
        raise StorageTrouble(f"{address} was not signed: the storage answered {answer.status_code}")
    return f"{access.supabase_url}{_STORAGE}{signed}"


def check_access(address: str, access: StorageAccess) -> None:
    """Whether a private object could be asked for. Raises InvalidRequest for an address that names none and
    without the user's keys, MissingExtra without obstore. Reads nothing.
    """
    if address.startswith(S3):
        _s3_name(address, access)
    else:
        supabase_address(address, access)


def _s3_name(address: str, access: StorageAccess) -> tuple[str, str]:
    """The bucket and the key of an address. Raises InvalidRequest, MissingExtra."""
    if find_spec("obstore") is None:
        raise MissingExtra("s3", "reading from s3://")
    bucket, _, key = address.removeprefix(S3).partition("/")
    if not (stays(bucket) and all(stays(step, slash=True) for step in key.split("/"))):
        raise _refused(_S3_FORM)
    if not {"access_key_id", "secret_access_key"} <= access.s3.keys():
        raise _refused("s3:// is read with your keys", hint=f"set {_S3_VARIABLES}")
    return bucket, key


def read_refused(address: str, error: DownloadFailed) -> InvalidRequest | DownloadFailed:
    """What a storage's refusal to send a private object means; the error itself where it may pass."""
    mine = _S3_VARIABLES if address.startswith(S3) else _SUPABASE_VARIABLES
    if error.status == 404:
        return _refused(f"there is no object at {address}")
    if error.status in (401, 403):
        return _refused(f"your keys may not read {address}", hint=f"check {mine} and this machine's clock")
    if error.status is not None and 300 <= error.status < 400:
        return _refused(
            f"the storage sends {address} elsewhere, and no key follows", hint=f"check {_S3_PLACES}"
        )
    return error


def supabase_address(address: str, access: StorageAccess) -> str:
    """Where an authenticated GET finds the object. Raises InvalidRequest for an address that names none, and
    without the user's settings.
    """
    return _supabase_at("/object/authenticated/", address, access)


def _supabase_at(call: str, address: str, access: StorageAccess) -> str:
    """The object's address under a call of the storage API. Raises InvalidRequest."""
    if access.supabase_url is None or access.supabase_key is None:
        raise _refused("Supabase storage is read with your key", hint=f"set {_SUPABASE_VARIABLES}")
    name = _supabase_object(address, access)
    if name is None:
        name = address.removeprefix(SUPABASE)
    steps = name.split("/")
    if len(steps) < 2 or not all(map(stays, steps)):
        raise _refused(_SUPABASE_FORM)
    path = f"{_STORAGE}{call}{unquote(name)}"
    url = access.supabase_url + quote(path)
    if not is_path_of(url, access.supabase_url, path):
        raise _refused(_SUPABASE_FORM)
    return url


def _supabase_object(address: str, access: StorageAccess) -> str | None:
    """`bucket/path` of an address under Supabase's object API that needs a key, else None."""
    parts = urlsplit(address)
    at, _, name = parts.path.partition(_OBJECTS)
    if parts.scheme not in ("http", "https") or at or not name or name.startswith(_OPEN):
        return None
    mine = access.supabase_url is not None and _same_origin(address, access.supabase_url)
    hosted = (parts.hostname or "").endswith(".supabase.co") and access.supabase_url is None
    return name.removeprefix("authenticated/") if mine or hosted else None


def _same_origin(one: str, other: str) -> bool:
    try:
        return origin_of(one) == origin_of(other)
    except ValueError:
        return False


@asynccontextmanager
async def supabase_client(access: StorageAccess) -> AsyncIterator[httpx.AsyncClient]:
    """A client that carries the user's key to the origin of SUPABASE_URL and nowhere else.

    It reads, and asks for signed addresses.
    """
    key = access.supabase_key or ""
    home = access.supabase_url or ""
    headers = {"authorization": f"Bearer {key}", "apikey": key}
    async with _own_client(home, headers=headers, asks=urlsplit(home).path + _STORAGE + _SIGN) as client:
        yield client


@asynccontextmanager
async def s3_object(address: str, access: StorageAccess) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """An address that opens an object for a few minutes, and a client that reads from its origin alone.

    The address is its own key: obstore's client would carry the session's token wherever a redirect leads.
    Raises what `signed_address` raises.
    """
    signed = await signed_address(address, access, opens_for=_READ_FOR)
    async with _own_client(signed) as client:
        yield signed, client


@asynccontextmanager
async def _own_client(
    home: str, *, headers: Mapping[str, str] = MappingProxyType({}), asks: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    import httpx

    from anyvideo.net.outputs import OwnOriginTransport

    patience = Timeouts(outputs=_SILENCE)
    transport = OwnOriginTransport(home, headers=headers, asks=asks, timeouts=patience)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        yield client


@asynccontextmanager
async def public_client() -> AsyncIterator[httpx.AsyncClient]:
    """A credential-less client for public addresses: https only, judged before it connects."""
    import httpx

    from anyvideo.net.clients import NOWHERE
    from anyvideo.net.outputs import OutputTransport

    async with httpx.AsyncClient(
        transport=OutputTransport(NOWHERE, timeouts=Timeouts(outputs=_SILENCE)), trust_env=False
    ) as client:
        yield client


def _refused(message: str, *, hint: str | None = None) -> InvalidRequest:
    return InvalidRequest(message, field="image", hint=hint)
