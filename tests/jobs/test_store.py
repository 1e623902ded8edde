"""The durable record: leases, fencing, holds, keys, and the places where it refuses to be."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from anyvideo import Budget, BudgetExceeded, IdempotencyConflict, InvalidRequest, JobNotFound, StoreError
from anyvideo.jobs.store import database
from anyvideo.jobs.store.database import file_system
from anyvideo.jobs.store.schema import MIGRATIONS
from anyvideo.jobs.store.sqlite import SQLiteStore
from anyvideo.types.errors import StaleWrite
from anyvideo.types.job import Account, Attempt, Job, JobOptions, Ref
from anyvideo.types.money import Cost, CostBasis, Quote
from anyvideo.types.plan import Fit, Plan
from anyvideo.types.request import Image, Task, VideoRequest
from anyvideo.types.states import AttemptState, JobStatus

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCOUNT = Account(provider="maker", origin="https://maker.example", key_hash="0123456789ab")
CLIP = 60_000


def attempt(job_id: str = "fox", number: int = 1, **changes: object) -> Attempt:
    fit = Fit(
        model="maker/clip",
        task=Task.TEXT_TO_VIDEO,
        prompt="a fox",
        negative_prompt=None,
        image=None,
        image_input=None,
        duration=5.0,
        frames=None,
        fps=None,
        aspect_ratio="16:9",
        resolution="720p",
        size=None,
        audio=False,
        seed=None,
        inputs={"prompt": "a fox"},
    )
    made = Attempt(
        id=f"{job_id}.{number}",
        number=number,
        model="maker/clip",
        vendor="maker",
        account=ACCOUNT,
        fit=fit,
        quote=Quote(expected_micros=CLIP, ceiling_micros=CLIP),
        state=AttemptState.HELD,
        tag=f"tag of {job_id}",
        created_at=NOW,
        hold_micros=CLIP,
    )
    return replace(made, **changes)


def job(job_id: str = "fox", *budgets: Budget, prompt: str = "a fox") -> Job:
    return Job(
        id=job_id,
        request=VideoRequest(prompt=prompt, duration=5.0),
        plan=Plan(),
        options=JobOptions(budgets=budgets),
        created_at=NOW,
        attempts=(attempt(job_id),),
    )


def with_attempt(before: Job, **changes: object) -> Job:
    """The job with its latest attempt changed."""
    *others, last = before.attempts
    return replace(before, attempts=(*others, replace(last, **changes)))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "jobs.db")
    await opened.open()
    yield opened
    await opened.aclose()


# Leases


async def test_one_owner_at_a_time(store: SQLiteStore) -> None:
    await store.create(job())
    first = await store.lease("fox", owner="a", now=NOW, seconds=90)
    assert first is not None
    assert first.until == NOW + timedelta(seconds=90)
    assert await store.lease("fox", owner="b", now=NOW, seconds=90) is None
    assert await store.holder("fox") == "a"
    renewed = await store.lease("fox", owner="a", now=NOW + timedelta(seconds=30), seconds=90)
    assert renewed is not None
    assert renewed.epoch == first.epoch
    assert await store.lease("fox", owner="b", now=NOW + timedelta(seconds=100), seconds=90) is None
    await store.release(renewed)
    assert await store.lease("fox", owner="b", now=NOW + timedelta(seconds=100), seconds=90) is not None


async def test_who_lost_the_lease_writes_nothing(store: SQLiteStore) -> None:
    created = (await store.create(job())).job
    old = await store.lease("fox", owner="a", now=NOW, seconds=90)
    later = NOW + timedelta(seconds=91)
    new = await store.lease("fox", owner="b", now=later, seconds=90)
    assert old is not None
    assert new is not None
    assert new.epoch > old.epoch
    with pytest.raises(StaleWrite):
        await store.write(old, created, with_attempt(created, polls=7), now=later)
    await store.release(old)
    assert await store.holder("fox") == "b"
    written = await store.write(new, created, with_attempt(created, polls=8), now=later)
    assert (await store.load("fox")).attempts[0].polls == written.job.attempts[0].polls == 8


async def test_a_write_over_a_job_that_has_changed_is_refused(store: SQLiteStore) -> None:
    created = (await store.create(job())).job
    lease = await store.lease("fox", owner="a", now=NOW, seconds=90)
    assert lease is not None
    await store.write(lease, created, with_attempt(created, polls=1), now=NOW)
    with pytest.raises(StaleWrite):
        await store.write(lease, created, with_attempt(created, polls=2), now=NOW)
    assert (await store.load("fox")).attempts[0].polls == 1


async def test_a_wish_to_cancel_reaches_whoever_writes_next(store: SQLiteStore) -> None:
    created = (await store.create(job())).job
    lease = await store.lease("fox", owner="a", now=NOW, seconds=90)
    assert lease is not None
    await store.request_cancel("fox")
    written = await store.write(lease, created, with_attempt(created, polls=1), now=NOW)
    assert written.job.cancel_requested


async def test_a_hundred_takers_get_one_lease(tmp_path: Path, store: SQLiteStore) -> None:
    await store.create(job())
    others = [SQLiteStore(tmp_path / "jobs.db") for _ in range(4)]
    taken: list[str] = []

    async def take(one: SQLiteStore, owner: str) -> None:
        if await one.lease("fox", owner=owner, now=NOW, seconds=90) is not None:
            taken.append(owner)

    for one in others:
        await one.open()
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(take, others[number % 4], f"taker {number}")
    for one in others:
        await one.aclose()
    assert len(taken) == 1


# Vendors' jobs


async def test_a_vendors_job_is_claimed_once(store: SQLiteStore) -> None:
    claimed = []
    for name in ("fox", "hare"):
        created = (await store.create(job(name))).job
        lease = await store.lease(name, owner="a", now=NOW, seconds=90)
        assert lease is not None
        after = with_attempt(created, ref=Ref(job_id="made-1", model="clip"))
        claimed.append(await store.adopt(lease, created, after, now=NOW))
    assert claimed[0] is not None
    assert claimed[1] is None
    assert (await store.load("hare")).attempts[0].ref is None
    assert await store.owned(ACCOUNT, ["made-1", "made-2"]) == {"made-1"}
    replaced = replace(ACCOUNT, key_hash="ba9876543210")
    assert await store.owned(replaced, ["made-1"]) == {"made-1"}
    other = replace(ACCOUNT, origin="https://other.example")
    assert await store.owned(other, ["made-1"]) == set()


# Keys and ids


async def test_a_key_finds_its_job_and_refuses_another_request(store: SQLiteStore) -> None:
    await store.create(job("fox"), idempotency_key="k")
    assert (await store.create(job("hare"), idempotency_key="k")).job.id == "fox"
    with pytest.raises(IdempotencyConflict):
        await store.create(job("owl", prompt="an owl"), idempotency_key="k")
    assert [known.id for known in await store.jobs()] == ["fox"]


async def test_an_id_is_given_once(store: SQLiteStore) -> None:
    await store.create(job())
    with pytest.raises(InvalidRequest) as caught:
        await store.create(job())
    assert caught.value.field == "job_id"
    with pytest.raises(JobNotFound):
        await store.load("hare")


# Holds


async def test_what_does_not_fit_leaves_no_trace(store: SQLiteStore) -> None:
    wide, narrow = Budget("10"), Budget("0.10", scope="user:alice")
    await store.create(job("fox", wide, narrow))
    with pytest.raises(BudgetExceeded):
        await store.create(job("hare", wide, narrow))
    with pytest.raises(JobNotFound):
        await store.load("hare")
    held = [used.held_micros for used in await store.used([wide, narrow], NOW)]
    assert held == [CLIP, CLIP]


async def test_a_hold_becomes_what_it_cost_once(store: SQLiteStore) -> None:
    budget = Budget("10")
    created = (await store.create(job("fox", budget))).job
    lease = await store.lease("fox", owner="a", now=NOW, seconds=90)
    assert lease is not None
    cost = Cost(micros=41_234, basis=CostBasis.REPORTED)
    over = with_attempt(created, state=AttemptState.FAILED, cost=cost, hold_micros=0)
    first = await store.write(lease, created, over, now=NOW)
    await store.write(lease, first.job, replace(first.job, status=JobStatus.FAILED), now=NOW)
    (used,) = await store.used([budget], NOW)
    assert (used.held_micros, used.spent_micros) == (0, 41_234)
    (line,) = await store.lines()
    assert (line.cost_micros, line.basis, line.hold_micros) == (41_234, CostBasis.REPORTED, 0)


# Inputs


async def test_pictures_are_kept_by_their_content(store: SQLiteStore) -> None:
    first = await store.keep_input(Image(data=b"picture", content_type="image/png"))
    second = await store.keep_input(Image(data=b"picture", content_type="image/png"))
    address = Image(url="https://pictures.example/fox.png")
    assert first == second
    assert first.path is not None
    assert first.path.read_bytes() == b"picture"
    assert [path.name for path in first.path.parent.iterdir()] == [first.sha256]
    assert await store.keep_input(address) is address


# Where it fails


@pytest.fixture
def rollback_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite before 3.51.3 gets: a reader holds up a COMMIT."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)


@pytest.mark.usefixtures("rollback_journal")
async def test_a_commit_that_a_reader_holds_up_leaves_nothing_behind(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "jobs.db")
    await store.open()
    created = (await store.create(job())).job
    lease = await store.lease("fox", owner="a", now=NOW, seconds=90)
    assert lease is not None
    with closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()
        for _ in range(2):
            with pytest.raises(StoreError, match="locked"):
                await store.write(lease, created, with_attempt(created, polls=7), now=NOW)
            assert (await store.load("fox")).attempts[0].polls == 0
        reader.execute("ROLLBACK")
    await store.write(lease, created, with_attempt(created, polls=8), now=NOW)
    await store.aclose()
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as sql:
        assert '"polls":8' in sql.execute("SELECT document FROM jobs").fetchone()[0]


async def test_what_made_sqlite_roll_back_by_itself_is_said(store: SQLiteStore) -> None:
    """As a full disk does."""
    created = (await store.create(job())).job
    lease = await store.lease("fox", owner="a", now=NOW, seconds=90)
    assert lease is not None
    with closing(sqlite3.connect(store.folder / "jobs.db", isolation_level=None)) as sql:
        sql.execute(
            "CREATE TRIGGER full BEFORE UPDATE OF document ON jobs"
            " BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END"
        )
        with pytest.raises(StoreError, match="disk is full"):
            await store.write(lease, created, with_attempt(created, polls=7), now=NOW)
        sql.execute("DROP TRIGGER full")
    written = await store.write(lease, created, with_attempt(created, polls=8), now=NOW)
    assert written.job.attempts[0].polls == 8


# Where it refuses to be


async def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    for opening in range(3):
        store = SQLiteStore(tmp_path / "new" / "folder" / "jobs.db")
        await store.open()
        assert len(await store.jobs()) == opening
        await store.create(job(f"fox-{opening}"))
        await store.aclose()


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    store = SQLiteStore(path)
    await store.open()
    await store.aclose()
    with closing(sqlite3.connect(path)) as sql:
        sql.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        await SQLiteStore(path).open()
    assert "upgrade" in str(caught.value)
    assert path.read_bytes() == before


async def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    text, strange = tmp_path / "notes.txt", tmp_path / "photos.db"
    text.write_text("a fox crosses a frozen lake\n" * 100)
    with closing(sqlite3.connect(strange)) as sql:
        sql.execute("CREATE TABLE photos (name TEXT)")
    for path in (text, strange):
        before = path.read_bytes()
        with pytest.raises(StoreError) as caught:
            await SQLiteStore(path).open()
        assert "ANYVIDEO_STORE" in str(caught.value)
        assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["file/jobs.db", "folder"])
async def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError) as caught:
        await SQLiteStore(tmp_path / place).open()
    assert str(tmp_path / place) in str(caught.value)
    assert "ANYVIDEO_STORE" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
async def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "frozen"
    folder.mkdir(mode=0o500)
    with pytest.raises(StoreError) as caught:
        await SQLiteStore(folder / "jobs.db").open()
    assert "memory:" in str(caught.value)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/alice/disk xfs rw 0 0
//box/share /mnt/my\\040share cifs rw 0 0
auto /net autofs rw 0 0
server:/deep /net nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/data", "ext4"),
        ("/home", "nfs4"),
        ("/home/alice", "nfs4"),
        ("/homestead", "ext4"),
        ("/home/alice/disk/store", "xfs"),
        ("/mnt/my share/store", "cifs"),
        ("/net/store", "nfs"),
    ],
)
async def test_the_innermost_and_latest_mount_counts(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert file_system(Path(folder), mounts) == kind


async def test_where_mounts_are_not_told_nothing_is_assumed(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "nowhere") is None


async def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "file_system", lambda _: "nfs4")
    with pytest.raises(StoreError) as caught:
        await SQLiteStore(tmp_path / "jobs.db").open()
    assert "nfs4" in str(caught.value)
    assert not (tmp_path / "jobs.db").exists()


async def test_a_memory_store_leaves_nothing() -> None:
    store = SQLiteStore("memory:")
    await store.open()
    await store.create(job())
    kept = await store.keep_input(Image(data=b"picture", content_type="image/png"))
    assert kept.path is not None
    folder = store.folder
    assert kept.path.is_relative_to(folder)
    await store.aclose()
    assert not folder.exists()


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2), (3, 51, 3), (3, 60, 0)])
async def test_a_log_ahead_is_used_only_where_it_is_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    """SQLite before 3.51.3 can corrupt a WAL database that two connections write."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    store = SQLiteStore(tmp_path / "jobs.db")
    await store.open()
    with closing(sqlite3.connect(tmp_path / "jobs.db")) as sql:
        mode = sql.execute("PRAGMA journal_mode").fetchone()[0]
    await store.aclose()
    assert (mode == "wal") == (version >= (3, 51, 3))
