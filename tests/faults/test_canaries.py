"""A key appears on the wire to its own vendor and nowhere else: not in logs, errors, reprs, pickles, files."""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

from anyvideo import AnyVideoError, AsyncClient, Client, Event, Plugins, Settings, load_settings
from anyvideo.jobs.store.codec import encode
from anyvideo.testing.clock import VirtualClock
from anyvideo.testing.simulator import FAULTS, SimulatorServer

from .conftest import ROOT
from .oracle import leaks, spellings

CANARIES = {
    "REPLICATE_API_TOKEN": "r8_CANARY+first/9fQ==",
    "RUNWAYML_API_SECRET": "key_CANARY+second/7Zk==",
    "LUMAAI_API_KEY": "luma-CANARY+third/3Xw==",
}
MODELS = {"replicate": "replicate/seedance-1-lite", "runway": "runway/gen4.5", "luma": "luma/ray-flash-2"}
SPELLINGS = [spelling for secret in CANARIES.values() for spelling in spellings(secret)]
LATE = {"slow_accept", "slow_answer", "slow_download"}


class Everything(logging.Handler):
    """All that anybody logs, as it would be written to a file."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(TypeError, ValueError):
            self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[Everything]:
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("anyvideo", "httpx", "httpcore", "aiohttp", "asyncio", "replicate", "runwayml", "lumaai"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def found(*texts: str | bytes) -> set[bytes]:
    """The spellings of canaries in these texts."""
    raw = b"\n".join(text.encode() if isinstance(text, str) else text for text in texts)
    return {spelling for spelling in SPELLINGS if spelling in raw}


def told(value: object) -> list[str | bytes]:
    """Everything that a value says of itself; what cannot be pickled says nothing that way."""
    said: list[str | bytes] = [str(value), repr(value)]
    if isinstance(value, BaseException):
        said += [traceback.format_exc(), "".join(traceback.format_exception(value))]
    with suppress(Exception):
        said.append(pickle.dumps(value))
    return said


def environ(server: SimulatorServer) -> Mapping[str, str]:
    return {**server.env, **CANARIES}


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    vendors = []
    for plugin in Plugins.discover().all:
        if plugin.simulator is not None:
            module, _, factory = plugin.simulator.partition(":")
            vendors.append(getattr(import_module(module), factory)())
    with SimulatorServer(vendors, clock=VirtualClock()) as running:
        running.set_time(5.0)
        yield running


def test_the_search_finds_a_canary_however_it_is_spelled() -> None:
    import base64
    from urllib.parse import quote

    for secret in CANARIES.values():
        for before in ("", "u", "us"):
            assert found(base64.b64encode(f"{before}{secret}:tail".encode()))
            assert found(base64.urlsafe_b64encode(f"{before}{secret}:tail".encode()))
        assert found(quote(secret, safe=""))
        assert found(f"Authorization: Bearer {secret}")
    assert not found("r8_CANARY", "CANARY")


@pytest.mark.anyio
@pytest.mark.parametrize("vendor", MODELS)
async def test_no_fault_brings_a_key_to_light(
    server: SimulatorServer, logged: Everything, tmp_path: Path, vendor: str
) -> None:
    events: list[Event] = []
    errors: list[BaseException] = []
    said: list[str | bytes] = []
    settings = load_settings(environ=environ(server), folder=tmp_path)
    for fault in (None, *sorted(FAULTS.keys() - LATE)):
        server.clear_faults()
        if fault is not None:
            server.fault(vendor, fault, times=1)
        async with AsyncClient(
            store=tmp_path / "jobs.db",
            settings=settings,
            clock=server.world.clock,  # type: ignore[arg-type]
            on_event=events.append,
        ) as client:
            said += told(client)
            try:
                video = await client.generate(f"a fox under {fault}", models=MODELS[vendor], timeout=900)
                said += told(video)
            except AnyVideoError as error:
                errors.append(error)
                said += told(error)
            for job in await client.jobs(limit=1):
                said += [*told(job), encode(job)]
            said += told(await client.plan("a fox")) + told(await client.providers())
    assert len(server.world.requests) > len(FAULTS)
    assert any(seen.authorized for seen in server.world.requests)
    assert not server.world.leaks
    assert errors
    assert not found(*said, *(text for event in events for text in told(event)))
    assert logged.lines
    assert not found(*logged.lines)
    assert not leaks(tmp_path, CANARIES.values())


def test_settings_and_clients_do_not_show_keys_however_they_were_given(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in CANARIES.items()))
    from_file = load_settings(environ={}, folder=tmp_path)
    in_code = dict(zip(MODELS, CANARIES.values(), strict=True))
    given: list[Settings] = [
        from_file,
        load_settings(environ=CANARIES, folder=tmp_path),
        load_settings(environ={}, folder=tmp_path).with_keys(in_code),
    ]
    said: list[str | bytes] = []
    for settings in given:
        said += told(settings) + told(settings.lookup)
        for plugin in Plugins.discover().all:
            said += told(settings.key(plugin))[:2]
        said += told(AsyncClient(store=tmp_path / "jobs.db", settings=settings))
        with Client(store="memory:", settings=settings) as client:
            said += told(client) + told(client.providers())
    assert not found(*said)


@pytest.mark.parametrize("wrong", ["{key}\nX-Evil: 1", "{key} {key}", "{key}\u00e9"])
def test_a_key_that_cannot_be_one_is_turned_down_without_being_repeated(wrong: str) -> None:
    secret = CANARIES["RUNWAYML_API_SECRET"]
    with (
        pytest.raises(AnyVideoError) as caught,
        Client(store="memory:", keys={"runway": wrong.format(key=secret)}) as client,
    ):
        client.generate("a fox", models="runway/gen4.5")
    assert not found(*told(caught.value))


def test_the_record_of_a_failing_vault_is_not_repeated() -> None:
    def vault() -> str:
        raise RuntimeError(f"cannot open {CANARIES['RUNWAYML_API_SECRET']}")

    with pytest.raises(AnyVideoError) as caught, Client(store="memory:", keys={"runway": vault}) as client:
        client.generate("a fox", models="runway/gen4.5")
    assert not found(str(caught.value), repr(caught.value), pickle.dumps(caught.value))


def test_no_cassette_holds_a_key(server: SimulatorServer) -> None:
    keys = [value for name, value in server.env.items() if not name.endswith("URL")]
    assert keys
    cassettes = [path for path in (ROOT / "cassettes").rglob("*") if path.is_file()]
    assert cassettes
    assert not leaks(ROOT / "cassettes", [*keys, *CANARIES.values()])
    for path in cassettes:
        bearers = re.findall(r"(?i)bearer\s+(\S+)", path.read_text("utf-8"))
        assert not [
            bearer for bearer in bearers if not re.search(r"(?i)redacted|masked|\*|<|x{3}", bearer)
        ], path
