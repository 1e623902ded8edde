from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anyvideo.cli import app
from anyvideo.cli.simulate import simulated
from anyvideo.plugins import Plugins
from anyvideo.testing.simulator import SimulatorServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture(scope="session")
def shared_server() -> Iterator[SimulatorServer]:
    with SimulatorServer(simulated(Plugins.discover().all)) as server:
        yield server


@pytest.fixture
def server(shared_server: SimulatorServer) -> Iterator[SimulatorServer]:
    """Every installed vendor, simulated: jobs take a twentieth of a second and nothing goes wrong yet."""
    shared_server.set_time(0.05)
    shared_server.clear_faults()
    yield shared_server
    shared_server.clear_faults()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: SimulatorServer) -> Path:
    """An empty folder to work in, with the environment that points at the simulators."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ANYVIDEO_STORE", str(tmp_path / "store.db"))
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def short_lease(here: Path) -> None:
    """Settings for tests that leave a job and take it up again in the same process."""
    (here / "anyvideo.toml").write_text("[recovery]\nlease = 1\n")


@pytest.fixture
def run(here: Path) -> Run:
    """The command line, in this process."""

    def call(*arguments: str | Path) -> Done:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="anyvideo")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(code=result.exit_code, out=result.stdout, err=result.stderr)

    return call
