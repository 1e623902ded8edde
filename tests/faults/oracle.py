"""What must be true after every run, read from the SQLite file and from the vendors' own ledger."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from anyvideo.media import read_mp4
from anyvideo.testing.simulator import Charge

SETTLED = frozenset({"settled", "rejected", "failed", "canceled", "expired"})
FINAL = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The record as plain rows, read past the library."""

    jobs: Mapping[str, dict[str, Any]]
    attempts: Mapping[str, dict[str, Any]]
    budgets: Mapping[str, dict[str, Any]]
    holds: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, path: Path) -> Books:
        if not path.exists():
            return cls(jobs={}, attempts={}, budgets={}, holds=())
        sql = sqlite3.connect(path)
        sql.row_factory = sqlite3.Row
        try:
            assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            jobs = sql.execute("SELECT id, status, document FROM jobs").fetchall()
            return cls(
                jobs={row["id"]: {**json.loads(row["document"]), "status": row["status"]} for row in jobs},
                attempts={row["id"]: dict(row) for row in sql.execute("SELECT * FROM attempts")},
                budgets={row["id"]: dict(row) for row in sql.execute("SELECT * FROM budgets")},
                holds=tuple(dict(row) for row in sql.execute("SELECT * FROM holds")),
            )
        finally:
            sql.close()

    @property
    def unknown(self) -> list[dict[str, Any]]:
        """Attempts whose fate nobody can tell."""
        return [line for line in self.attempts.values() if line["state"] == "unknown"]


def check(folder: Path, charges: list[Charge], *, nobody_can_tell: bool) -> Books:
    """Assert everything that must be true of one purchase that has come to rest."""
    books = Books.read(folder / "jobs.db")
    check_holds(books)
    assert len(charges) <= len(books.jobs), f"{len(books.jobs)} purchases were charged {len(charges)} times"
    for job in books.jobs.values():
        assert job["status"] in FINAL or nobody_can_tell, f"came to rest as {job['status']}"
    check_charges(books, charges)
    check_files(folder, books)
    return books


def check_charges(books: Books, charges: Iterable[Charge]) -> None:
    """Every charge belongs to one attempt, which delivered it; or it is held as one that nobody can find."""
    owners = Counter(line["provider_job_id"] for line in books.attempts.values() if line["provider_job_id"])
    assert not [handle for handle, count in owners.items() if count > 1], "two attempts share a vendor's job"
    lines = {line["provider_job_id"]: line for line in books.attempts.values()}
    lost = []
    for charge in charges:
        line = lines.get(charge.provider_job_id)
        if line is None:
            lost.append(charge)
            continue
        assert line["state"] == "settled", f"charged and {line['state']}"
        assert charge.amount is not None
        assert line["cost_micros"] == charge.amount * 1_000_000
        assert books.jobs[line["job_id"]]["status"] == "succeeded"
    assert len(lost) <= len(books.unknown), "a charge that no attempt knows of"
    for charge, line in zip(lost, books.unknown, strict=False):
        assert charge.amount is not None
        assert line["hold_micros"] >= charge.amount * 1_000_000
    known = {charge.provider_job_id for charge in charges}
    strangers = [line for line in books.attempts.values() if line["provider_job_id"] not in {*known, None}]
    assert all(line["provider"] == "local" for line in strangers), "an attempt owns what was never charged"
    spent = sum(line["cost_micros"] or 0 for line in books.attempts.values())
    billed = sum((charge.amount or Decimal(0) for charge in charges if charge not in lost), Decimal(0))
    assert spent == billed * 1_000_000


def check_holds(books: Books) -> None:
    """A hold stands exactly for each attempt whose cost is not settled, and the budgets add up."""
    standing = {line["id"] for line in books.attempts.values() if line["state"] not in SETTLED}
    assert {hold["attempt_id"] for hold in books.holds} == standing, "orphan or missing holds"
    for line in books.attempts.values():
        assert (line["cost_micros"] is None) == (line["id"] in standing)
    for name, budget in books.budgets.items():
        held = sum(hold["micros"] for hold in books.holds if hold["budget_id"] == name)
        assert budget["held_micros"] == held
        assert budget["spent_micros"] == sum(line["cost_micros"] or 0 for line in books.attempts.values())


def check_files(folder: Path, books: Books) -> None:
    """What has a clip's name is that clip, whole."""
    for path in (folder / "videos").glob("*.mp4"):
        assert read_mp4(path).duration > 0
    for job in books.jobs.values():
        if job["status"] == "succeeded":
            path = Path(job["artifact"]["path"])
            assert hashlib.sha256(path.read_bytes()).hexdigest() == job["artifact"]["info"]["sha256"]


def spellings(secret: str) -> set[bytes]:
    """A secret as it stands, quoted for an address, and in base64 at each of its three offsets."""
    plain = secret.encode()
    encoded = set()
    for shift in (0, 1, 2):
        text = base64.b64encode(b"x" * shift + plain)
        encoded.add(text[-(-8 * shift // 6) : 8 * (shift + len(plain)) // 6])
    urlsafe = {text.replace(b"+", b"-").replace(b"/", b"_") for text in encoded}
    return {plain, quote(secret, safe="").encode(), *encoded, *urlsafe}


def leaks(folder: Path, secrets: Iterable[str]) -> list[str]:
    """The files in which any spelling of a secret stands."""
    wanted = [spelling for secret in secrets for spelling in spellings(secret)]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(spelling in path.read_bytes() for spelling in wanted)
    ]
