"""What the vendors would bill. One line per accepted generation, in the order of acceptance.

Nothing a client sends can remove or change a line: the ledger only has `write`, and a line's amount
is computed afresh from the job's life by the vendor's own price table each time it is read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from anyvideo.testing.simulator.clock import iso
from anyvideo.testing.simulator.jobs import Job, Phase

Bill = Callable[[Job, Phase], Decimal | None]

_STATES: Final = {"queued": "accepted", "running": "accepted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line. `amount` is the bill as it stands in USD, None while the vendor could not say.

    `state` is accepted until the job has ended, then succeeded, failed or canceled.
    """

    at: datetime
    provider: str
    model: str
    provider_job_id: str
    amount: Decimal | None
    state: str

    def as_json(self) -> dict[str, str | None]:
        return {
            "at": iso(self.at),
            "provider": self.provider,
            "model": self.model,
            "provider_job_id": self.provider_job_id,
            "amount": None if self.amount is None else format(self.amount, "f"),
            "state": self.state,
        }


class Ledger:
    """Append-only. Safe to read from another thread than the one that writes."""

    def __init__(self) -> None:
        self._lines: list[tuple[Job, Bill]] = []
        self._lock = threading.Lock()

    def write(self, job: Job, bill: Bill) -> None:
        with self._lock:
            self._lines.append((job, bill))

    def charges(self, monotonic: float) -> list[Charge]:
        """Every line as it stands at `monotonic` seconds."""
        with self._lock:
            lines = list(self._lines)
        return [_charge(job, bill, job.phase(monotonic - job.created)) for job, bill in lines]


def total(charges: list[Charge]) -> Decimal:
    """What is known to be billed, in USD."""
    return sum((charge.amount for charge in charges if charge.amount is not None), Decimal(0))


def _charge(job: Job, bill: Bill, phase: Phase) -> Charge:
    return Charge(
        at=job.created_at,
        provider=job.provider,
        model=job.model,
        provider_job_id=job.id,
        amount=bill(job, phase),
        state=_STATES.get(phase.state, phase.state),
    )
