"""The accounts behind budgets: one for each scope and period, opened with what was used before."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from anyvideo.jobs.store.base import Used
from anyvideo.types.budget import PERIODS, Budget
from anyvideo.types.job import Attempt

EVERYTHING = "project"
"""The scope that every purchase of a store belongs to, whether it names a budget or not."""

NO_LIMIT = -1
"""The limit of a hold that was counted and not checked."""


def opened(sql: sqlite3.Connection, budget: Budget, now: datetime, *, besides: Attempt) -> str:
    """The key of the budget's account. It counts from the begin of its period, whenever it is first named."""
    key = budget.key(now)
    new = sql.execute("INSERT INTO budgets (id) VALUES (?) ON CONFLICT (id) DO NOTHING", (key,)).rowcount
    if not new:
        return key
    before = _before(sql, budget, now, besides=besides.id)
    sql.executemany(
        "INSERT INTO holds VALUES (?, ?, ?, ?)",
        [(attempt, key, NO_LIMIT, held) for attempt, held, cost in before if cost is None],
    )
    held, spent = _sums(before)
    sql.execute("UPDATE budgets SET held_micros = ?, spent_micros = ? WHERE id = ?", (held, spent, key))
    return key


def used(sql: sqlite3.Connection, budget: Budget, now: datetime) -> Used:
    """What the budget's scope holds and has spent in the current period."""
    row = sql.execute(
        "SELECT held_micros, spent_micros FROM budgets WHERE id = ?", (budget.key(now),)
    ).fetchone()
    held, spent = row or _sums(_before(sql, budget, now))
    return Used(budget=budget, held_micros=held, spent_micros=spent)


def count(
    sql: sqlite3.Connection, attempt: Attempt, micros: int, budgets: Sequence[Budget], now: datetime
) -> None:
    """Hold the money also in those accounts of the same scopes, and of the whole store, that others named."""
    named = {budget.key(now) for budget in budgets}
    scopes = {EVERYTHING, *(budget.scope for budget in budgets)}
    keys = {Budget(0, period, scope).key(now) for scope in scopes for period in PERIODS} - named
    marks = ", ".join("?" * len(keys))
    told = sql.execute(
        f"UPDATE budgets SET held_micros = held_micros + ? WHERE id IN ({marks}) RETURNING id",
        (micros, *keys),
    ).fetchall()
    sql.executemany(
        "INSERT INTO holds VALUES (?, ?, ?, ?)", [(attempt.id, key, NO_LIMIT, micros) for (key,) in told]
    )


def _before(
    sql: sqlite3.Connection, budget: Budget, now: datetime, *, besides: str = ""
) -> list[tuple[str, int, int | None]]:
    """Each attempt of the scope in the period: its id, what it holds, and its cost where that is settled.

    A job's record is searched as text, also one that cannot be read any more: a quote within a text of it is
    escaped, so nothing that a user wrote looks like a scope.
    """
    named = f'"scope":{json.dumps(budget.scope, ensure_ascii=False)}'
    return sql.execute(
        "SELECT attempts.id, hold_micros, cost_micros FROM attempts JOIN jobs ON jobs.id = job_id"
        " WHERE day >= ? AND attempts.id <> ? AND (? OR instr(document, ?))",
        (budget.begin(now), besides, budget.scope == EVERYTHING, named),
    ).fetchall()


def _sums(before: Iterable[tuple[str, int, int | None]]) -> tuple[int, int]:
    rows = list(before)
    held = sum(hold for _, hold, cost in rows if cost is None)
    return held, sum(max(cost, 0) for _, _, cost in rows if cost is not None)
