"""Ten dollars, 500 submits at five cents from many threads of eight processes, some of them killed."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest

from anyvideo import AsyncClient, load_settings
from anyvideo.jobs.points import POINTS

from . import oracle
from .conftest import ROOT, Extent
from .till import LEDGER, read_ledger
from .vendor import PRICE
from .workers import Workers

LIMIT = 10_000_000
SUBMITS = 500
PROCESSES = 8
THREADS = 8
SETTINGS = """
[recovery]
quiet = 1
skew = 1
look = 1
[budget]
limit = "10.00"
"""
GUARD = f"""
CREATE TABLE over (budget TEXT, used INTEGER);
CREATE TRIGGER guard AFTER UPDATE ON budgets WHEN NEW.held_micros + NEW.spent_micros > {LIMIT}
BEGIN INSERT INTO over VALUES (NEW.id, NEW.held_micros + NEW.spent_micros); END;
"""
"""Whoever passes the limit, in whichever process, leaves a row in the transaction that did it."""


@contextmanager
def watched(path: Path) -> Iterator[list[int]]:
    """What another connection reads, over and over: the most that was ever used."""
    most, done = [0], threading.Event()

    def watch() -> None:
        with closing(sqlite3.connect(path, timeout=30)) as sql:
            while not done.wait(0.01):
                used = sql.execute("SELECT max(held_micros + spent_micros) FROM budgets").fetchone()[0]
                most[0] = max(most[0], used or 0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


async def make_store(path: Path) -> None:
    """An empty store, with its tables."""
    async with AsyncClient(store=path, settings=load_settings(environ={}, folder=path.parent)):
        pass


def rush(folder: Path, workers: Workers, draw: random.Random) -> int:
    """One run: the most that was ever used, in micro-dollars. Raises AssertionError."""
    (folder / "anyvideo.toml").write_text(SETTINGS)
    path = folder / "jobs.db"
    anyio.run(make_store, path)
    with closing(sqlite3.connect(path)) as sql:
        sql.executescript(GUARD)
    doomed = {process: draw.choice(POINTS) for process in draw.sample(range(PROCESSES), draw.choice([0, 2]))}

    def environ(task: str, result: str, **own: str) -> dict[str, str]:
        told = {"TASK": task, "ROOT": str(ROOT), "RESULT": str(folder / result), **own}
        return {
            "ANYVIDEO_STORE": str(path),
            "HOME": str(folder),
            **{f"ANYVIDEO_FAULTS_{name}": value for name, value in told.items()},
        }

    with watched(path) as most:
        running = []
        for process in range(PROCESSES):
            share = SUBMITS // PROCESSES + (process < SUBMITS % PROCESSES)
            own = {"SUBMITS": str(share), "THREADS": str(THREADS), "PASS": str(draw.randint(1, 20))}
            point = {"POINT": doomed[process]} if process in doomed else {}
            running.append(workers.start(environ("rush", f"{process}.json", **own, **point), folder))
        ends = Counter(worker.wait(600) for worker in running)
        assert ends.keys() <= {("exited", 0), ("killed", signal.SIGKILL)}, (folder / "worker.out").read_text()
        assert ends["killed", signal.SIGKILL] <= len(doomed)
        rest = False
        while not rest:
            worker = workers.start(environ("clear", "rest.json"), folder)
            assert worker.wait(600) == ("exited", 0), (folder / "worker.out").read_text()
            rest = json.loads((folder / "rest.json").read_text())["rest"]
    assert most[0] <= LIMIT
    killed = ends["killed", signal.SIGKILL]
    check(folder, path, killed=killed > 0)
    return most[0]


def check(folder: Path, path: Path, *, killed: bool) -> None:
    with closing(sqlite3.connect(path)) as sql:
        assert sql.execute("SELECT * FROM over").fetchall() == []
    books = oracle.Books.read(path)
    oracle.check_holds(books)
    (budget,) = books.budgets.values()
    assert budget["held_micros"] == 0
    ledger = read_ledger(folder / LEDGER)
    assert budget["spent_micros"] == sum(line["bill"] for line in ledger) <= LIMIT
    bills = {line["id"]: line["bill"] for line in ledger}
    assert len(bills) == len(ledger)
    settled = [line for line in books.attempts.values() if line["provider_job_id"] is not None]
    assert {line["provider_job_id"]: line["cost_micros"] for line in settled} == bills
    if not killed:
        results = [json.loads((folder / f"{process}.json").read_text()) for process in range(PROCESSES)]
        assert sum(result["bought"] + result["refused"] for result in results) == SUBMITS
        assert sum(result["bought"] for result in results) == len(ledger)
        assert len(ledger) >= LIMIT // PRICE


@pytest.mark.slow
def test_a_budget_holds_in_a_rush(extent: Extent, workers: Workers, fast_folder: Path) -> None:
    most = []
    for number in range(extent.rushes):
        folder = fast_folder / str(number)
        folder.mkdir()
        most.append(rush(folder, workers, random.Random(extent.seed * 1000 + number)))
    print(
        f"seed {extent.seed}: {SUBMITS} submits by {PROCESSES} processes, {len(most)} times; used at most {max(most)}"
    )
