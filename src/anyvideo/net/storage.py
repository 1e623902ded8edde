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
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from anyvideo.net.sanitize import origin_of
from anyvideo.net.ssrf import unreachable
from anyvideo.types.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    import httpx
    from obstore.store import S3Store

S3 = "s3://"
SUPABASE = "supabase://"
SIGNED_FOR = timedelta(hours=1)
"""A vendor fetches a picture when its job leaves the queue, and may try again: no declared p99 is above a
quarter of it. After that nobody who finds the address in a log may fetch it.
"""
_AWS = "https://s3.amazonaws.com"
_STORAGE = "/storage/v1"
_OBJECTS = f"{_STORAGE}/object/"
_SIGN = "/object/sign/"
_OPEN = ("public/", "sign/")
_S3_VARIABLES = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_SUPABASE_VARIABLES = "SUPABASE_URL and SUPABASE_SERVICE_KEY"


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


async def signed_address(address: str, access: StorageAccess) -> str:
    """An address of a private object that opens without a key for an hour. It is a secret until then.

    Raises InvalidRequest for what the user's settings or storage do not allow, StorageTrouble for what may
    pass, MissingExtra without obstore.
    """
    if address.startswith(S3):
        import anyio.to_thread

        return await anyio.to_thread.run_sync(_signed_s3, address, access)
    return await _signed_supabase(address, access)


def is_signed_for(url: str, address: str) -> bool:
    """Whether a signed address, as a vendor echoes it, is one of this private object."""
    name = address.partition("://")[2]
    if not address.startswith((S3, SUPABASE)):
        name = unquote(urlsplit(address).path.partition(_OBJECTS)[2]).removeprefix("authenticated/")
    return unquote(url.partition("?")[0]).endswith(f"/{name}")


def _signed_s3(address: str, access: StorageAccess) -> str:
    store, key = _s3_object(address, access)
    import obstore

    return obstore.sign(store, "GET", key, SIGNED_FOR)


async def _signed_supabase(address: str, access: StorageAccess) -> str:
    import httpx

    name = _supabase_name(address, access)
    question = f"{access.supabase_url}{_STORAGE}{_SIGN}{name}"
    try:
        async with supabase_client(access) as client:
            answer = await client.post(question, json={"expiresIn": int(SIGNED_FOR.total_seconds())})
            signed = answer.json()["signedURL"] if answer.is_success else None
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise StorageTrouble(f"{address} was not signed: {type(error).__name__}") from error
    if answer.is_client_error and answer.status_code not in (408, 429):
        raise _refused(
            f"{address} may not be signed: {answer.status_code}", hint=f"check {_SUPABASE_VARIABLES}"
        )
    if not isinstance(signed, str) or not signed.startswith(_SIGN):
        raise StorageTrouble(f"{address} was not signed: the storage answered {answer.status_code}")
    return f"{access.supabase_url}{_STORAGE}{signed}"


def read_s3(address: str, access: StorageAccess, *, max_bytes: int) -> bytes:
    """The object behind `s3://bucket/key`. Blocks: obstore's async calls abort the interpreter at its exit.

    Raises InvalidRequest for what the storage turns down or is too large, StorageTrouble for what may pass,
    MissingExtra without obstore.
    """
    store, key = _s3_object(address, access)
    import obstore
    from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

    try:
        found = obstore.get(store, key)
        if found.meta["size"] > max_bytes:
            raise _too_large(max_bytes)
        return bytes(found.bytes())
    except (NotFoundError, FileNotFoundError) as error:
        raise _refused(f"there is no object at {address}") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise _refused(f"your keys may not read {address}", hint=f"check {_S3_VARIABLES}") from error
    except (BaseError, OSError) as error:
        raise StorageTrouble(f"{address} could not be read: {type(error).__name__}") from error


def _s3_object(address: str, access: StorageAccess) -> tuple[S3Store, str]:
    """The bucket and the key of an address. Raises InvalidRequest, MissingExtra."""
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise MissingExtra("s3", "reading from s3://") from error
    bucket, _, key = address.removeprefix(S3).partition("/")
    if not bucket or not key:
        raise _refused("an s3 address looks like s3://bucket/folder/picture.png")
    if not {"access_key_id", "secret_access_key"} <= access.s3.keys():
        raise _refused("s3:// is read with your keys", hint=f"set {_S3_VARIABLES}")
    endpoint = access.s3.get("endpoint", "")
    named = {name: value for name, value in access.s3.items() if value}
    store = S3Store(
        bucket,
        config=named,  # type: ignore[arg-type]  # a TypedDict of the same words
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=10),
            "timeout": timedelta(seconds=120),
        },
        retry_config={"max_retries": 0},
    )
    return store, key


def supabase_address(address: str, access: StorageAccess) -> str:
    """Where an authenticated GET finds the object. Raises InvalidRequest without the user's settings."""
    return f"{access.supabase_url}{_OBJECTS}authenticated/{_supabase_name(address, access)}"


def _supabase_name(address: str, access: StorageAccess) -> str:
    """`bucket/path`, quoted for an address. Raises InvalidRequest."""
    if access.supabase_url is None or access.supabase_key is None:
        raise _refused("Supabase storage is read with your key", hint=f"set {_SUPABASE_VARIABLES}")
    name = _supabase_object(address, access)
    if name is None:
        name = address.removeprefix(SUPABASE)
    if "/" not in name.strip("/") or ".." in name.split("/"):
        raise _refused("a Supabase address looks like supabase://bucket/folder/picture.png")
    return quote(unquote(name))


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
    import httpx

    from anyvideo.net.outputs import OwnOriginTransport

    key = access.supabase_key or ""
    headers = {"authorization": f"Bearer {key}", "apikey": key}
    transport = OwnOriginTransport(
        access.supabase_url or "",
        headers=headers,
        asks=urlsplit(access.supabase_url or "").path + _STORAGE + _SIGN,
    )
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        yield client


@asynccontextmanager
async def public_client() -> AsyncIterator[httpx.AsyncClient]:
    """A credential-less client for public addresses: https only, judged before it connects."""
    import httpx

    from anyvideo.net.clients import NOWHERE
    from anyvideo.net.outputs import OutputTransport

    async with httpx.AsyncClient(transport=OutputTransport(NOWHERE), trust_env=False) as client:
        yield client


def _too_large(max_bytes: int) -> InvalidRequest:
    return _refused(f"the image is larger than {max_bytes // 1024**2} MiB", hint="scale it down")


def _refused(message: str, *, hint: str | None = None) -> InvalidRequest:
    return InvalidRequest(message, field="image", hint=hint)
