"""The tables, one step for each schema version. Forward only."""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            version INTEGER NOT NULL,
            status TEXT NOT NULL,
            created_at TEXT NOT NULL,
            document TEXT NOT NULL,
            idempotency_key TEXT UNIQUE,
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            lease_owner TEXT,
            lease_until TEXT,
            epoch INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE INDEX jobs_by_status ON jobs (status, created_at)",
        """CREATE TABLE attempts (
            id TEXT PRIMARY KEY,
            job_id TEXT NOT NULL REFERENCES jobs (id),
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            key_hash TEXT NOT NULL,
            model TEXT NOT NULL,
            state TEXT NOT NULL,
            day TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            provider_job_id TEXT,
            hold_micros INTEGER NOT NULL,
            cost_micros INTEGER,
            basis TEXT
        )""",
        "CREATE INDEX attempts_by_handle ON attempts (provider, provider_job_id)",
        "CREATE INDEX attempts_by_fingerprint ON attempts (fingerprint, state)",
        """CREATE TABLE budgets (
            id TEXT PRIMARY KEY,
            held_micros INTEGER NOT NULL DEFAULT 0,
            spent_micros INTEGER NOT NULL DEFAULT 0
        )""",
        """CREATE TABLE holds (
            attempt_id TEXT NOT NULL REFERENCES attempts (id),
            budget_id TEXT NOT NULL REFERENCES budgets (id),
            limit_micros INTEGER NOT NULL,
            micros INTEGER NOT NULL,
            PRIMARY KEY (attempt_id, budget_id)
        )""",
        """CREATE TABLE unavailable (
            provider TEXT NOT NULL,
            origin TEXT NOT NULL,
            key_hash TEXT NOT NULL,
            model TEXT NOT NULL,
            until TEXT NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (provider, origin, key_hash, model)
        )""",
    ),
    # Accounts are opened with what their period has used; those of before began at nothing.
    ("DELETE FROM holds", "DELETE FROM budgets"),
)
