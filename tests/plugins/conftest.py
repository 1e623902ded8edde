from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

Install = Callable[..., list[EntryPoint]]

GOOD = """
from anyvideo.provider import Catalog, ProviderPlugin, Recovery, hookimpl

@hookimpl
def anyvideo_providers():
    return [
        ProviderPlugin(
            name={name!r},
            vendor={name!r},
            catalog=Catalog(provider={name!r}, models=()),
            recovery=Recovery(kind="nothing"),
            open=lambda context: None,
            statuses={{}},
        )
    ]
"""


@pytest.fixture
def good() -> Callable[[str], str]:
    """The source of a plugin that brings one provider."""
    return lambda name: GOOD.format(name=name)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one plugin module; returns its entry points."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def one(distribution: str, source: str, *, entry: str, module: str | None = None) -> list[EntryPoint]:
        module = module or f"{distribution.replace('-', '_')}_plugin"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[anyvideo]\n{entry} = {module}\n")
        return list(Distribution.at(info).entry_points)

    yield one
    for name in set(sys.modules) - before:
        if name.endswith("_plugin"):
            del sys.modules[name]
