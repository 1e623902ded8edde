"""The fixtures. Each imports what it needs when a test asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from anyvideo.testing.modes import CLIENTS, RECORDED, TAPE, Mode, cassette_path, mode_of

if TYPE_CHECKING:
    from anyvideo.testing.cassettes.tape import Tape
    from anyvideo.testing.clock import VirtualClock
    from anyvideo.testing.fakes import FakeProvider
    from anyvideo.testing.kit import Stage
    from anyvideo.testing.process import SimulatorProcess
    from anyvideo.testing.simulator import SimulatorServer

FactoryOfClients = Callable[..., Any]


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """Time that passes only while everyone waits: ten minutes take milliseconds."""
    from anyvideo.testing.clock import VirtualClock

    return VirtualClock()


@pytest.fixture
def memory_store() -> str:
    """A store that is gone after the test: `Client(store=memory_store)`."""
    return "memory:"


@pytest.fixture
def anyvideo_secrets() -> Sequence[str]:
    """Override it: values that must not be recorded, besides the keys in the environment."""
    return ()


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> Iterator[SimulatorServer]:
    """Every installed vendor's simulator, on a port of this process.

    It follows `virtual_clock`, and a job takes a minute of it, where the test or its clients use that.
    """
    from anyvideo.testing.kit import simulated_vendors
    from anyvideo.testing.simulator import SimulatorServer

    virtual = "virtual_clock" in request.fixturenames
    clock = request.getfixturevalue("virtual_clock") if virtual else None
    with SimulatorServer(simulated_vendors(), clock=clock) as server:
        if virtual:
            server.set_time(60.0)
        yield server


@pytest.fixture
def simulator_process() -> Iterator[SimulatorProcess]:
    """Every installed vendor's simulator, in a process of its own and in real time."""
    from anyvideo.testing.process import SimulatorProcess

    with SimulatorProcess() as process:
        yield process


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Callable[..., object]:
    """Order a fault: `fault("vendor", "rate_limited", times=1)`. A replayed cassette has it already."""
    match mode_of(request.node):
        case "replay":
            return _already_recorded
        case "live":
            pytest.skip("faults cannot be ordered from a real vendor")
    name = "simulator_process" if "simulator_process" in request.fixturenames else "simulator"
    order: Callable[..., object] = request.getfixturevalue(name).fault
    return order


def _already_recorded(*_: object, **__: object) -> None:
    return None


@pytest.fixture
def fake_provider(anyvideo_stage: Stage) -> Callable[[str], FakeProvider]:
    """A provider that does what the test says: `fake_provider("first").fails(GenerationFailed("no"))`."""
    from anyvideo.testing.fakes import FakeProvider

    def fake(name: str) -> FakeProvider:
        return anyvideo_stage.fakes.setdefault(name, FakeProvider(name))

    return fake


@pytest.fixture
def anyvideo_stage(
    request: pytest.FixtureRequest, tmp_path: Path, memory_store: str, virtual_clock: VirtualClock
) -> Stage:
    """What the clients of this test are wired to."""
    from anyvideo.testing.kit import Stage, replay_environ

    mode = mode_of(request.node)
    simulators = next(
        (name for name in ("simulator", "simulator_process") if name in request.fixturenames), None
    )
    elsewhere = mode == "live" or (simulators == "simulator_process" and mode is None)
    clock = None if elsewhere else virtual_clock
    stage = Stage(folder=tmp_path, clock=clock, store=memory_store, mode=mode)
    match mode:
        case "replay":
            stage.environ = replay_environ()
        case "live":
            stage.environ = _environ()
        case _:
            if mode == "simulator" or simulators is not None:
                stage.environ = dict(request.getfixturevalue(simulators or "simulator").env)
    return stage


def _environ() -> dict[str, str]:
    import os

    return dict(os.environ)


@pytest.fixture
def video_client(anyvideo_stage: Stage, request: pytest.FixtureRequest) -> Iterator[FactoryOfClients]:
    """`video_client(models=[…])` makes a `Client` on this test's fakes, simulators or cassette.

    Other arguments are the client's own. It is closed after the test.
    """
    from anyvideo.client import Client

    with ExitStack() as closing:

        def make(**arguments: Any) -> Client:
            client = Client(**anyvideo_stage.arguments(arguments))
            closing.callback(_close, client, request.node.stash.get(TAPE, None))
            if anyvideo_stage.mode == "live":
                _cap(client, request.config)
            return client

        yield make


@pytest.fixture
def async_video_client(anyvideo_stage: Stage, request: pytest.FixtureRequest) -> FactoryOfClients:
    """`async with async_video_client(models=[…]) as client`: the same for an `AsyncClient`."""
    from anyvideo.client import AsyncClient

    def make(**arguments: Any) -> AsyncClient:
        client = AsyncClient(**anyvideo_stage.arguments(arguments))
        if anyvideo_stage.mode == "live":
            _cap(client, request.config)
        return client

    return make


def _close(client: Any, tape: Tape | None) -> None:
    try:
        client.close()
    except RuntimeError:
        if tape is None or not tape.misses:
            raise
        for thread in threading.enumerate():  # a missing answer ends the client's thread
            if thread.name == "anyvideo-client":
                thread.join(timeout=5)


def _cap(client: object, config: pytest.Config) -> None:
    from anyvideo.testing.live import cap_spending, purse_of

    cap_spending(client, purse_of(config))


@pytest.fixture(autouse=True)
def anyvideo_cassette(request: pytest.FixtureRequest) -> Iterator[Tape | None]:
    """The open cassette of a test with the marker; None for every other test."""
    mode = mode_of(request.node)
    if mode is None:
        yield None
        return
    path = cassette_path(request.node)
    if mode == "replay" and not path.is_file():
        pytest.fail(
            f"there is no cassette {path}: record it with pytest --anyvideo-record=simulator", pytrace=False
        )
    if mode == "live" and not CLIENTS.intersection(request.fixturenames):
        pytest.fail("a live recording needs the cap of `video_client` or `async_video_client`", pytrace=False)
    with pytest.MonkeyPatch.context() as patch, _opened(request, mode, path, patch) as tape:
        request.node.stash[TAPE] = tape
        yield tape
        if mode != "replay" and not tape.discarded:
            request.config.stash[RECORDED].add(path)


def _but_for_misses(usual: Callable[[Any], object], caught: Any) -> None:
    """A missing answer ends the client's thread; the test reports it."""
    from anyvideo.testing.cassettes.tape import CassetteMiss

    group = caught.exc_value
    if not (isinstance(group, BaseExceptionGroup) and group.subgroup(CassetteMiss)):
        usual(caught)


def _opened(request: pytest.FixtureRequest, mode: Mode, path: Path, patch: pytest.MonkeyPatch) -> Any:
    """The cassette, and an environment in which clients that the code makes by itself work too."""
    from anyvideo.testing import kit
    from anyvideo.testing.cassettes.tape import open_cassette

    environ, moved = kit.replay_environ(), []
    if mode == "simulator":
        server = request.getfixturevalue("simulator")
        environ, moved = server.env, list(kit.moves(server.url, server.env))
    if mode != "live":
        for name in (plugin.base_url_variable for plugin in kit.plugins()):
            if name is not None:
                patch.delenv(name, raising=False)
        for name, value in {**environ, "ANYVIDEO_STORE": "memory:"}.items():
            patch.setenv(name, value)
    patch.setattr(threading, "excepthook", partial(_but_for_misses, threading.excepthook))
    secrets = [*request.getfixturevalue("anyvideo_secrets"), *kit.known_secrets(environ)]
    return open_cassette(path, source=None if mode == "replay" else mode, secrets=secrets, moves=moved)
