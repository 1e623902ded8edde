"""What the plugin and the fixtures agree on: names, and where a test's answers come from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest

if TYPE_CHECKING:
    from anyvideo.testing.cassettes.tape import Tape

Mode = Literal["replay", "simulator", "live"]

MARKER: Final = "anyvideo_cassette"
SIMULATORS: Final = frozenset({"simulator", "simulator_process", "fault"})
CLIENTS: Final = frozenset({"video_client", "async_video_client", "client"})
KIT_FIXTURES: Final = SIMULATORS | {
    "async_video_client",
    "fake_provider",
    "memory_store",
    "video_client",
    "virtual_clock",
}
LOOPBACK: Final = r"127\.|::1|localhost"
NOWHERE: Final = r"(?!)"
ANYWHERE: Final = r"[\s\S]*"

TAPE: Final[pytest.StashKey[Tape]] = pytest.StashKey()
RECORDED: Final[pytest.StashKey[set[Path]]] = pytest.StashKey()

_UNFIT: Final = re.compile(r"[^\w.=+-]+")


def mode_of(item: pytest.Item) -> Mode | None:
    """Where the answers of a test with a cassette come from; None for a test without one.

    A file that an earlier test of this run recorded is replayed: one recording serves both clients.
    """
    if item.get_closest_marker(MARKER) is None:
        return None
    recorded: Mode | None = item.config.getoption("--anyvideo-record")
    if recorded is None or cassette_path(item) in item.config.stash.setdefault(RECORDED, set()):
        return "replay"
    return recorded


def cassette_path(item: pytest.Item) -> Path:
    """Where a test's cassette lies.

    `provider` comes from the marker or the test's class; without one, the module's name stands in for it in
    files that have no name of their own.
    """
    marker = item.get_closest_marker(MARKER)
    assert marker is not None, "asked only of tests with a cassette"
    name = marker.args[0] if marker.args else marker.kwargs.get("name")
    provider = marker.kwargs.get("provider") or getattr(getattr(item, "cls", None), "provider", None)
    folder = provider or item.path.stem.removeprefix("test_")
    if name is None:
        name = _UNFIT.sub("-", item.name.removeprefix("test_")).strip("-")
        name = f"{folder}/{name}"
    elif provider:
        name = f"{provider}/{name}"
    return cassette_folder(item) / f"{str(name).removesuffix('.yaml')}.yaml"


def cassette_folder(item: pytest.Item) -> Path:
    """The option, else the setting, else `cassettes` beside the test."""
    option = item.config.getoption("--anyvideo-cassettes")
    if option:
        return item.config.invocation_params.dir / str(option)
    setting = item.config.getini("anyvideo_cassettes")
    return item.config.rootpath / str(setting) if setting else item.path.parent / "cassettes"
