"""The page on settings says all that the code reads, and its files load."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anyvideo import Budget, Client, ConfigurationError, Plugins, Settings, load_settings
from anyvideo.settings import overridden
from anyvideo.settings.declared import KEYS, TABLES

from .conftest import ROOT, Block, blocks

PAGE = ROOT / "docs" / "settings.md"
READERS = ("get", "find", "words")
"""The methods of Lookup that take names of variables."""


def name_of(block: Block) -> str:
    """What the file of a block is called: its first line says so, else it is an `anyvideo.toml`."""
    found = re.match(r"# (\S+\.toml)\n", block.text)
    return found[1] if found else "anyvideo.toml"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the files that the page shows."""
    for block in blocks("toml"):
        if block.page == PAGE:
            (tmp_path / name_of(block)).write_text(block.text, "utf-8")
    return tmp_path


def loaded(folder: Path, profile: str | None = None, **environ: str) -> Settings:
    return load_settings(environ=environ, folder=folder, profile=profile)


def test_a_toml_example_loads_with_every_profile_of_it(toml_block: Block, files: Path) -> None:
    (files / name_of(toml_block)).write_text(toml_block.text, "utf-8")
    profiles = tomllib.loads((files / "anyvideo.toml").read_text("utf-8")).get("profiles", {})
    for profile in (None, "development", "production", *profiles):
        overridden(Plugins.discover().specs(), loaded(files, profile))


def test_the_whole_file_has_every_key(files: Path) -> None:
    said = tomllib.loads((files / "anyvideo.toml").read_text("utf-8"))
    assert KEYS.keys() <= said.keys()
    assert {name: set(said[name]) for name in TABLES} == {name: set(keys) for name, keys in TABLES.items()}
    assert {*said["profiles"]["preview"]["defaults"], "policy"} == wishes(files)


def wishes(folder: Path) -> set[str]:
    """The keys that `[defaults]` knows, as the error about another one lists them."""
    other = folder / "other"
    other.mkdir()
    (other / "anyvideo.toml").write_text("[defaults]\nqqqq = 1\n")
    with pytest.raises(ConfigurationError) as caught:
        loaded(other)
    return set(re.findall(r"'(\w+)'", caught.value.hint or ""))


def test_the_whole_file_means_what_its_comments_say(files: Path) -> None:
    usual, production, preview = (loaded(files, name) for name in (None, "production", "preview"))
    assert usual.store == str(files / "data" / "jobs.db")
    assert (usual.concurrency, production.concurrency) == (8, 20)
    assert usual.budgets == (Budget(Decimal("20.00"), period="day", scope="project"),)
    assert production.budgets == (Budget(Decimal("200.00"), period="day", scope="project"),)
    assert production.defaults.budget == 50
    assert (production.defaults.resolution, production.defaults.fps) == ("720p", 30)
    assert (usual.policy, preview.policy) == ("listed", "cheapest")


def test_prices_and_routes_of_ones_own_are_planned_with(files: Path) -> None:
    environ = {"RUNWAYML_API_SECRET": "key_invented", "LUMAAI_API_KEY": "luma-invented"}

    def expected(settings: Settings, **options: Any) -> dict[str, Any]:
        with Client(settings=settings, store="memory:") as client:
            plan = client.plan("a red fox", **options)
        return {one.model: one.quote.expected for one in plan.candidates}

    empty = files / "empty"
    empty.mkdir()
    (empty / "anyvideo.toml").write_text("")
    own = expected(loaded(files, **environ), models="drafts")
    listed = expected(loaded(empty, **environ), models="luma/ray-flash-2")
    assert "luma/ray-2" not in own
    ratio = own["luma/ray-flash-2"] / listed["luma/ray-flash-2"]
    assert float(ratio) == pytest.approx(20 / 22, abs=1e-5), "0.0020 instead of 0.0022 for a megapixel"


def test_the_dotenv_example_is_read(files: Path) -> None:
    (example,) = blocks("dotenv")
    (files / ".env").write_text(example.text, "utf-8")
    settings = loaded(files)
    assert (settings.profile, settings.store) == ("production", "/var/lib/anyvideo/jobs.db")
    ready = {plugin.name for plugin in Plugins.discover().all if settings.missing(plugin) is None}
    assert {"replicate", "runway"} <= ready


def test_every_variable_that_the_settings_read_is_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert sorted({name for name in variables() if f"`{name}`" not in page}) == []


def variables() -> Iterator[str]:
    """Names of variables in the settings' own code."""
    for module in sorted((ROOT / "src" / "anyvideo" / "settings").glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            called = getattr(node.func, "attr", None) if isinstance(node, ast.Call) else None
            if called in READERS and isinstance(node, ast.Call):
                words = [one.value for one in node.args if isinstance(one, ast.Constant)]
                yield from (word for word in words if isinstance(word, str) and word.isupper())
        yield from re.findall(r'^[A-Z_]*VARIABLE = "(\w+)"', module.read_text("utf-8"), re.MULTILINE)


def test_a_table_that_is_not_on_the_page_is_not_read(files: Path) -> None:
    (files / "anyvideo.toml").write_text('REPLICATE_API_TOKEN = "r8_invented"\n')
    with pytest.raises(ConfigurationError, match="REPLICATE_API_TOKEN is not known"):
        loaded(files)
