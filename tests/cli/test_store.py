"""A store that is not ours, or no longer whole, is one sentence and stays as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Run


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as sql:
        for statement in statements:
            sql.execute(statement)
        sql.commit()


def somebody_elses_table(path: Path) -> None:
    change(path, "CREATE TABLE songs (title TEXT)")


def somebody_elses_jobs(path: Path) -> None:
    change(path, "CREATE TABLE jobs (id INTEGER, title TEXT)")


def somebody_elses_version(path: Path) -> None:
    change(path, "CREATE TABLE songs (title TEXT)", "PRAGMA user_version = 1")


def no_database(path: Path) -> None:
    path.write_text("Shopping: milk, eggs, bread. " * 200)


def table_lost(path: Path) -> None:
    change(path, "DROP TABLE holds")


def column_lost(path: Path) -> None:
    change(path, "ALTER TABLE attempts DROP COLUMN basis")


def cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def overwritten(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\x07" * (len(content) - 4096))


def newer(path: Path) -> None:
    change(path, "PRAGMA user_version = 999")


def refused(run: Run, path: Path) -> None:
    before = path.read_bytes()
    for command in (("jobs",), ("generate", "a fox"), ("costs",)):
        done = run("--store", path, *command, "--json")
        assert done.code == 2, done.out
        error = done.document["error"]
        assert error["type"] == "StoreError"
        assert str(path) in error["message"]
        assert "ANYVIDEO_STORE" in error["hint"]
        (line,) = run("--store", path, *command).err.splitlines()
        assert "Traceback" not in line
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "make", [somebody_elses_table, somebody_elses_jobs, somebody_elses_version, no_database]
)
def test_a_file_of_another_program_is_refused_and_left_alone(
    run: Run, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "other.db")
    refused(run, tmp_path / "other.db")


@pytest.mark.parametrize("damage", [table_lost, column_lost, cut_off, overwritten, newer])
def test_a_damaged_or_newer_store_is_refused_and_left_alone(
    run: Run, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "mine.db"
    assert run("--store", path, "jobs").code == 0
    damage(path)
    refused(run, path)


def test_an_empty_file_becomes_a_store(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new.db").touch()
    assert run("--store", tmp_path / "new.db", "jobs", "--json").document == {"jobs": []}
