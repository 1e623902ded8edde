"""A vendor for many processes at once: its ledger is one file, to which each accepted order appends a line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anyvideo.net.scopes import current_call
from anyvideo.provider import (
    Cost,
    CostBasis,
    Found,
    JobStatus,
    Order,
    Output,
    ProviderContext,
    ProviderError,
    ProviderPlugin,
    Recovery,
    Ref,
    Reply,
    Submission,
    Update,
    explain_status,
)

from .vendor import PRICE, catalog, film

LEDGER = "ledger.jsonl"


class Till:
    """Takes every order, makes the clip at once, and bills an amount of its own, at most the price."""

    def __init__(self, context: ProviderContext) -> None:
        self._ledger = Path.cwd() / LEDGER
        self._film = context.work / "film.mp4"
        self._film.write_bytes(film())

    async def submit(self, order: Order) -> Submission:
        record = current_call()
        assert record is not None
        assert record.before_send is not None
        record.posts += 1
        last_check = await record.before_send(order.tag)
        assert last_check is not None
        last_check()
        record.left = True
        line = {
            "id": f"till-{order.tag}",
            "tag": order.tag,
            "bill": bill(order.tag),
            "at": _now().isoformat(),
        }
        _append(self._ledger, line)
        return Submission(ref=Ref(job_id=f"till-{order.tag}", model="clip"), update=self._update(line))

    async def fetch(self, ref: Ref) -> Update:
        return self._update(next(line for line in read_ledger(self._ledger) if line["id"] == ref.job_id))

    async def cancel(self, ref: Ref) -> Update:
        return await self.fetch(ref)

    async def find(self, since: datetime) -> Sequence[Found]:
        return [
            Found(
                ref=Ref(job_id=line["id"], model="clip"),
                update=self._update(line),
                created_at=datetime.fromisoformat(line["at"]),
                inputs={},
                tag=line["tag"],
            )
            for line in read_ledger(self._ledger)
            if datetime.fromisoformat(line["at"]) >= since
        ]

    def explain(self, reply: Reply) -> ProviderError:
        return explain_status(reply)

    async def aclose(self) -> None:
        pass

    def _update(self, line: dict[str, Any]) -> Update:
        return Update(
            status=JobStatus.SUCCEEDED,
            native="done",
            outputs=(Output(path=self._film),),
            reported_cost=Cost(micros=line["bill"], basis=CostBasis.REPORTED),
        )


def plugin() -> ProviderPlugin:
    """The vendor as processes know it."""
    return ProviderPlugin(
        name="till",
        vendor="till",
        catalog=catalog("till"),
        recovery=Recovery(kind="tag", list_lag=0),
        open=Till,
        statuses={"done": JobStatus.SUCCEEDED},
    )


def bill(tag: str) -> int:
    """Micro-dollars: most orders cost exactly the price, every fourth an odd amount below it."""
    number = int.from_bytes(hashlib.sha256(tag.encode()).digest()[:8])
    return PRICE if number % 4 else 1 + number // 4 % PRICE


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Every accepted order, oldest first."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _append(path: Path, line: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


def _now() -> datetime:
    return datetime.now(UTC)
