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
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            lease_owner TEXT,
            lease_until TEXT,
            epoch INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE INDEX jobs_by_status ON jobs (status, created_at)",
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
)
