"""W1: a wish and its plan become a recorded job with its first hold; or an earlier job answers it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import anyio.to_thread

from anyvideo.jobs.choose import Shelf, check_cap, choose
from anyvideo.jobs.deliver import words_of
from anyvideo.jobs.files import found
from anyvideo.jobs.fingerprint import fit_fingerprint, request_fingerprint, same_request
from anyvideo.jobs.points import point
from anyvideo.jobs.store.base import Store, Written
from anyvideo.jobs.wish import Wish
from anyvideo.media.names import place
from anyvideo.types.errors import BudgetExceeded, MediaError
from anyvideo.types.job import Job, JobOptions
from anyvideo.types.plan import Plan


async def record(
    wish: Wish, plan: Plan, options: JobOptions, *, store: Store, shelf: Shelf, now: datetime
) -> Written:
    """The recorded job. Raises BudgetExceeded when no ready candidate fits the cap and the budgets."""
    check_cap(plan, options.max_cost_micros)
    job_id = wish.job_id or f"job_{secrets.token_hex(10)}"
    options = replace(options, budgets=tuple(budget.named(job_id) for budget in options.budgets))
    job = Job(
        id=job_id,
        request=wish.request,
        plan=plan,
        options=options,
        created_at=now,
        deadline=None if wish.timeout is None else now + timedelta(seconds=wish.timeout),
        metadata=dict(wish.metadata),
    )
    skipped: set[str] = set()
    over: BudgetExceeded | None = None
    while (first := choose(job, shelf, now, skipped=skipped).attempt) is not None:
        try:
            point("W1.before")
            written = await store.create(
                replace(job, attempts=(first,)), idempotency_key=wish.idempotency_key
            )
        except BudgetExceeded as error:
            over = over or error
            skipped.add(first.model)
        else:
            point("W1.after")
            return written
    assert over is not None, "a plan with a ready candidate within the cap has a first attempt"
    raise over


async def answered_before(wish: Wish, store: Store) -> Job | None:
    """The job of the wish's idempotency key. Whether it could be bought now, and for how much, is no matter.

    Raises IdempotencyConflict.
    """
    known = None if wish.idempotency_key is None else await store.with_key(wish.idempotency_key)
    return known and same_request(known, request_fingerprint(wish.request, wish.models))


async def finished_before(wish: Wish, plan: Plan, options: JobOptions, *, store: Store) -> Job | None:
    """A job of the same seed that delivered exactly what the first ready candidate would make, while its
    file is unaltered. That file is then also where the output template says.

    Raises MediaError where it cannot be put there.
    """
    for job in await store.finished_like(fit_fingerprint(plan.ready[0].fit)):
        same_seed = job.request.seed == wish.request.seed
        if same_seed and (path := await found(job, store.folder)) is not None:
            await _also_placed(path, job, options)
            return job
    return None


async def _also_placed(path: Path, job: Job, options: JobOptions) -> None:
    template, folder = options.output, options.output_folder
    if template is None or folder is None:
        return
    try:
        await anyio.to_thread.run_sync(place, path, folder, template, words_of(job))
    except OSError as error:
        raise MediaError(
            f"cannot write below {folder}: {error.strerror}", hint="choose another output"
        ) from error
