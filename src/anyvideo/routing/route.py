"""The words of a route and what they mean. Pure, but for an error's words on plugins that are not here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, requires

from anyvideo.catalog.model import SELECTORS
from anyvideo.catalog.spec import ModelSpec
from anyvideo.types.errors import ConfigurationError, UnknownModel

EVERY = "*"
"""`provider/*`: the models of one provider, one of each family."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """One model by its id."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One member of a family."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOfEach:
    """The models of one provider, one of each family."""

    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheapest:
    """The cheapest capable model of a vendor that the plan does not have yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """What is drawn without any model, when nothing else is ready."""


Step = Exact | Family | OneOfEach | Cheapest | StandIn


def read_route(
    route: Sequence[str], *, routes: Mapping[str, Sequence[str]], specs: Sequence[ModelSpec]
) -> list[Step]:
    """The steps that a route means: model ids, families, named routes, `cheapest`, `stand-in`.

    Raises UnknownModel with the names that are near, ConfigurationError for a route that names itself.
    """
    steps: list[Step] = []
    for entry in _spelled_out(route, routes, {spec.family for spec in specs if spec.family}, ()):
        step = _step(entry, specs, routes)
        if step not in steps:
            steps.append(step)
    return steps


def _spelled_out(
    route: Sequence[str], routes: Mapping[str, Sequence[str]], families: set[str], inside: tuple[str, ...]
) -> Iterator[str]:
    """The entries with named routes replaced by theirs. A route named like a family may hold that family."""
    for entry in (word.strip() for word in route):
        if entry in inside and entry not in families:
            loop = " → ".join((*inside, entry))
            raise ConfigurationError(f"the route {entry!r} leads back to itself: {loop}", field="routes")
        if entry in routes and entry not in inside and entry not in SELECTORS:
            yield from _spelled_out(routes[entry], routes, families, (*inside, entry))
        else:
            yield entry


def _step(entry: str, specs: Sequence[ModelSpec], routes: Mapping[str, Sequence[str]]) -> Step:
    if entry == "cheapest":
        return Cheapest()
    if entry == "stand-in":
        return StandIn()
    provider, slash, name = entry.partition("/")
    if slash and name == EVERY and any(spec.provider == provider for spec in specs):
        return OneOfEach(provider=provider)
    if slash and any(spec.id == entry for spec in specs):
        return Exact(model=entry)
    if any(spec.family == entry for spec in specs):
        return Family(name=entry)
    raise _unknown(entry, specs, routes)


def _unknown(entry: str, specs: Sequence[ModelSpec], routes: Mapping[str, Sequence[str]]) -> UnknownModel:
    providers = {spec.provider for spec in specs}
    provider, slash, _ = entry.partition("/")
    known = [spec.id for spec in specs] + sorted({spec.family for spec in specs if spec.family})
    known += [*routes, *sorted(SELECTORS)]
    near = difflib.get_close_matches(entry, known, n=3, cutoff=0.5)
    if entry in providers:
        near = [f"{entry}/{EVERY}", *(spec.id for spec in specs if spec.provider == entry)][:4]
    meant = f"did you mean {', '.join(near)}?" if near else ""
    if slash and provider not in providers:
        here = any(entry.name == provider for entry in entry_points(group="anyvideo"))
        return UnknownModel(
            f"the provider {provider!r} is installed and not loaded here"
            if here
            else f"no installed provider is called {provider!r}",
            field="models",
            hint=" or ".join(part for part in (_way_in(provider, here=here), meant) if part),
        )
    return UnknownModel(
        f"no installed provider declares {entry!r}",
        field="models",
        hint=meant or "`anyvideo models` lists what there is",
    )


def _way_in(provider: str, *, here: bool) -> str:
    """How a provider comes in: where it is installed, by being let in, else by an extra, where it has one."""
    if here:
        return "name it in ANYVIDEO_PLUGINS or in plugins of anyvideo.toml; see `anyvideo providers`"
    named = re.compile(rf"anyvideo-{re.escape(provider)}(?![\w-])")
    with suppress(PackageNotFoundError):
        if any(named.match(requirement) for requirement in requires("anyvideo") or ()):
            return f'pip install "anyvideo[{provider}]"'
    return "`anyvideo providers` lists what is installed"
