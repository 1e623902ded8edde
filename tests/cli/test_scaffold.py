"""`anyvideo new-provider`: what it writes works at once, and nothing is overwritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anyvideo.cli.scaffold import rendered

from .conftest import Run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["acme", "kite-labs"])
def test_a_new_provider_passes_its_own_tests_before_it_is_installed(
    run: Run, tmp_path: Path, name: str
) -> None:
    assert run("new-provider", name, "--folder", tmp_path).code == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


def test_it_lists_what_it_wrote(run: Run, tmp_path: Path) -> None:
    document = run("new-provider", "acme", "--folder", tmp_path, "--json").document
    written = sorted(
        path.relative_to(tmp_path / "anyvideo-acme").as_posix()
        for path in (tmp_path / "anyvideo-acme").rglob("*")
        if path.is_file()
    )
    assert document == {"name": "acme", "folder": str(tmp_path / "anyvideo-acme"), "files": written}
    assert {"pyproject.toml", "README.md", "src/anyvideo_acme/models.toml"} < set(written)


def test_it_says_what_to_do_next(run: Run, tmp_path: Path) -> None:
    done = run("new-provider", "acme", "--folder", tmp_path)
    assert "pytest" in done.err.splitlines()[-1]


def test_an_existing_folder_is_left_alone(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "anyvideo-acme"
    mine.mkdir()
    done = run("new-provider", "acme", "--folder", tmp_path)
    assert done.code == 2
    assert "exists already" in done.err
    assert not list(mine.iterdir())


@pytest.mark.parametrize("name", ["Acme", "2fast", "a_b", "a--b", "", "acme.io", "../acme"])
def test_a_name_that_cannot_be_one_is_turned_down(run: Run, tmp_path: Path, name: str) -> None:
    done = run("new-provider", name, "--folder", tmp_path)
    assert done.code == 2
    assert not list(tmp_path.glob("anyvideo-*"))


def test_an_installed_providers_name_is_taken(run: Run, tmp_path: Path) -> None:
    done = run("new-provider", "luma", "--folder", tmp_path)
    assert done.code == 2
    assert "installed already" in done.err


def test_names_with_two_words_make_names_that_python_takes() -> None:
    files = rendered("kite-labs")
    assert "src/anyvideo_kite_labs/provider.py" in files
    assert "class KiteLabs(HTTPProvider)" in files["src/anyvideo_kite_labs/provider.py"]
    assert "tests/cassettes/kite-labs/success.yaml" in files
    assert 'key_variables = ("KITE_LABS_API_KEY",)' in files["src/anyvideo_kite_labs/provider.py"]
    assert not [path for path, text in files.items() if "<<" in text or "NAME" in path]
