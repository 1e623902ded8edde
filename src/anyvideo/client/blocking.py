"""The same client for code without an event loop: every method blocks until its coroutine is done."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

import anyio
from anyio.from_thread import BlockingPortal

from anyvideo.client.asynchronous import AsyncClient
from anyvideo.jobs.home import Home
from anyvideo.plugins import Plugins
from anyvideo.settings import Settings
from anyvideo.types.budget import Budget
from anyvideo.types.clock import Clock
from anyvideo.types.errors import ConfigurationError
from anyvideo.types.events import Event

logger = logging.getLogger("anyvideo")
P = ParamSpec("P")
R = TypeVar("R")


def _blocking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Client, P], R]:
    @functools.wraps(method)
    def call(self: Client, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(functools.partial(method, self._client, *args, **kwargs))

    return cast("Callable[Concatenate[Client, P], R]", call)


class Client:
    """An AsyncClient on a private event-loop thread: works in scripts, notebooks and inside running loops.

    Opened at its first use; close it with `with` or `close()`. One that is never closed does not keep the
    interpreter alive. Its arguments are those of AsyncClient.
    """

    def __init__(
        self,
        *,
        store: str | Path | None = None,
        profile: str | None = None,
        keys: Mapping[str, str | Callable[[], str]] | None = None,
        budgets: Sequence[Budget] = (),
        plugins: Plugins | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self._client = AsyncClient(
            store=store,
            profile=profile,
            keys=keys,
            budgets=budgets,
            plugins=plugins,
            settings=settings,
            clock=clock,
            on_event=on_event,
        )
        self._opening = threading.Lock()
        self._thread: threading.Thread | None = None
        self._portal: BlockingPortal | None = None
        self._closed = False
        self._home = Home()

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    plan = _blocking(AsyncClient.plan)
    submit = _blocking(AsyncClient.submit)
    generate = _blocking(AsyncClient.generate)
    wait = _blocking(AsyncClient.wait)
    batch = _blocking(AsyncClient.batch)
    job = _blocking(AsyncClient.job)
    jobs = _blocking(AsyncClient.jobs)
    cancel = _blocking(AsyncClient.cancel)
    uncancel = _blocking(AsyncClient.uncancel)
    resolve = _blocking(AsyncClient.resolve)
    recover = _blocking(AsyncClient.recover)
    spend = _blocking(AsyncClient.spend)
    budgets = _blocking(AsyncClient.budgets)
    models = _blocking(AsyncClient.models)
    forget_models = _blocking(AsyncClient.forget_models)
    providers = _blocking(AsyncClient.providers)

    def close(self) -> None:
        """Finish what is being sent and close everything. Unfinished jobs stay in the store.

        In a forked child it does nothing: everything belongs to the process that opened the client.
        """
        if self._home.abroad:
            return
        with self._opening:
            portal, thread = self._portal, self._thread
            self._portal = self._thread = None
            self._closed = True
            self._home.leave()
        if portal is not None and thread is not None and thread.is_alive():
            portal.start_task_soon(portal.stop)
            thread.join()

    def _call(self, work: Callable[[], Coroutine[Any, Any, R]]) -> R:
        future = self._open().start_task_soon(work)
        try:
            result: R = future.result()
        except CancelledError as error:
            raise ConfigurationError(
                "this client was closed before the call was done",
                field="client",
                hint="what was sent is recorded: anyvideo jobs",
            ) from error
        except BaseException:
            future.cancel()
            raise
        return result

    def _open(self) -> BlockingPortal:
        self._home.check()  # before the lock: a thread that held it was left behind by a fork
        with self._opening:
            if self._closed:
                raise ConfigurationError("this client is closed", field="client", hint="make a new one")
            if self._portal is None:
                self._home.enter()
                self._portal = self._start()
            return self._portal

    def _start(self) -> BlockingPortal:
        opened: list[BlockingPortal | BaseException] = []
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(opened, ready), name="anyvideo-client", daemon=True
        )
        self._thread.start()
        ready.wait()
        if isinstance(opened[0], BaseException):
            raise opened[0]
        return opened[0]

    def _serve(self, opened: list[BlockingPortal | BaseException], ready: threading.Event) -> None:
        async def serve() -> None:
            async with BlockingPortal() as portal:
                try:
                    async with self._client:
                        opened.append(portal)
                        ready.set()
                        await portal.sleep_until_stopped()
                except BaseException as error:
                    if opened:
                        raise
                    opened.append(error)
                    ready.set()
                await portal.stop(cancel_remaining=True)

        anyio.run(serve)
