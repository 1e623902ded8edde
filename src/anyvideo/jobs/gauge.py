"""How far a batch is, read from its jobs' events."""

from __future__ import annotations

from dataclasses import dataclass, field

from anyvideo.types.events import Event, EventKind


@dataclass(slots=True, kw_only=True)
class Gauge:
    """How far a batch is, as one fraction from 0 to 1 that never falls, read from its jobs' events."""

    batch_id: str
    total: int
    owners: dict[str, int] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Every clip counts alike."""
        return sum(self.shares.values()) / self.total

    def owner(self, event: Event) -> int | None:
        """The clip that an event is about."""
        return self.owners.get(event.job_id)

    def heard(self, event: Event) -> bool:
        """Take an event in; says whether the fraction has grown."""
        index = self.owner(event)
        return index is not None and self._grown(index, _share(event))

    def ended(self, index: int) -> bool:
        """A clip is done, delivered or not."""
        return self._grown(index, 1.0)

    def _grown(self, index: int, share: float) -> bool:
        before = self.shares.get(index, 0.0)
        self.shares[index] = max(before, share)
        return share > before


def _share(event: Event) -> float:
    match event.kind:
        case EventKind.JOB_RECORDED:
            return 0.02
        case EventKind.ATTEMPT_ACCEPTED:
            return 0.05
        case EventKind.PROGRESS:
            return 0.05 + 0.85 * (event.progress or 0.0)
        case EventKind.DOWNLOADING:
            return 0.95
        case _:
            return 0.0
