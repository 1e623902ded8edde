"""What someone meets before the first line of code runs: metadata, extras, the README's commands."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = ("local", "luma", "replicate", "runway")
FOLDERS = (ROOT, *(ROOT / "providers" / name for name in PLUGINS))
REGISTRIES = tuple(".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org")))
folders = pytest.mark.parametrize(
    "folder", FOLDERS, ids=lambda folder: folder.name if folder != ROOT else "core"
)
plugins = pytest.mark.parametrize("plugin", PLUGINS)


def project(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return facts


def requirement(text: str) -> tuple[str, frozenset[str]]:
    """The distribution and the extras that a requirement names."""
    match = re.match(r"([\w-]+)(?:\[([^]]*)\])?", text)
    assert match, text
    return match[1], frozenset(filter(None, (match[2] or "").split(",")))


def shipped_files() -> list[Path]:
    """Every file that is, or is about to be, under version control."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_extra_all_brings_every_other_extra() -> None:
    extras = project(ROOT)["optional-dependencies"]
    (everything,) = extras["all"]
    assert requirement(everything) == ("anyvideo", frozenset(extras) - {"all"})


@plugins
def test_an_extra_named_like_the_provider_brings_its_distribution(plugin: str) -> None:
    (dependency,) = project(ROOT)["optional-dependencies"][plugin]
    distribution = project(ROOT / "providers" / plugin)
    name, _ = requirement(dependency)
    assert name == distribution["name"] == f"anyvideo-{plugin}"
    assert f"{dependency} ".startswith(f"{name}>={distribution['version'].rpartition('.')[0]},")


@plugins
def test_a_plugin_is_found_by_its_entry_point(plugin: str) -> None:
    distribution = project(ROOT / "providers" / plugin)
    assert distribution["entry-points"] == {"anyvideo": {plugin: f"anyvideo_{plugin}"}}
    assert any(requirement(dependency)[0] == "anyvideo" for dependency in distribution["dependencies"])


def test_the_core_depends_on_no_provider() -> None:
    names = {requirement(dependency)[0] for dependency in project(ROOT)["dependencies"]}
    assert not names & {*PLUGINS, *(f"anyvideo-{name}" for name in PLUGINS), "runwayml", "lumaai"}


@folders
def test_type_checkers_see_every_package(folder: Path) -> None:
    (package,) = (path for path in (folder / "src").iterdir() if (path / "__init__.py").exists())
    assert (package / "py.typed").is_file()


@folders
def test_the_version_is_in_the_changelog(folder: Path) -> None:
    version = re.escape(project(folder)["version"])
    assert re.search(rf"^## \[{version}\] - ", (folder / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


@folders
def test_readme_and_licence_are_shipped(folder: Path) -> None:
    facts = project(folder)
    assert (folder / facts["readme"]).read_text("utf-8").startswith(f"# {facts['name']}\n")
    (licence,) = facts["license-files"]
    assert (folder / licence).read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")


def test_the_first_screen_of_the_readme_has_the_two_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:24])
    for command in (
        "pip install nox && nox -s demo\n",
        "nox -s tests\n",
        "python3 -m venv .venv && . .venv/bin/activate",
    ):
        assert command in first_screen


def test_ci_runs_the_readmes_own_test_command() -> None:
    assert re.search(r"^step tests nox -s tests\b", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)


def test_every_extra_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [extra for extra in project(ROOT)["optional-dependencies"] if f"`{extra}`" not in readme]
    assert not missing


def test_no_file_ties_the_project_to_one_registry() -> None:
    offenders = [
        path.relative_to(ROOT)
        for path in shipped_files()
        if path.name == "uv.lock"
        or any(host in path.read_text("utf-8", errors="ignore") for host in REGISTRIES)
    ]
    assert not offenders


def test_the_core_names_no_provider() -> None:
    word = re.compile(rf"\b({'|'.join((*PLUGINS, 'runwayml', 'lumaai'))})\b", re.IGNORECASE)
    offenders = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((ROOT / "src" / "anyvideo").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
        for number, line in enumerate(path.read_text("utf-8", errors="ignore").splitlines(), 1)
        if word.search(line)
    ]
    assert not offenders, "\n".join(offenders)


def run_module_without(package: str) -> subprocess.CompletedProcess[str]:
    """``python -m anyvideo`` on a machine where one package cannot be imported."""
    blocked = f"import runpy, sys; sys.modules[{package!r}] = None; "
    command = [sys.executable, "-c", blocked + "runpy.run_module('anyvideo', run_name='__main__')"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_without_the_cli_extra_the_command_says_what_to_install() -> None:
    done = run_module_without("typer")
    sentence = 'The anyvideo command line needs the package typer: pip install "anyvideo[cli]"'
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (1, "", [sentence])


def test_a_broken_installation_is_not_mistaken_for_a_missing_extra() -> None:
    done = run_module_without("anyvideo.cli")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert "pip install" not in done.stderr
