"""Opening and closing what a provider works with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from anyvideo.net.scopes import exchange
from anyvideo.net.wire import Timeouts
from anyvideo.types.clock import Clock

if TYPE_CHECKING:
    from pydantic import SecretStr

C = TypeVar("C")
NOWHERE = "https://nowhere.invalid"
"""The base URL of a provider that speaks to no vendor."""


@asynccontextmanager
async def open_context(
    context: Callable[..., C],
    *,
    key: SecretStr | None,
    base_url: str | None,
    clock: Clock,
    work: Path,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[C]:
    """Yield `context(key=…, base_url=…, http=…, …)`, made in the running loop and closed with it.

    `context` is the class ProviderContext; it comes as an argument because `net` lies below it.
    """
    import httpx

    from anyvideo.net.outputs import OutputTransport
    from anyvideo.net.transport import GuardedTransport, Tls

    tls = Tls()
    address = base_url or NOWHERE
    transport = GuardedTransport(address, timeouts=timeouts, tls=tls)
    async with (
        httpx.AsyncClient(transport=transport, trust_env=False) as http,
        httpx.AsyncClient(
            transport=OutputTransport(address, timeouts=timeouts, tls=tls), trust_env=False
        ) as outputs,
    ):
        yield context(
            key=key,
            base_url=address,
            http=http,
            transport=transport,
            outputs=outputs,
            clock=clock,
            work=work,
            exchange=exchange,
        )
