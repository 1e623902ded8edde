"""What a client knows before it buys: its plugins, their models, what is ready, and plans over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from anyvideo.catalog.model import SELECTORS
from anyvideo.jobs.backends import Backends
from anyvideo.jobs.store.base import Store
from anyvideo.jobs.wish import Wish
from anyvideo.plugins import Plugins
from anyvideo.routing.plan import make_plan
from anyvideo.routing.soft import Soft
from anyvideo.settings import Settings
from anyvideo.types.clock import Clock
from anyvideo.types.errors import NoModelFits
from anyvideo.types.plan import Adjustment, Candidate, Plan
from anyvideo.types.request import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """One installed plugin. `missing` says what to set, `problem` why it cannot be loaded."""

    name: str
    vendor: str | None = None
    distribution: str | None
    version: str | None
    ready: bool = False
    missing: str | None = None
    problem: str | None = None
    models: int = 0


class Planner:
    """Plans over the installed plugins. Spends nothing."""

    def __init__(
        self, *, plugins: Plugins, settings: Settings, backends: Backends, store: Store, clock: Clock
    ) -> None:
        self._plugins = plugins
        self._settings = settings
        self._backends = backends
        self._store = store
        self._clock = clock

    async def plan(self, wish: Wish, *, remember: bool) -> Plan:
        """The plan for a wish; `remember` leaves out models that lately did not work for these accounts."""
        readiness = {plugin.name: self._settings.missing(plugin) for plugin in self._plugins.all}
        plan = make_plan(
            wish.request,
            plugins=self._plugins.all,
            specs=self._backends.specs,
            route=wish.models or self._route(),
            routes=self._settings.routes,
            now=self._clock.now(),
            readiness=readiness,
            policy=wish.policy or self._settings.policy,
            strict=wish.strict,
            allow_unpriced=wish.options.allow_unpriced,
            shunned=await self._shunned(readiness) if remember else {},
            soft=None if wish.strict else _soft(self._settings),
        )
        notes = _notes(wish)
        return replace(plan, candidates=tuple(_noted(one, notes) for one in plan.candidates))

    def _route(self) -> tuple[str, ...]:
        """The settings' route; of the built-in one, the families that an installed provider declares."""
        if self._settings.route_origin != "default":
            return self._settings.route
        families = {spec.family for spec in self._backends.specs}
        return tuple(entry for entry in self._settings.route if entry in families or entry in SELECTORS)

    def providers(self) -> list[ProviderInfo]:
        """Every installed plugin, the broken ones among them."""
        working = [
            ProviderInfo(
                name=plugin.name,
                vendor=plugin.vendor,
                distribution=self._plugins.distribution(plugin.name),
                version=self._plugins.version(plugin.name),
                ready=(missing := self._settings.missing(plugin)) is None,
                missing=missing,
                models=len(plugin.catalog.models),
            )
            for plugin in self._plugins.all
        ]
        broken = [
            ProviderInfo(
                name=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                problem=plugin.problem,
            )
            for plugin in self._plugins.broken
        ]
        return sorted(working + broken, key=lambda info: info.name)

    async def _shunned(self, readiness: Mapping[str, str | None]) -> dict[str, str]:
        mine = {self._backends.account(name) for name, missing in readiness.items() if missing is None}
        remembered = await self._store.unavailable(self._clock.now())
        return {model: reason for (account, model), reason in remembered.items() if account in mine}


def _soft(settings: Settings) -> Soft:
    """What the chosen profile would like of a clip."""
    wanted = settings.defaults
    return Soft(
        origin=f"profile {settings.profile}",
        aspect_ratio=wanted.aspect_ratio,
        resolution=wanted.resolution,
        fps=wanted.fps,
        max_duration=wanted.max_duration,
        steps=wanted.steps,
        motion=wanted.motion,
    )


def with_image(plan: Plan, image: Image | None) -> Plan:
    """The plan with the kept picture in place of the one in memory."""
    if image is None:
        return plan
    candidates = tuple(
        replace(candidate, fit=replace(candidate.fit, image=image if candidate.fit.image else None))
        for candidate in plan.candidates
    )
    return replace(plan, candidates=candidates)


def _notes(wish: Wish) -> tuple[Adjustment, ...]:
    """What is done otherwise than asked, whichever model does it."""
    notes: tuple[Adjustment, ...] = ()
    if wish.without_image is not None:
        notes += (Adjustment(field="image", asked="a picture", given=None, reason=wish.without_image),)
    if wish.references:
        names = ", ".join(wish.references)
        reason = "this model takes none; they are kept in the job's metadata"
        notes += (Adjustment(field="reference_images", asked=names, given=None, reason=reason),)
    return notes


def _noted(candidate: Candidate, notes: tuple[Adjustment, ...]) -> Candidate:
    fit = candidate.fit
    return replace(candidate, fit=replace(fit, adjustments=(*fit.adjustments, *notes)))


def reference_notes(references: Mapping[str, Image]) -> dict[str, str]:
    """The metadata that names reference pictures: an address, or where the content was kept."""
    return {f"reference_image.{name}": image.url or str(image.path) for name, image in references.items()}


def nothing_fits(plan: Plan) -> NoModelFits:
    """The error for a plan without a ready candidate; says all reasons."""
    if not plan.candidates and not plan.rejections:
        return NoModelFits(
            "no provider is installed", plan=plan, field="models", hint='pip install "anyvideo[all]"'
        )
    unready = [f"{candidate.model}: {candidate.missing}" for candidate in plan.candidates]
    reasons = [f"{rejection.model}: {rejection.reason}" for rejection in plan.rejections]
    problem = "no model that fits is ready" if unready else "no model fits"
    return NoModelFits(f"{problem}: " + "; ".join(unready + reasons), plan=plan, hint="see: anyvideo plan")
