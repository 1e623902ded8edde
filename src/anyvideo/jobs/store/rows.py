"""Rows of the record, as values and back."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyvideo.jobs.store.base import Line, Rival
from anyvideo.jobs.store.codec import decode
from anyvideo.types.errors import JobNotFound, StoreError
from anyvideo.types.job import Account, Attempt, Job
from anyvideo.types.money import CostBasis
from anyvideo.types.request import Image
from anyvideo.types.states import AttemptState

logger = logging.getLogger("anyvideo")
COLUMNS = "document, version, cancel_requested"
"""What `job_of` makes a job of."""


def loaded(sql: sqlite3.Connection, job_id: str) -> Job:
    """Raises JobNotFound and StoreError."""
    return job_of(sql.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone(), job_id)


def with_key(sql: sqlite3.Connection, key: str | None) -> Job | None:
    """The job that has the idempotency key. Raises StoreError."""
    if key is None:
        return None
    row = sql.execute(f"SELECT {COLUMNS} FROM jobs WHERE idempotency_key = ?", (key,)).fetchone()
    return None if row is None else job_of(row, "")


def readable_job(row: Any) -> Job | None:
    """The job of a row; None, and a line in the log, for one that cannot be read: it must hide no other."""
    try:
        return job_of(row, "")
    except StoreError as error:
        logger.error("a job is left out: %s", error)
        return None


def rival_of(row: Any) -> Rival | None:
    """The attempt that the columns after the job's own name, and who drives it."""
    *columns, attempt_id, driver = row
    job = readable_job(columns)
    found = next((one for one in job.attempts if one.id == attempt_id), None) if job else None
    return None if found is None else Rival(attempt=found, driver=driver)


def owner_of(sql: sqlite3.Connection, account: Account, provider_job_id: str) -> Attempt | None:
    """The first attempt that has the vendor's job."""
    row = sql.execute(
        f"SELECT {COLUMNS}, attempts.id, lease_owner FROM attempts JOIN jobs ON jobs.id = attempts.job_id"
        " WHERE provider = ? AND origin = ? AND provider_job_id = ? ORDER BY attempts.rowid",
        (account.provider, account.origin, provider_job_id),
    ).fetchone()
    found = None if row is None else rival_of(row)
    return None if found is None else found.attempt


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def job_of(row: Any, job_id: str) -> Job:
    if row is None:
        raise JobNotFound(f"there is no job {job_id}", field="job_id", hint="list them with: anyvideo jobs")
    try:
        return decode(row[0], version=row[1], cancel_requested=bool(row[2]))
    except ValueError as error:
        raise StoreError(
            f"the record of job {job_id or 'in a list'} cannot be read: {type(error).__name__}",
            hint="a newer version may have written it, or the file is damaged; its line in the books stands",
        ) from None


def line_of(row: Any) -> Line:
    job_id, attempt_id, provider, model, day, state, hold, cost, basis = row
    return Line(
        job_id=job_id,
        attempt_id=attempt_id,
        provider=provider,
        model=model,
        day=day,
        state=AttemptState(state),
        hold_micros=hold,
        cost_micros=cost,
        basis=None if basis is None else CostBasis(basis),
    )


def kept_input(image: Image, folder: Path) -> Image:
    """Raises StoreError, and leaves nothing, where it cannot be kept."""
    content = image.data if image.data is not None else Path(str(image.path)).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    kept = folder / digest
    if not kept.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_whole(kept, content)
        except OSError as error:
            raise StoreError(
                f"a picture cannot be kept in {folder}: {error.strerror or error}",
                field="store",
                hint="make room there and let it be written, or set ANYVIDEO_STORE to a file elsewhere",
            ) from error
    return replace(image, data=None, path=kept, size=len(content), sha256=digest)


def _write_whole(target: Path, content: bytes) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
