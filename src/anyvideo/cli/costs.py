"""`anyvideo costs` and `anyvideo budgets`: what was spent, and what is still set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.console import emit, notes, results, table
from anyvideo.cli.documents import Document, amount
from anyvideo.cli.session import session_of
from anyvideo.types.money import CostBasis, dollars
from anyvideo.types.states import AttemptState

if TYPE_CHECKING:
    from anyvideo.jobs.store.base import Line, Used

CURRENCY: Final = "USD"

_GROUPS: Mapping[opt.Grouping, Callable[[Line], str]] = {
    opt.Grouping.PROVIDER: lambda line: line.provider,
    opt.Grouping.MODEL: lambda line: line.model,
    opt.Grouping.DAY: lambda line: line.day,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Attempts added up, in micro-dollars.

    `estimated` is the part of `spent` for which a hold stands in; `held` is set aside for attempts under
    way, `unknown` for those of which nobody can tell whether they were bought. `unpriced` counts the attempts
    whose cost nobody knows: it is not in `spent`.
    """

    attempts: int = 0
    spent: int = 0
    estimated: int = 0
    held: int = 0
    unknown: int = 0
    unpriced: int = 0

    def plus(self, line: Line) -> Sum:
        """With one more attempt."""
        more = replace(self, attempts=self.attempts + 1)
        if line.basis is CostBasis.UNKNOWN:
            more = replace(more, unpriced=self.unpriced + 1)
        if line.cost_micros is not None:
            guessed = line.cost_micros if line.basis is CostBasis.ESTIMATED else 0
            return replace(more, spent=self.spent + line.cost_micros, estimated=self.estimated + guessed)
        if line.state is AttemptState.UNKNOWN:
            return replace(more, unknown=self.unknown + line.hold_micros)
        return replace(more, held=self.held + line.hold_micros)


def added(lines: Iterable[Line], by: opt.Grouping) -> dict[str, Sum]:
    """The sums of the groups, sorted by their names."""
    sums: dict[str, Sum] = {}
    for line in lines:
        group = _GROUPS[by](line)
        sums[group] = sums.get(group, Sum()).plus(line)
    return dict(sorted(sums.items()))


def total(lines: Iterable[Line]) -> Sum:
    """Everything together."""
    result = Sum()
    for line in lines:
        result = result.plus(line)
    return result


def costs(
    ctx: typer.Context,
    by: opt.By = opt.Grouping.MODEL,
    as_json: opt.AsJson = False,
) -> None:
    """Add up what was spent, what is held, and what nobody can tell."""
    with session_of(ctx).client() as client:
        lines = client.spend()
    groups, everything = added(lines, by), total(lines)
    if as_json:
        rows = [{by.value: name, **sum_document(sums)} for name, sums in groups.items()]
        emit({"by": by.value, "currency": CURRENCY, "rows": rows, "total": sum_document(everything)})
        return
    if not lines:
        notes().print("nothing is recorded here")
        return
    shown = table(by.value, "attempts", "spent", "held", "unknown", whole=(by.value,))
    for name, sums in (*groups.items(), ("total", everything)):
        spent = _dollars(sums.spent) + ("*" if sums.estimated else "") + (" + ?" if sums.unpriced else "")
        shown.add_row(name, str(sums.attempts), spent, _dollars(sums.held), _dollars(sums.unknown))
    results().print(shown)
    if everything.estimated:
        results().print(f"* of the spent {CURRENCY}, {dollars(everything.estimated)} are estimated")
    if everything.unpriced:
        results().print(f"? attempts of unknown cost, which is in no sum: {everything.unpriced}")
    if everything.unknown:
        notes().print("unknown outcomes: anyvideo jobs --state unknown lists them")


def sum_document(sums: Sum) -> Document:
    """One row of `costs`; dollars as text."""
    money = {name: amount(dollars(getattr(sums, name))) for name in ("spent", "estimated", "held", "unknown")}
    return {"attempts": sums.attempts, **money, "unpriced": sums.unpriced}


def budgets(
    ctx: typer.Context,
    budgets: opt.BudgetOption = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show the budgets and what they have used in their current periods."""
    more = opt.read_budgets(budgets)
    with session_of(ctx).client(budgets=more) as client:
        found = client.budgets()
    if as_json:
        emit({"budgets": [used_document(used) for used in found]})
        return
    if not found:
        notes().print("no budget is set: [budget] in anyvideo.toml holds one, --budget another")
        return
    shown = table("scope", "period", "limit", "spent", "held", "left", whole=("scope", "period"))
    for used in found:
        sums = (used.budget.limit_micros, used.spent_micros, used.held_micros, _left(used))
        shown.add_row(used.budget.scope, used.budget.period, *map(_dollars, sums))
    results().print(shown)


def used_document(used: Used) -> Document:
    """One budget; dollars as text."""
    return {
        "scope": used.budget.scope,
        "period": used.budget.period,
        "limit": amount(dollars(used.budget.limit_micros)),
        "spent": amount(dollars(used.spent_micros)),
        "held": amount(dollars(used.held_micros)),
        "left": amount(dollars(_left(used))),
        "currency": CURRENCY,
    }


def _left(used: Used) -> int:
    return max(0, used.budget.limit_micros - used.spent_micros - used.held_micros)


def _dollars(micros: int) -> str:
    return str(dollars(micros))
