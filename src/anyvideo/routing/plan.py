"""Which models would be tried, in which order, and why the rest was turned down. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, assert_never

from anyvideo.catalog.prices import quote
from anyvideo.catalog.spec import ModelSpec
from anyvideo.provider import ProviderPlugin
from anyvideo.routing.fit import fit
from anyvideo.routing.route import Cheapest, Exact, Family, OneOfEach, StandIn, Step, read_route
from anyvideo.routing.soft import Soft
from anyvideo.types.plan import Candidate, Plan, Rejection
from anyvideo.types.request import VideoRequest

Policy = Literal["listed", "cheapest"]


def make_plan(
    request: VideoRequest,
    *,
    plugins: Sequence[ProviderPlugin],
    specs: Sequence[ModelSpec],
    route: Sequence[str],
    routes: Mapping[str, Sequence[str]],
    now: datetime,
    readiness: Mapping[str, str | None],
    policy: Policy = "listed",
    strict: bool = False,
    allow_unpriced: bool = False,
    shunned: Mapping[str, str] | None = None,
    soft: Soft | None = None,
) -> Plan:
    """Candidates in the order in which they would be tried, and rejections with their reasons.

    `readiness` says for each provider what is missing (None: ready), `shunned` why a model is not to be
    asked now. A plan may be empty. Raises UnknownModel for an entry of the route that means nothing.
    """
    steps = read_route(route, routes=routes, specs=specs)
    shop = _Shop(
        request=request,
        plugins={plugin.name: plugin for plugin in plugins},
        now=now,
        readiness=readiness,
        strict=strict,
        allow_unpriced=allow_unpriced,
        shunned=shunned or {},
        soft=soft,
    )
    draft = _Draft(specs=specs, shop=shop)
    for step in steps:
        draft.take(step)
    draft.take_stand_ins()
    return draft.plan(policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    """Judges single models."""

    request: VideoRequest
    plugins: Mapping[str, ProviderPlugin]
    now: datetime
    readiness: Mapping[str, str | None]
    strict: bool
    allow_unpriced: bool
    shunned: Mapping[str, str]
    soft: Soft | None = None

    def judge(self, spec: ModelSpec) -> Candidate | Rejection:
        """The model as a candidate, or the reason against it."""
        plugin = self.plugins[spec.provider]
        if spec.id in self.shunned:
            return Rejection(model=spec.id, reason=self.shunned[spec.id])
        today = self.now.date()
        fitted = fit(self.request, spec, today=today, media=plugin.media, strict=self.strict, soft=self.soft)
        if isinstance(fitted, Rejection):
            return fitted
        price = quote(spec, fitted, today=today, vendor_deadline=plugin.vendor_deadline)
        if price.ceiling_micros is None and not self.allow_unpriced:
            known = "no price is known" if price.expected_micros is None else "nothing bounds its price"
            return Rejection(
                model=spec.id, reason=f"{known}; allow_unpriced=True accepts that", field="allow_unpriced"
            )
        missing = self.readiness.get(spec.provider)
        return Candidate(
            model=spec.id,
            vendor=spec.vendor,
            fit=fitted,
            quote=price,
            ready=missing is None,
            missing=missing,
            stand_in=plugin.stand_in,
        )

    def stands_in(self, spec: ModelSpec) -> bool:
        """Whether its output is no model's."""
        return self.plugins[spec.provider].stand_in


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A plan while it is made."""

    specs: Sequence[ModelSpec]
    shop: _Shop
    candidates: dict[str, Candidate] = field(default_factory=dict)
    rejections: dict[str, Rejection] = field(default_factory=dict)
    stand_ins_asked: bool = False

    def take(self, step: Step) -> None:
        """Add what one step of the route means."""
        match step:
            case Exact(model=model):
                self._add_all(spec for spec in self.specs if spec.id == model)
            case Family(name=name):
                self._add_first(self._family(name))
            case OneOfEach(provider=provider):
                self._take_each(provider)
            case Cheapest():
                self._take_cheapest()
            case StandIn():
                self.stand_ins_asked = True
            case _:
                assert_never(step)

    def take_stand_ins(self) -> None:
        """Where they were asked for and nothing else is ready, stand-ins come last."""
        if self.stand_ins_asked and not any(candidate.ready for candidate in self.candidates.values()):
            self._add_first([spec for spec in self.specs if self.shop.stands_in(spec)])

    def plan(self, policy: Policy) -> Plan:
        """The finished plan. A model that became a candidate is not listed as turned down."""
        candidates = list(self.candidates.values())
        if policy == "cheapest":
            candidates.sort(key=_price)
        return Plan(
            candidates=tuple(candidates),
            rejections=tuple(
                rejection for model, rejection in self.rejections.items() if model not in self.candidates
            ),
        )

    def _family(self, name: str) -> list[ModelSpec]:
        return [spec for spec in self.specs if spec.family == name]

    def _take_each(self, provider: str) -> None:
        seen: set[str] = set()
        for spec in self.specs:
            if spec.provider != provider or spec.family in seen:
                continue
            if spec.family is None:
                self._add_all([spec])
            else:
                seen.add(spec.family)
                self._add_first([other for other in self._family(spec.family) if other.provider == provider])

    def _take_cheapest(self) -> None:
        vendors = {candidate.vendor for candidate in self.candidates.values()}
        offers = [
            self.shop.judge(spec)
            for spec in self.specs
            if spec.vendor not in vendors and not self.shop.stands_in(spec)
        ]
        capable = [offer for offer in offers if isinstance(offer, Candidate)]
        ready = [candidate for candidate in capable if candidate.ready]
        if ready or capable:
            self._add(min(ready or capable, key=_price))
        else:
            self._add_each(offers)

    def _add_first(self, members: Sequence[ModelSpec]) -> None:
        """The first ready one that fits, else the first that fits, else every reason."""
        offers = [self.shop.judge(spec) for spec in members]
        capable = [offer for offer in offers if isinstance(offer, Candidate)]
        ready = [candidate for candidate in capable if candidate.ready]
        self._add_each((ready or capable)[:1] or offers)

    def _add_all(self, members: Iterable[ModelSpec]) -> None:
        self._add_each([self.shop.judge(spec) for spec in members])

    def _add_each(self, offers: Iterable[Candidate | Rejection]) -> None:
        for offer in offers:
            self._add(offer)

    def _add(self, offer: Candidate | Rejection) -> None:
        if isinstance(offer, Candidate):
            self.candidates.setdefault(offer.model, offer)
        else:
            self.rejections.setdefault(offer.model, offer)


def _price(candidate: Candidate) -> tuple[bool, bool, int]:
    """Stand-ins last, before them those whose price is not known."""
    expected = candidate.quote.expected_micros
    return candidate.stand_in, expected is None, expected or 0
