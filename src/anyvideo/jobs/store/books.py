"""The books: each attempt's line, its hold, and the budgets over holds and spend, in an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from anyvideo.jobs.fingerprint import fingerprint
from anyvideo.jobs.money import Move
from anyvideo.jobs.store import accounts
from anyvideo.types.budget import THRESHOLDS, Budget, Threshold
from anyvideo.types.errors import BudgetExceeded
from anyvideo.types.job import Account, Attempt, Job
from anyvideo.types.money import dollars


def enter(sql: sqlite3.Connection, job: Job, moves: Iterable[Move], now: datetime) -> list[Threshold]:
    """Enter the moves of one job. Raises BudgetExceeded: the transaction must then be rolled back."""
    crossed: list[Threshold] = []
    for move in moves:
        _line(sql, job.id, move.attempt)
        if move.hold is not None:
            crossed += _hold(sql, move.attempt, move.hold, job.options.budgets, now)
        if move.settle is not None:
            crossed += _settle(sql, move.attempt, move.settle, job.options.budgets)
    return crossed


def owned(sql: sqlite3.Connection, account: Account, provider_job_id: str, attempt_id: str) -> bool:
    """Whether another attempt has this job of the vendor, also one of another key: keys are replaced."""
    row = sql.execute(
        "SELECT 1 FROM attempts WHERE provider = ? AND origin = ? AND provider_job_id = ? AND id <> ?",
        (account.provider, account.origin, provider_job_id, attempt_id),
    ).fetchone()
    return row is not None


def _line(sql: sqlite3.Connection, job_id: str, attempt: Attempt) -> None:
    account = attempt.account
    sql.execute(
        "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " key_hash = excluded.key_hash, state = excluded.state, fingerprint = excluded.fingerprint,"
        " provider_job_id = excluded.provider_job_id, hold_micros = excluded.hold_micros,"
        " cost_micros = excluded.cost_micros, basis = excluded.basis",
        (
            attempt.id,
            job_id,
            attempt.provider,
            account.origin if account else "",
            account.key_hash if account else "",
            attempt.model,
            attempt.state,
            attempt.created_at.date().isoformat(),
            fingerprint(attempt),
            attempt.ref.job_id if attempt.ref else None,
            attempt.hold_micros,
            attempt.cost.micros if attempt.cost else None,
            attempt.cost.basis if attempt.cost else None,
        ),
    )


def _hold(
    sql: sqlite3.Connection, attempt: Attempt, micros: int, budgets: Sequence[Budget], now: datetime
) -> list[Threshold]:
    """Set the money aside. What is known to be free fits always; no known price is not that."""
    free = attempt.quote.ceiling_micros == 0
    crossed = []
    for budget in _smallest(budgets, now):
        key, limit = accounts.opened(sql, budget, now, besides=attempt), budget.limit_micros
        taken = sql.execute(
            "UPDATE budgets SET held_micros = held_micros + ? WHERE id = ?"
            " AND (? OR held_micros + spent_micros + ? <= ?) RETURNING held_micros + spent_micros",
            (micros, key, free, micros, limit),
        ).fetchone()
        if taken is None:
            raise BudgetExceeded(
                f"{attempt.model} may cost {dollars(micros)} USD, which passes the budget of {budget}",
                field="budget",
                hint="raise the budget, wait for its next period, or choose a cheaper model",
            )
        sql.execute("INSERT INTO holds VALUES (?, ?, ?, ?)", (attempt.id, key, limit, micros))
        crossed += _crossed(budget, before=taken[0] - micros, after=taken[0])
    accounts.count(sql, attempt, micros, budgets, now)
    return crossed


def _smallest(budgets: Sequence[Budget], now: datetime) -> list[Budget]:
    """Of budgets over the same money the one with the smallest limit; the innermost scope first."""
    falling = sorted(budgets, key=lambda budget: budget.limit_micros, reverse=True)
    smallest = {budget.key(now): budget for budget in falling}
    return sorted(smallest.values(), key=lambda budget: budget.rank)


def _crossed(budget: Budget, *, before: int, after: int) -> list[Threshold]:
    limit = budget.limit_micros
    return [
        Threshold(
            scope=budget.scope, period=budget.period, percent=percent, used_micros=after, limit_micros=limit
        )
        for percent in THRESHOLDS
        if limit and before * 100 < percent * limit <= after * 100
    ]


def _settle(
    sql: sqlite3.Connection, attempt: Attempt, cost_micros: int, budgets: Sequence[Budget]
) -> list[Threshold]:
    """The hold becomes spend, in the period that it was taken in. No cost gives a budget money back."""
    crossed = []
    spent = max(cost_micros, 0)
    rows = sql.execute(
        "SELECT budget_id, limit_micros, micros FROM holds WHERE attempt_id = ?", (attempt.id,)
    ).fetchall()
    for key, limit, micros in rows:
        [after] = sql.execute(
            "UPDATE budgets SET held_micros = held_micros - ?, spent_micros = spent_micros + ? WHERE id = ?"
            " RETURNING held_micros + spent_micros",
            (micros, spent, key),
        ).fetchone()
        for budget in _held_in(budgets, key, limit):
            crossed += _crossed(budget, before=after + micros - spent, after=after)
    sql.execute("DELETE FROM holds WHERE attempt_id = ?", (attempt.id,))
    return crossed


def _held_in(budgets: Sequence[Budget], key: str, limit: int) -> list[Budget]:
    """The budget that a hold was taken in, whichever its period."""
    account = key.rpartition("/")[0]
    like = [one for one in budgets if f"{one.scope}/{one.period}" == account and one.limit_micros == limit]
    return like[:1]
