"""What a fit changes, and what it cannot do."""

from __future__ import annotations

from anyvideo.types.plan import Adjustment


class Impossible(Exception):
    """The model cannot do this. `field` names the part of the request that stands against it."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class Notes:
    """The adjustments of one fit, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: list[Adjustment] = []

    def add(self, field: str, asked: str, given: str | None, reason: str) -> None:
        """Note one change. `given` None: dropped."""
        self._made.append(Adjustment(field=field, asked=asked, given=given, reason=reason))

    @property
    def all(self) -> tuple[Adjustment, ...]:
        """Everything noted so far."""
        return tuple(self._made)
