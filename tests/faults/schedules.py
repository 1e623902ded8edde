"""One schedule: a few purchases, lives of processes that die, vendors that lie; all drawn from one seed."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import anyio.to_thread

from anyvideo import (
    AllModelsFailed,
    AsyncClient,
    Budget,
    BudgetExceeded,
    JobCanceled,
    OutcomeUnknown,
    Plugins,
    StillRunning,
    load_settings,
)
from anyvideo.jobs import deliver, leases
from anyvideo.jobs.points import watcher
from anyvideo.jobs.store.database import Database
from anyvideo.media.probe import probe
from anyvideo.settings import Settings
from anyvideo.types.job import MediaInfo

from .loop import LoopClock, run
from .oracle import SETTLED, Books, check_holds
from .vendor import KINDS, PRICE, SAME_FAULTS, SUBMIT_FAULTS, Crash, Life, Line, World

R = TypeVar("R")
SETTINGS = """
[recovery]
lease = 20
[timeouts]
poll_min = 8
"""
"""Few polls and short leases: more happens in fewer steps."""

DAYS = 2 * 86_400.0
EXPECTED = (AllModelsFailed, BudgetExceeded, JobCanceled, OutcomeUnknown, StillRunning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One purchase, repeated by every life under the same key."""

    key: str
    arguments: dict[str, Any]
    after: float
    cancel_after: float | None


@dataclass(slots=True)
class Schedule:
    """What happens for a seed."""

    seed: int
    folder: Path
    settings: Settings
    draw: random.Random = field(init=False)
    world: World = field(init=False)
    clock: LoopClock = field(init=False)
    budget: Budget = field(init=False)
    wishes: list[Wish] = field(init=False)
    twins: bool = field(init=False)

    def run(self) -> str:
        """The hash of everything that happened. Raises AssertionError when something must not have."""
        self.draw = random.Random(self.seed)
        random.seed(self.seed)
        self.budget = Budget(self.draw.choice(["0.05", "0.12", "0.20", "10"]))
        self.wishes = [self._wish(number) for number in range(self.draw.randint(1, 3))]
        self.twins = self.draw.random() < 0.3
        if self.twins:
            vendor = self.draw.choice(["lister", "tagger"])
            same = {"prompt": "a fox", "models": [f"{vendor}/clip"]}
            self.wishes = [replace(wish, arguments=same) for wish in self.wishes]
            self.budget = Budget("10")
        tokens = random.Random(self.seed + 1)
        with patch.object(secrets, "token_hex", lambda size=32: tokens.randbytes(size).hex()):
            run(self._lives)
        self._check()
        return hashlib.sha256("\n".join(self.world.trace).encode()).hexdigest()

    def _wish(self, number: int) -> Wish:
        draw = self.draw
        names = draw.sample(list(KINDS), draw.randint(1, 3))
        resubmit = {"on_unknown": "resubmit", "max_duplicate_cost": draw.choice(["0.01", "0.05"])}
        arguments = {
            "prompt": draw.choice(["a fox", "a fox", f"fox {number}"]),
            "models": [f"{name}/clip" for name in names],
            "attempt_timeout": draw.choice([None, None, None, 40.0]),
            **(resubmit if draw.random() < 0.15 else {}),
        }
        cancel = draw.uniform(0, 150) if draw.random() < 0.2 else None
        return Wish(
            key=f"wish-{number}",
            arguments=arguments,
            after=draw.choice([0.0, 0.0, 5.0, 50.0]),
            cancel_after=cancel,
        )

    async def _lives(self, clock: LoopClock) -> None:
        self.clock = clock
        self.world = World(
            draw=self.draw,
            now=clock.monotonic,
            wall=clock.now,
            folder=self.folder,
            skew=self.draw.uniform(-30, 30),
            faults=SAME_FAULTS if self.twins else SUBMIT_FAULTS,
        )
        for number in range(self.draw.randint(1, 4)):
            lives = [self._life(f"{number}.{twin}") for twin in range(self.draw.choice([1, 1, 1, 2]))]
            await asyncio.gather(*(self._live(life, recovers=number > 0) for life in lives))
            await clock.sleep(self.draw.choice([0.0, 1.0, 100.0, 1000.0]))
        self.world.calm = True
        async with asyncio.timeout(DAYS):
            await self._live(Life(name="last", now=clock.monotonic), recovers=True)

    def _life(self, name: str) -> Life:
        draw = self.draw
        return Life(
            name=name,
            now=self.clock.monotonic,
            dies_at=draw.choice([None, *range(1, 30)]),
            stops_at=draw.choice([None, None, *range(1, 30)]),
            stops_for=draw.choice([10.0, 30.0, 400.0]),
        )

    async def _live(self, life: Life, *, recovers: bool) -> None:
        """A process from its start to its end or death."""
        try:
            await asyncio.create_task(self._work(life, recovers))
        except BaseException as error:
            if not _only_crashes(error):
                raise
            self.world.note(life.name, "is dead")

    async def _work(self, life: Life, recovers: bool) -> None:
        def passed(name: str) -> None:
            self.world.note(life.name, "passes", name)
            self._within_budget()
            life.breathe()

        watcher.set(passed)
        client = AsyncClient(
            store=self.folder / "jobs.db",
            settings=self.settings,
            plugins=Plugins.of(*self.world.plugins(life)),
            clock=self.clock,
            budgets=[self.budget],
            on_event=lambda event: self.world.note(
                life.name, "tells", event.kind, event.state, event.message
            ),
        )
        async with client:
            _mortal(client, life)
            async with asyncio.TaskGroup() as tasks:
                for wish in self.wishes:
                    if not recovers or self.draw.random() < 0.4:
                        tasks.create_task(self._want(client, wish, life))
                if recovers:
                    tasks.create_task(self._recover(client, life))

    async def _want(self, client: AsyncClient, wish: Wish, life: Life) -> None:
        await self.clock.sleep(0 if self.world.calm else wish.after)
        life.check()
        try:
            job = await client.submit(**wish.arguments, idempotency_key=wish.key)
            if wish.cancel_after is not None and not self.world.calm:
                await self.clock.sleep(wish.cancel_after)
                await client.cancel(job)
            await client.wait(job)
        except EXPECTED as error:
            self.world.note(life.name, wish.key, type(error).__name__)

    async def _recover(self, client: AsyncClient, life: Life) -> None:
        found = await client.recover()
        self.world.note(life.name, "recovers", sorted((one.job.id, one.outcome) for one in found))

    def _within_budget(self) -> None:
        with sqlite3.connect(self.folder / "jobs.db") as sql:
            used = sql.execute("SELECT max(held_micros + spent_micros) FROM budgets").fetchone()[0] or 0
        sql.close()
        assert used <= self.budget.limit_micros, f"over budget: {used}"

    def _check(self) -> None:
        books = Books.read(self.folder / "jobs.db")
        check_holds(books)
        lines = list(books.attempts.values())
        for job in books.jobs.values():
            self._check_job(job)
        owners = {line["provider_job_id"]: line for line in lines if line["provider_job_id"] is not None}
        assert len(owners) == sum(line["provider_job_id"] is not None for line in lines), (
            "a job is owned twice"
        )
        assert len({line.tag for line in self.world.ledger}) == len(self.world.ledger), "sent twice"
        for line in self.world.ledger:
            if line.id in owners:
                self._check_owner(line, owners[line.id], books)
            else:
                self._check_unknown(line, books)

    def _check_job(self, job: dict[str, Any]) -> None:
        attempts = job["attempts"]
        undecided = [attempt for attempt in attempts if attempt["state"] not in SETTLED]
        assert all(attempt["state"] == "unknown" for attempt in undecided)
        assert all(attempt["model"] == "mute/clip" for attempt in undecided), "it could have been found"
        unknown = bool(attempts) and attempts[-1]["state"] == "unknown"
        assert job["status"] in (("unknown",) if unknown else ("succeeded", "failed", "canceled"))
        bought = [attempt for attempt in attempts if attempt["ref"] is not None or attempt in undecided]
        wasted = [attempt for attempt in bought if attempt["state"] in ("failed", "canceled")]
        chosen = job["options"]["on_unknown"] == "resubmit"
        assert len(bought) - len(wasted) <= 1 + (len(undecided) if chosen else 0), "bought twice"
        if job["status"] == "succeeded":
            assert Path(job["artifact"]["path"]).exists()

    def _check_owner(self, line: Line, owner: dict[str, Any], books: Books) -> None:
        """What the vendor billed is what the owner settled, and a finished clip was delivered; unless its handle
        came home after its job had ended with another attempt.
        """
        job = books.jobs[owner["job_id"]]
        if owner["state"] == "unknown" and job["status"] in ("succeeded", "failed", "canceled"):
            self._check_unknown(line, books)
            return
        canceled = any(attempt["id"] == owner["id"] and attempt["canceling"] for attempt in job["attempts"])
        if line.word(self.world.now()) == "done" and not line.deleted:
            assert owner["state"] == "settled", f"{line.id} is finished and its attempt {owner['state']}"
        if owner["basis"] == "estimated":
            assert canceled
            assert line.bill <= owner["cost_micros"] <= PRICE
        else:
            assert owner["cost_micros"] == line.bill, f"{line.id} cost {line.bill}"

    def _check_unknown(self, line: Line, books: Books) -> None:
        """A charge that nobody owns is held by the attempt that made it, and nobody could have known."""
        (attempt,) = (one for job in books.jobs.values() for one in job["attempts"] if one["tag"] == line.tag)
        assert attempt["state"] == "unknown", f"{line.id} was charged, and its attempt is {attempt['state']}"
        assert attempt["hold_micros"] >= line.bill


def _mortal(client: AsyncClient, life: Life) -> None:
    """Whoever is dead writes no more, and whoever is stopped does so later."""
    database = client._store._database
    living, running = database.transaction, database.run

    async def run_awake(work: Callable[[], R]) -> R:
        await life.awake()
        return await running(work)

    @contextmanager
    def transaction() -> Iterator[sqlite3.Connection]:
        life.check()
        with living() as sql:
            yield sql

    database.transaction = transaction  # type: ignore[method-assign]
    database.run = run_awake  # type: ignore[method-assign]


def _only_crashes(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_only_crashes(inner) for inner in error.exceptions)
    return isinstance(error, Crash | asyncio.CancelledError)


async def _inline(work: Callable[..., R], *args: object, **_: object) -> R:
    await asyncio.sleep(0)
    return work(*args)


@cache
def measured(film: bytes) -> MediaInfo:
    """What the library measures; all clips are the same one."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(film)
        file.flush()
        return probe(Path(file.name))


@contextmanager
def one_thread() -> Iterator[None]:
    """Everything runs on the loop, one thing after the other, so that a seed is a schedule.

    These processes die without a power cut, so nothing needs to reach a disk; and only the end of a lease
    tells that its holder is dead, as where holders run on other machines.
    """

    async def inline(_: Database, work: Callable[[], R]) -> R:
        return await _inline(work)

    def carefree(_: Database, sql: sqlite3.Connection) -> None:
        sql.execute("PRAGMA journal_mode = MEMORY")
        sql.execute("PRAGMA synchronous = OFF")

    with (
        patch.object(Database, "run", inline),
        patch.object(Database, "_set_durability", carefree),
        patch.object(anyio.to_thread, "run_sync", _inline),
        patch.object(leases, "is_dead", lambda _: False),
        patch.object(deliver, "probe", lambda path: measured(path.read_bytes())),
    ):
        yield


def run_schedule(seed: int, root: Path) -> str:
    """The trace hash of one seed, in a folder of its own. The error for a seed holds the end of its trace."""
    warm_up()
    return _run_schedule(seed, root)


@cache
def warm_up() -> None:
    """Modules that load at their first use may draw random numbers: not in the middle of a schedule."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            _run_schedule(seed, Path(folder))


def _run_schedule(seed: int, root: Path) -> str:
    folder = root / str(seed)
    folder.mkdir()
    (folder / "anyvideo.toml").write_text(SETTINGS)
    schedule = Schedule(seed, folder, load_settings(environ={}, folder=folder))
    try:
        with one_thread():
            return schedule.run()
    except BaseException as error:
        trace = "\n".join(schedule.world.trace[-60:])
        raise AssertionError(f"schedule {seed} failed: {error!r}\n{trace}") from error
    finally:
        shutil.rmtree(folder)
