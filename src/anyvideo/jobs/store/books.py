"""The books: each attempt's line, its hold, and the budgets over holds and spend, in an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from anyvideo.jobs.fingerprint import fingerprint
from anyvideo.jobs.money import Move
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
            _settle(sql, move.attempt, move.settle)
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
        " key_hash = excluded.key_hash, state = excluded.state, provider_job_id = excluded.provider_job_id,"
        " hold_micros = excluded.hold_micros, cost_micros = excluded.cost_micros, basis = excluded.basis",
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
    crossed = []
    for key, budget in _smallest(budgets, now):
        limit = budget.limit_micros
        sql.execute("INSERT INTO budgets (id) VALUES (?) ON CONFLICT (id) DO NOTHING", (key,))
        taken = sql.execute(
            "UPDATE budgets SET held_micros = held_micros + ? WHERE id = ?"
            " AND held_micros + spent_micros + ? <= ? RETURNING held_micros + spent_micros",
            (micros, key, micros, limit),
        ).fetchone()
        if taken is None:
            raise BudgetExceeded(
                f"{attempt.model} may cost {dollars(micros)} USD, which passes the budget of {budget}",
                field="budget",
                hint="raise the budget, wait for its next period, or choose a cheaper model",
            )
        sql.execute("INSERT INTO holds VALUES (?, ?, ?, ?)", (attempt.id, key, limit, micros))
        crossed += _crossed(budget, before=taken[0] - micros, after=taken[0])
    return crossed


def _smallest(budgets: Sequence[Budget], now: datetime) -> list[tuple[str, Budget]]:
    """Of budgets over the same money the one with the smallest limit, by key; the innermost scope first."""
    falling = sorted(budgets, key=lambda budget: budget.limit_micros, reverse=True)
    smallest = {budget.key(now): budget for budget in falling}
    return sorted(smallest.items(), key=lambda item: item[1].rank)


def _crossed(budget: Budget, *, before: int, after: int) -> list[Threshold]:
    limit = budget.limit_micros
    return [
        Threshold(
            scope=budget.scope, period=budget.period, percent=percent, used_micros=after, limit_micros=limit
        )
        for percent in THRESHOLDS
        if limit and before * 100 < percent * limit <= after * 100
    ]


def _settle(sql: sqlite3.Connection, attempt: Attempt, cost_micros: int) -> None:
    """The hold becomes spend. No cost gives a budget money back."""
    rows = sql.execute("SELECT budget_id, micros FROM holds WHERE attempt_id = ?", (attempt.id,)).fetchall()
    for budget_id, micros in rows:
        sql.execute(
            "UPDATE budgets SET held_micros = held_micros - ?, spent_micros = spent_micros + ? WHERE id = ?",
            (micros, max(cost_micros, 0), budget_id),
        )
    sql.execute("DELETE FROM holds WHERE attempt_id = ?", (attempt.id,))
