"""Rows of the record, as values and back."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyvideo.jobs.store.base import Line, Used
from anyvideo.jobs.store.codec import decode
from anyvideo.types.budget import Budget
from anyvideo.types.errors import JobNotFound
from anyvideo.types.job import Job
from anyvideo.types.money import CostBasis
from anyvideo.types.request import Image
from anyvideo.types.states import AttemptState

logger = logging.getLogger("anyvideo")


def readable_job(row: Any) -> Job | None:
    """The job of a row; None, and a line in the log, for one that cannot be read: it must hide no other."""
    try:
        return job_of(row, "")
    except ValueError as error:
        logger.error("a job in the store cannot be read and is left out: %s", type(error).__name__)
        return None


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def job_of(row: Any, job_id: str) -> Job:
    if row is None:
        raise JobNotFound(f"there is no job {job_id}", field="job_id", hint="list them with: anyvideo jobs")
    return decode(row[0], version=row[1], cancel_requested=bool(row[2]))


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


def used_of(sql: sqlite3.Connection, budget: Budget, now: datetime) -> Used:
    row = sql.execute(
        "SELECT held_micros, spent_micros FROM budgets WHERE id = ?", (budget.key(now),)
    ).fetchone()
    held, spent = row or (0, 0)
    return Used(budget=budget, held_micros=held, spent_micros=spent)


def kept_input(image: Image, folder: Path) -> Image:
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
