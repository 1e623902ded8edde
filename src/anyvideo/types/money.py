"""Money in whole micro-dollars: one dollar is 1,000,000."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum

from anyvideo.types.errors import InvalidRequest

MICROS_PER_DOLLAR = 1_000_000


class CostBasis(StrEnum):
    """How a cost is known."""

    REPORTED = "reported"
    """The vendor said it."""
    COMPUTED = "computed"
    """Measured usage times a dated price."""
    ESTIMATED = "estimated"
    """Neither is known: the hold stands in."""
    UNKNOWN = "unknown"
    """Nothing is known, and as the model has no price nothing was held either."""


def hold_micros(amount: Decimal) -> int:
    """Micro-dollars to set aside for `amount` dollars: rounded up."""
    return int((amount * MICROS_PER_DOLLAR).to_integral_value(ROUND_CEILING))


def cost_micros(amount: Decimal) -> int:
    """Micro-dollars that `amount` dollars cost: rounded half to even."""
    return int((amount * MICROS_PER_DOLLAR).to_integral_value(ROUND_HALF_EVEN))


def dollars(micros: int) -> Decimal:
    """The exact decimal amount in dollars, with no exponent and at least two places."""
    amount = Decimal(micros) / MICROS_PER_DOLLAR
    return amount.quantize(Decimal("0.01")) if micros % 10_000 == 0 else amount.normalize()


def parse_cap(value: str | int | Decimal, field: str) -> int:
    """A cap in dollars as micro-dollars. Raises InvalidRequest for a negative or unreadable one."""
    hint = "give dollars as text, like '3.00'"
    if isinstance(value, bool | float):
        raise InvalidRequest(f"{field} must be exact, not {value!r}", field=field, hint=hint)
    try:
        amount = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise InvalidRequest(f"{field} is not an amount: {value!r}", field=field, hint=hint) from None
    if not amount.is_finite() or amount < 0:
        raise InvalidRequest(f"{field} must be 0 or more, not {value}", field=field, hint=hint)
    return int(amount * MICROS_PER_DOLLAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Money before. Micro-dollars; None where the price is not known, never 0 for that."""

    expected_micros: int | None
    ceiling_micros: int | None
    currency: str = "USD"
    stale: bool = False

    @property
    def expected(self) -> Decimal | None:
        """What it will probably cost, in dollars."""
        return None if self.expected_micros is None else dollars(self.expected_micros)

    @property
    def ceiling(self) -> Decimal | None:
        """The most it can cost, in dollars; this much is held."""
        return None if self.ceiling_micros is None else dollars(self.ceiling_micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money after. `basis` says how it is known; where it is unknown, `micros` is the part that is known."""

    micros: int
    basis: CostBasis
    currency: str = "USD"

    @property
    def amount(self) -> Decimal:
        """In dollars; where the basis is unknown only the part that is known."""
        return dollars(self.micros)

    @property
    def whole(self) -> bool:
        """Whether all of it is known or estimated."""
        return self.basis is not CostBasis.UNKNOWN

    @property
    def figure(self) -> str:
        """The amount for a column of such: `0.24`, `unknown`, or `0.24 + ?` where only a part is known."""
        known = str(self.amount)
        return known if self.whole else f"{known} + ?" if self.micros else str(self.basis)

    def __str__(self) -> str:
        if self.whole:
            return f"{self.amount} {self.currency} ({self.basis})"
        return f"{self.amount} {self.currency} and an unknown part" if self.micros else str(self.basis)


UNKNOWN_COST = Cost(micros=0, basis=CostBasis.UNKNOWN)


def total(costs: Sequence[Cost]) -> Cost:
    """The sum; its basis is the weakest one that money rests on, or the latest one where nothing cost any.

    With an unknown part it is unknown.
    """
    telling = [cost for cost in costs if cost.micros or not cost.whole]
    bases = [basis for basis in CostBasis if any(cost.basis is basis for cost in telling)]
    free = costs[-1].basis if costs else CostBasis.COMPUTED
    return Cost(micros=sum(cost.micros for cost in costs), basis=bases[-1] if bases else free)
