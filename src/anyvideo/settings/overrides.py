"""What the user's files and variables change in the declared models."""

from __future__ import annotations

from collections.abc import Sequence

from anyvideo.catalog.load import overlay
from anyvideo.catalog.spec import Catalog, ModelSpec
from anyvideo.settings.values import Settings
from anyvideo.types.errors import ConfigurationError


def overridden(specs: Sequence[ModelSpec], settings: Settings) -> tuple[ModelSpec, ...]:
    """The specs with the user's own catalog files over them, at the versions that variables ask for.

    A model's own variable changes exactly the spec that names it, and beats `settings.pins`.
    Raises ConfigurationError and CatalogError.
    """
    return tuple(_pinned(spec, settings) for spec in _overlaid(specs, settings))


def _pinned(spec: ModelSpec, settings: Settings) -> ModelSpec:
    version = settings.version_override(spec) or settings.pins.get(spec.id)
    return spec if version is None else spec.pinned(version)


def _overlaid(specs: Sequence[ModelSpec], settings: Settings) -> list[ModelSpec]:
    groups: dict[str, tuple[ModelSpec, ...]] = {}
    for spec in specs:
        groups[spec.provider] = (*groups.get(spec.provider, ()), spec)
    for provider, path in settings.catalogs.items():
        if provider in groups:
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"catalogs.{provider}: {error}", field="catalogs") from None
            catalog = overlay(Catalog(provider=provider, models=groups[provider]), text, str(path))
            groups[provider] = catalog.models
    return [spec for models in groups.values() for spec in models]
