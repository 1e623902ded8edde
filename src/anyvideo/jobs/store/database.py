"""One SQLite connection on a thread of its own: durable, migrated, and refused where it would not be safe."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from anyvideo.jobs.home import Home
from anyvideo.jobs.store.schema import MIGRATIONS
from anyvideo.types.errors import StoreError

R = TypeVar("R")
MEMORY = "memory:"
BUSY_SECONDS = 30.0
SAFE_WAL = (3, 51, 3)
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs"}
    | {"vboxsf", "fuse.vmhgfs-fuse", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.juicefs"}
    | {"fuse.s3fs", "fuse.gcsfuse", "fuse.rclone"}
)
_HINT = 'set ANYVIDEO_STORE to a writable file on this machine, or to "memory:" to keep nothing'


class Database:
    """Every change is one `BEGIN IMMEDIATE` transaction.

    WAL is used only from SQLite 3.51.3 on: older ones can corrupt a WAL database that two connections write
    (sqlite.org/wal.html#walresetbug).
    """

    def __init__(self, path: Path | str) -> None:
        memory = str(path) == MEMORY
        self.name = ":memory:" if memory else str(path)
        self.folder = Path(tempfile.mkdtemp(prefix="anyvideo-")) if memory else Path(path).absolute().parent
        self._cleaning = weakref.finalize(self, _clean, self.folder, os.getpid()) if memory else None
        self._home = Home()
        self._connection: sqlite3.Connection | None = None
        self._one = anyio.CapacityLimiter(1)

    async def open(self) -> None:
        """Raises StoreError."""
        self._home.enter()
        await self.run(self._open)

    async def aclose(self) -> None:
        """Close the connection; a memory store's files go with it."""
        if self._connection is not None:
            await self.run(self._connection.close)
            self._connection = None
        self._home.leave()
        if self._cleaning is not None:
            self._cleaning()

    async def run(self, work: Callable[[], R]) -> R:
        """Do it on the thread, one at a time. Raises StoreError for what SQLite cannot do."""
        self._home.check()
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._one)
        except sqlite3.Error as error:
            raise StoreError(f"the store {self.name} cannot be used: {error}", hint=_HINT) from error

    @property
    def sql(self) -> sqlite3.Connection:
        """The open connection."""
        if self._connection is None:
            raise StoreError("the store is not open")
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit on leaving, roll back on any error.

        A commit that a reader holds up leaves the transaction open; a full disk makes SQLite end it itself.
        """
        sql = self.sql
        try:
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
                sql.execute("COMMIT")
            except BaseException:
                if sql.in_transaction:
                    sql.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StoreError(f"the store {self.name} cannot be written: {error}", hint=_HINT) from error

    def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            kind = file_system(self.folder)
            if kind in NETWORK_FILE_SYSTEMS:
                raise StoreError(
                    f"the store {self.name} lies on a network file system ({kind}), whose locks fail",
                    field="store",
                    hint=_HINT,
                )
            self._connection = sqlite3.connect(
                self.name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._check_ours(self._connection)
            self._set_durability(self._connection)
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the store {self.name} cannot be opened: {error}", field="store", hint=_HINT
            ) from error

    def _check_ours(self, sql: sqlite3.Connection) -> None:
        """Look, and change nothing: an empty file, or a store with every table and column of its schema."""
        sql.execute("BEGIN")
        try:
            found, columns = _schema(sql)
        finally:
            sql.execute("ROLLBACK")
        if found > len(MIGRATIONS):
            raise StoreError(
                f"the store {self.name} has schema {found}, this version knows {len(MIGRATIONS)}",
                field="store",
                hint="upgrade anyvideo, or set ANYVIDEO_STORE to another file",
            )
        missing = sorted(".".join(column) for column in _expected(found) - columns)
        if missing or (columns and not found):
            why = f"it has no {missing[0]}" if missing else "it holds other tables"
            raise StoreError(
                f"the file {self.name} is no job store of anyvideo, or a damaged one: {why}",
                field="store",
                hint="it was left as it is; set ANYVIDEO_STORE to another file",
            )

    def _set_durability(self, sql: sqlite3.Connection) -> None:
        if sqlite3.sqlite_version_info >= SAFE_WAL:
            sql.execute("PRAGMA journal_mode = WAL")
            sql.execute("PRAGMA synchronous = FULL")
        else:
            sql.execute("PRAGMA journal_mode = TRUNCATE")
            sql.execute("PRAGMA synchronous = EXTRA")

    def _migrate(self) -> None:
        with self.transaction() as sql:
            found: int = sql.execute("PRAGMA user_version").fetchone()[0]
            for version, steps in enumerate(MIGRATIONS[found:], start=found + 1):
                for step in steps:
                    sql.execute(step)
                sql.execute(f"PRAGMA user_version = {version}")


def _clean(folder: Path, pid: int) -> None:
    """Remove what lay beside a memory store; a forked child leaves it to the process that made it."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _schema(sql: sqlite3.Connection) -> tuple[int, set[tuple[str, str]]]:
    """The schema version of a database, and its tables' columns."""
    version: int = sql.execute("PRAGMA user_version").fetchone()[0]
    columns = sql.execute(
        "SELECT tables.name, columns.name FROM sqlite_master AS tables,"
        " pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
    )
    return version, set(columns)


def _expected(version: int) -> set[tuple[str, str]]:
    """The columns that a store of a schema version has."""
    with closing(sqlite3.connect(":memory:")) as sql:
        for steps in MIGRATIONS[:version]:
            for step in steps:
                sql.execute(step)
        return _schema(sql)[1]


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The kind of file system that a folder lies on, as Linux names it; None elsewhere.

    Of several mounts at one place the latest counts: an automounter leaves its own below the real one.
    """
    if not sys.platform.startswith("linux") or not mounts.exists():
        return None
    real = folder.resolve()
    best, kind = -1, None
    for line in mounts.read_text(errors="replace").splitlines():
        _, point, found, *_ = line.split()
        place = Path(point.replace("\\040", " "))
        if (real == place or place in real.parents) and len(place.parts) >= best:
            best, kind = len(place.parts), found
    return kind
