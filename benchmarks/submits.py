"""How many durable submits a second, beside a bare loop that writes the same rows and calls the same SDK?

Both sides buy from the same simulator, in turns, into a fresh SQLite file each time. A submit counts when the
vendor's id is written down. The bare loop has no plan, no budget, no lease and no guard: it only does, in the
order that is safe, what nobody can do without.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anyvideo import AsyncClient, Event, EventKind, load_settings
from anyvideo.jobs.store.database import Database

BAR = 0.5
MODEL = "runway/gen4.5"
PROMPT = "a red fox crosses a frozen lake at dawn, slow dolly-in"
CONCURRENCY = 8  # the client's own default
WRITE = "UPDATE jobs SET document = ?, status = ?, version = version + 1 WHERE id = ? RETURNING version"

Statement = tuple[str, tuple[Any, ...]]
Transaction = tuple[Statement, ...]


@dataclass(slots=True)
class Recorder:
    """A connection that remembers what was executed on it."""

    sql: sqlite3.Connection
    seen: list[Statement]

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        self.seen.append((statement, tuple(values)))
        return self.sql.execute(statement, values)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        for values in rows:
            self.execute(statement, values)

    @property
    def in_transaction(self) -> bool:
        return self.sql.in_transaction

    def close(self) -> None:
        self.sql.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One purchase as it was written down: every transaction, and those that carry the job itself."""

    job_id: str
    attempt_id: str
    transactions: tuple[Transaction, ...]

    @property
    def essential(self) -> tuple[Transaction, ...]:
        """W1, W2 and W3 without what leases and fencing add to them."""
        return tuple(
            tuple(_plain(statement) for statement in transaction)
            for transaction in self.transactions
            if any("document" in sql for sql, _ in transaction)
        )


def _plain(statement: Statement) -> Statement:
    sql, values = statement
    return (WRITE, values[:3]) if sql.startswith("UPDATE jobs SET document") else statement


def client_on(folder: Path, env: Mapping[str, str], accepted: list[str]) -> AsyncClient:
    """A client with its default settings on a store of its own."""

    def listen(event: Event) -> None:
        if event.kind is EventKind.ATTEMPT_ACCEPTED:
            accepted.append(event.job_id)

    settings = load_settings(environ=dict(env), folder=folder)
    return AsyncClient(store=folder / "jobs.db", settings=settings, on_event=listen)


async def buy(client: AsyncClient, accepted: list[str], count: int) -> None:
    """Submit and wait until the vendor's id of every job is written."""
    wanted = len(accepted) + count
    wish: dict[str, Any] = {"models": MODEL, "duration": 5, "poll_interval": 3600}
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(client.submit(PROMPT, **wish))
    while len(accepted) < wanted:  # noqa: ASYNC110, the listener is the client's own and plain
        await asyncio.sleep(0.001)


async def record(env: Mapping[str, str]) -> Recording:
    """One purchase, watched."""
    with tempfile.TemporaryDirectory() as folder:
        accepted: list[str] = []
        async with client_on(Path(folder), env, accepted) as client:
            await buy(client, accepted, 1)
            database = client._store._database
            recorder = Recorder(database.sql, [])
            database._connection = recorder  # type: ignore[assignment]
            await buy(client, accepted, 1)
            await asyncio.sleep(0.2)
            job = await client.job(accepted[-1])
            return Recording(
                job_id=job.id,
                attempt_id=job.attempts[0].id,
                transactions=tuple(transactions(recorder.seen, job.id)),
            )


def transactions(seen: Sequence[Statement], job_id: str) -> list[Transaction]:
    """What stood between BEGIN and COMMIT and was about this job."""
    found: list[Transaction] = []
    inside: list[Statement] | None = None
    for sql, values in seen:
        if sql.startswith("BEGIN"):
            inside = []
        elif sql == "COMMIT":
            found.append(tuple(inside or ()))
            inside = None
        elif inside is not None:
            inside.append((sql, values))
    return [one for one in found if any(job_id in values for _, values in one)]


async def ours(env: Mapping[str, str], count: int) -> float:
    """Submits a second through the client."""
    with tempfile.TemporaryDirectory() as folder:
        accepted: list[str] = []
        async with client_on(Path(folder), env, accepted) as client:
            await buy(client, accepted, 1)
            begun = time.perf_counter()
            await buy(client, accepted, count)
            return count / (time.perf_counter() - begun)


async def bare(env: Mapping[str, str], count: int, recording: Recording, *, all_writes: bool) -> float:
    """Submits a second of the loop. `all_writes` repeats leases and releases too."""
    from runwayml import AsyncRunwayML

    writes = recording.transactions if all_writes else recording.essential
    before = next(n for n, one in enumerate(writes) if any("W3" in str(values) for _, values in one))
    limit = asyncio.Semaphore(CONCURRENCY)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder, "jobs.db"))
        await database.open()
        sdk = AsyncRunwayML(
            api_key=env["RUNWAYML_API_SECRET"], base_url=env["RUNWAYML_BASE_URL"], max_retries=0
        )

        def write(number: int, transaction: Transaction) -> None:
            database.sql.execute("BEGIN IMMEDIATE")
            for sql, values in transaction:
                database.sql.execute(sql, _renamed(values, recording, number)).fetchall()
            database.sql.execute("COMMIT")

        async def one(number: int) -> None:
            async with limit:
                for transaction in writes[:before]:
                    await database.run(partial(write, number, transaction))
                await sdk.text_to_video.create(
                    model="gen4.5", prompt_text=PROMPT, ratio="1280:720", duration=5
                )
                for transaction in writes[before:]:
                    await database.run(partial(write, number, transaction))

        await one(0)
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, count + 1):
                tasks.create_task(one(number))
        rate = count / (time.perf_counter() - begun)
        await sdk.close()
        check = "SELECT count(*) FROM jobs WHERE version = ? AND document LIKE '%accepted%'"
        (found,) = database.sql.execute(check, (len(recording.essential),)).fetchone()
        assert found == count + 1, "the bare loop wrote every purchase to its end"
        await database.aclose()
    return rate


def _renamed(values: tuple[Any, ...], recording: Recording, number: int) -> tuple[Any, ...]:
    """The values for another job: same lengths, other ids."""
    ids = {name: f"{name[:-6]}{number:06d}" for name in (recording.job_id, recording.attempt_id)}
    renamed = []
    for value in values:
        text = value
        if isinstance(text, str):
            for old, new in ids.items():
                text = text.replace(old, new)
        renamed.append(text)
    return tuple(renamed)


def simulate() -> None:
    """Serve the vendor from a process of its own and say where."""
    from anyvideo.testing.simulator import serve
    from anyvideo_runway.simulator import create

    serve([create()], on_ready=lambda url, env: print(json.dumps({"url": url, **env}), flush=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=150, help="submits in each round of each side")
    parser.add_argument("--simulate", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.simulate:
        simulate()
        return
    command = [sys.executable, __file__, "--simulate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as vendor:
        try:
            assert vendor.stdout is not None
            env = json.loads(vendor.stdout.readline())
            sys.exit(compare(env, rounds=asked.rounds, count=asked.count))
        finally:
            vendor.terminate()


def compare(env: Mapping[str, str], *, rounds: int, count: int) -> int:
    """Print the ratios; 1 when the bar is missed."""
    _long_jobs(env["url"])
    recording = asyncio.run(record(env))
    print(f"SQLite {sqlite3.sqlite_version}, {_durability()}; {rounds} rounds of {count} submits, medians")
    rates: dict[str, list[float]] = {"anyvideo": [], "job only": [], "all writes": []}
    for _ in range(rounds):
        rates["anyvideo"].append(asyncio.run(ours(env, count)))
        rates["job only"].append(asyncio.run(bare(env, count, recording, all_writes=False)))
        rates["all writes"].append(asyncio.run(bare(env, count, recording, all_writes=True)))
    counts = {"job only": len(recording.essential), "all writes": len(recording.transactions)}
    print(f"anyvideo                     {statistics.median(rates['anyvideo']):7.0f} /s")
    ratios = {}
    for name, number in counts.items():
        ratios[name] = statistics.median(o / b for o, b in zip(rates["anyvideo"], rates[name], strict=True))
        speed = statistics.median(rates[name])
        print(f"bare, {name:12} ({number} commits) {speed:7.0f} /s   ratio {ratios[name]:.2f}")
    ok = ratios["all writes"] >= BAR
    print(f"bar: {BAR:g} times the loop with the same writes: {'ok' if ok else 'FAILED'}")
    return int(not ok)


def _long_jobs(url: str) -> None:
    import httpx

    httpx.post(f"{url}/_sim/time", json={"seconds": 36_000}).raise_for_status()


def _durability() -> str:
    async def ask() -> str:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(Path(folder, "jobs.db"))
            await database.open()
            mode, level = (
                database.sql.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous")
            )
            await database.aclose()
            return f"journal_mode={mode} synchronous={level}"

    return asyncio.run(ask())


if __name__ == "__main__":
    main()
