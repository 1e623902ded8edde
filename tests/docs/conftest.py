from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from anyvideo.cli.simulate import simulated
from anyvideo.plugins import Plugins
from anyvideo.testing.simulator import SimulatorServer

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "examples").glob("*/README.md")),
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A code block of a page; `line` is where its first line stands."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Every block in one of the languages; in any, where none is named."""
    return [
        Block(page=page, line=text.count("\n", 0, found.start()) + 2, language=found[1], text=found[2])
        for page in PAGES
        for text in [page.read_text("utf-8")]
        for found in BLOCK.finditer(text)
        if not languages or found[1] in languages
    ]


LANGUAGES = {"python_block": ("python",), "console_block": ("console", "sh"), "toml_block": ("toml",)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in LANGUAGES.keys() & set(metafunc.fixturenames):
        metafunc.parametrize(name, blocks(*LANGUAGES[name]), ids=str)


@pytest.fixture(scope="session")
def simulators() -> Iterator[SimulatorServer]:
    with SimulatorServer(simulated(Plugins.discover().all)) as server:
        server.set_time(0.05)
        yield server


@pytest.fixture
def reader(simulators: SimulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which somebody tries what the page says, with simulated vendors for real ones."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYVIDEO_STORE", str(tmp_path / "store.db"))
    for name, value in simulators.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "anyvideo.toml").write_text("[timeouts]\npoll_max = 0.2\n")
    Image.new("RGB", (1280, 720), "slategrey").save(tmp_path / "lake.png")
    (tmp_path / "clips.yaml").write_text(blocks("yaml")[0].text)
    (tmp_path / "tests" / "fixtures").mkdir(parents=True)
    shutil.copytree(ROOT / "cassettes" / "luma", tmp_path / "cassettes")
    return tmp_path
