"""Serve a simulator: from a thread beside a test, or in the foreground."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from anyvideo.testing.simulator.app import create_app
from anyvideo.testing.simulator.control import env_of
from anyvideo.testing.simulator.faults import Fault
from anyvideo.testing.simulator.ledger import Charge

if TYPE_CHECKING:
    from starlette.types import Scope
    from uvicorn import Server

    from anyvideo.testing.simulator.clock import Clock
    from anyvideo.testing.simulator.vendor import SimulatedVendor
    from anyvideo.testing.simulator.world import World

_HOST: Final = "127.0.0.1"
_START_LIMIT_S: Final = 20.0


class SimulatorServer:
    """The simulator of some vendors on 127.0.0.1, in a daemon thread while the `with` block runs.

    `port=0` takes a free one. `url` has no slash at its end, `env` points the vendors' SDKs here.
    """

    def __init__(
        self, vendors: Sequence[SimulatedVendor], *, port: int = 0, clock: Clock | None = None
    ) -> None:
        self._vendors = tuple(vendors)
        self._port = port
        self._app = create_app(self._vendors, clock=clock)
        self.world: World = self._app.state.world
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self._port}"

    @property
    def env(self) -> dict[str, str]:
        return env_of(self.world, self.url)

    def start(self) -> Self:
        """Open the port and wait until it answers. Raises OSError when the port is taken."""
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        self._server = _uvicorn(self._app, self.world)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="anyvideo-simulator", daemon=True
        )
        self._thread.start()
        limit = time.monotonic() + _START_LIMIT_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > limit:
                raise RuntimeError("the simulator did not start")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Close the port, running requests included, and remove the files."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_START_LIMIT_S)
        self.world.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def fault(
        self,
        provider: str,
        fault: str,
        *,
        model: str | None = None,
        times: int | None = None,
        share: float | None = None,
        seed: int = 0,
        **params: object,
    ) -> Fault:
        """Order a fault, as `POST /_sim/faults` does. Raises FaultError."""
        return self.world.faults.add(
            provider, fault, model=model, times=times, share=share, seed=seed, **params
        )

    def clear_faults(self, provider: str | None = None) -> None:
        self.world.faults.clear(provider)

    def set_time(
        self, seconds: float | None = None, *, law: Mapping[str, object] | None = None, seed: int = 0
    ) -> None:
        """How long jobs accepted from now on take in all. Raises ValueError."""
        self.world.times.set(seconds=seconds, law=law, seed=seed)

    def ledger(self) -> list[Charge]:
        """The ledger as it stands."""
        return self.world.charges()


def serve(
    vendors: Sequence[SimulatedVendor],
    port: int = 0,
    *,
    clock: Clock | None = None,
    on_ready: Callable[[str, dict[str, str]], None] | None = None,
) -> None:
    """Serve in this thread until Ctrl-C; `on_ready` is called with the URL and the environment.

    Raises OSError when the port is taken.
    """
    app = create_app(vendors, clock=clock)
    world: World = app.state.world
    listener = _listen(port)
    url = f"http://{_HOST}:{listener.getsockname()[1]}"
    if on_ready is not None:
        on_ready(url, env_of(world, url))
    try:
        _uvicorn(app, world).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        world.close()


def _listen(port: int) -> socket.socket:
    # asyncio switches Nagle's delay off only where the protocol is named; with it each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _uvicorn(app: object, world: World) -> Server:
    import uvicorn

    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        date_header=False,  # the world's clock dates the answers
        log_level="critical",
        timeout_graceful_shutdown=0,
    )
    server = uvicorn.Server(config)

    def hang_up(scope: Scope, flush: bool) -> None:
        for connection in list(server.server_state.connections):
            if getattr(connection, "client", None) == scope["client"]:
                connection.transport.close() if flush else connection.transport.abort()

    world.hang_up = hang_up
    return server
