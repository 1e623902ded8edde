"""The record in one SQLite file, or in memory."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from anyvideo.jobs.store.base import Lease
from anyvideo.jobs.store.codec import decode, encode
from anyvideo.jobs.store.schema import MIGRATIONS
from anyvideo.types.errors import InvalidRequest, JobNotFound, StaleWrite, StoreError
from anyvideo.types.job import Account, Job
from anyvideo.types.request import Image
from anyvideo.types.states import JobStatus

R = TypeVar("R")
MEMORY = "memory:"
BUSY_SECONDS = 30.0
SAFE_WAL = (3, 51, 3)
_COLUMNS = "document, version, cancel_requested"


class SQLiteStore:
    """One writer connection on a thread of its own; every change is one `BEGIN IMMEDIATE` transaction.

    WAL is used only from SQLite 3.51.3 on: older ones can corrupt a WAL database that two connections write.
    """

    def __init__(self, path: Path | str) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="anyvideo-") if path == MEMORY else None
        self._database = ":memory:" if self._temporary else str(path)
        self._folder = Path(self._temporary.name) if self._temporary else Path(path).resolve().parent
        self._connection: sqlite3.Connection | None = None
        self._one = anyio.CapacityLimiter(1)

    @property
    def folder(self) -> Path:
        return self._folder

    async def open(self) -> None:
        await self._run(self._open)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._run(self._connection.close)
            self._connection = None
        if self._temporary is not None:
            self._temporary.cleanup()

    async def create(self, job: Job) -> Job:
        def insert() -> Job:
            with self._transaction() as sql:
                try:
                    sql.execute(
                        "INSERT INTO jobs (id, version, status, created_at, document) VALUES (?, 1, ?, ?, ?)",
                        (job.id, job.status, _text(job.created_at), encode(job)),
                    )
                except sqlite3.IntegrityError:
                    raise InvalidRequest(
                        f"there is a job {job.id} already", field="job_id", hint="leave job_id out, or resume it"
                    ) from None
            return replace(job, version=1)

        return await self._run(insert)

    async def load(self, job_id: str) -> Job:
        def select() -> Job:
            row = self._sql.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
            return _job(row, job_id)

        return await self._run(select)

    async def list(self, *, statuses: Sequence[JobStatus] | None = None, limit: int = 100) -> list[Job]:
        def select() -> list[Job]:
            wanted = list(statuses or JobStatus)
            marks = ", ".join("?" * len(wanted))
            rows = self._sql.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE status IN ({marks})"
                " ORDER BY created_at DESC, id DESC LIMIT ?",
                (*wanted, limit),
            ).fetchall()
            return [_job(row, "") for row in rows]

        return await self._run(select)

    async def lease(self, job_id: str, *, owner: str, now: datetime, seconds: float) -> Lease | None:
        until = now + timedelta(seconds=seconds)

        def take() -> Lease | None:
            with self._transaction() as sql:
                row = sql.execute(
                    "UPDATE jobs SET epoch = epoch + (CASE WHEN lease_owner = ? THEN 0 ELSE 1 END),"
                    " lease_owner = ?, lease_until = ? WHERE id = ?"
                    " AND (lease_owner IS NULL OR lease_owner = ? OR lease_until < ?) RETURNING epoch",
                    (owner, owner, _text(until), job_id, owner, _text(now)),
                ).fetchone()
            return Lease(job_id=job_id, owner=owner, epoch=row[0], until=until) if row else None

        return await self._run(take)

    async def release(self, lease: Lease) -> None:
        def give_back() -> None:
            with self._transaction() as sql:
                sql.execute(
                    "UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE id = ? AND epoch = ?",
                    (lease.job_id, lease.epoch),
                )

        await self._run(give_back)

    async def write(self, lease: Lease, job: Job) -> Job:
        def update() -> Job:
            with self._transaction() as sql:
                row = sql.execute(
                    "UPDATE jobs SET document = ?, status = ?, version = version + 1"
                    " WHERE id = ? AND epoch = ? AND version = ? AND lease_owner = ?"
                    " RETURNING version, cancel_requested",
                    (encode(job), job.status, job.id, lease.epoch, job.version, lease.owner),
                ).fetchone()
            if row is None:
                raise StaleWrite(f"another process drives job {job.id} now", hint="watch it with: anyvideo jobs")
            return replace(job, version=row[0], cancel_requested=bool(row[1]))

        return await self._run(update)

    async def request_cancel(self, job_id: str) -> Job:
        def flag() -> Job:
            with self._transaction() as sql:
                row = sql.execute(
                    f"UPDATE jobs SET cancel_requested = 1 WHERE id = ? RETURNING {_COLUMNS}", (job_id,)
                ).fetchone()
            return _job(row, job_id)

        return await self._run(flag)

    async def keep_input(self, image: Image) -> Image:
        if image.url is not None:
            return image
        return await self._run(lambda: _kept(image, self._folder / "inputs"))

    async def remember_unavailable(
        self, account: Account, model: str, *, until: datetime, reason: str
    ) -> None:
        def upsert() -> None:
            with self._transaction() as sql:
                sql.execute(
                    "INSERT INTO unavailable VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (provider, origin, key_hash, model)"
                    " DO UPDATE SET until = excluded.until, reason = excluded.reason",
                    (account.provider, account.origin, account.key_hash, model, _text(until), reason),
                )

        await self._run(upsert)

    async def unavailable(self, now: datetime) -> dict[tuple[Account, str], str]:
        def select() -> dict[tuple[Account, str], str]:
            rows = self._sql.execute(
                "SELECT provider, origin, key_hash, model, reason FROM unavailable WHERE until > ?", (_text(now),)
            ).fetchall()
            return {(Account(provider=p, origin=o, key_hash=k), model): why for p, o, k, model, why in rows}

        return await self._run(select)

    async def forget_unavailable(self, model: str | None = None) -> int:
        def delete() -> int:
            with self._transaction() as sql:
                return sql.execute(
                    "DELETE FROM unavailable WHERE ? IS NULL OR model = ?", (model, model)
                ).rowcount

        return await self._run(delete)

    async def _run(self, work: Callable[[], R]) -> R:
        return await anyio.to_thread.run_sync(work, limiter=self._one)

    @property
    def _sql(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError("the store is not open")
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        sql = self._sql
        try:
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
            except BaseException:
                sql.execute("ROLLBACK")
                raise
            sql.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StoreError(f"the store {self._database} cannot be written: {error}") from error

    def _open(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._connection = sqlite3.connect(
                self._database, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._set_durability(self._connection)
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the store {self._database} cannot be opened: {error}",
                field="store",
                hint='set ANYVIDEO_STORE to a writable file, or to "memory:" to keep nothing',
            ) from error

    def _set_durability(self, sql: sqlite3.Connection) -> None:
        if sqlite3.sqlite_version_info >= SAFE_WAL:
            sql.execute("PRAGMA journal_mode = WAL")
            sql.execute("PRAGMA synchronous = FULL")
        else:
            sql.execute("PRAGMA journal_mode = TRUNCATE")
            sql.execute("PRAGMA synchronous = EXTRA")

    def _migrate(self) -> None:
        with self._transaction() as sql:
            found: int = sql.execute("PRAGMA user_version").fetchone()[0]
            if found > len(MIGRATIONS):
                raise StoreError(
                    f"the store {self._database} has schema {found}, this version knows {len(MIGRATIONS)}",
                    field="store",
                    hint="upgrade anyvideo, or set ANYVIDEO_STORE to another file",
                )
            for steps in MIGRATIONS[found:]:
                for step in steps:
                    sql.execute(step)
            sql.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _job(row: Any, job_id: str) -> Job:
    if row is None:
        raise JobNotFound(f"there is no job {job_id}", field="job_id", hint="list them with: anyvideo jobs")
    return decode(row[0], version=row[1], cancel_requested=bool(row[2]))


def _kept(image: Image, folder: Path) -> Image:
    content = image.data if image.data is not None else Path(str(image.path)).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    kept = folder / digest
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = folder / f"{digest}.{os.getpid()}.part"
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(kept)
    return Image(path=kept, content_type=image.content_type, size=len(content), sha256=digest)
