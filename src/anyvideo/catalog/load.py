"""`models.toml` becomes a catalog. Every error names file, model and key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files

from anyvideo.catalog.model import read_model
from anyvideo.catalog.spec import Catalog, ModelSpec
from anyvideo.catalog.table import Table
from anyvideo.types.errors import CatalogError

FILE = "models.toml"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def read_catalog(provider: str, *, vendor: str, package: str) -> Catalog:
    """The catalog in the `models.toml` of a plugin's package. Raises CatalogError."""
    text = files(package).joinpath(FILE).read_text(encoding="utf-8")
    return parse_catalog(text, provider=provider, vendor=vendor, origin=f"{package}/{FILE}")


def parse_catalog(text: str, *, provider: str, vendor: str, origin: str = FILE) -> Catalog:
    """The catalog in a text. `origin` is the file's name in errors. Raises CatalogError."""
    models: dict[str, ModelSpec] = {}
    for name, table in _entries(text, origin):
        if name in models:
            table.fail("id", "is given to two models")
        models[name] = read_model(table, id_=f"{provider}/{name}", vendor=vendor)
    return Catalog(provider=provider, models=tuple(models.values()))


def overlay(catalog: Catalog, text: str, origin: str) -> Catalog:
    """The catalog with a user's own file over it: given keys replace, new models come last.

    A table or list that is given replaces the whole one. Raises CatalogError.
    """
    models = {spec.name: spec for spec in catalog.models}
    vendor = catalog.models[0].vendor if catalog.models else catalog.provider
    for name, table in _entries(text, origin):
        models[name] = read_model(
            table, id_=f"{catalog.provider}/{name}", vendor=vendor, base=models.get(name)
        )
    return replace(catalog, models=tuple(models.values()))


def _entries(text: str, origin: str) -> Iterator[tuple[str, Table]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{origin} is not TOML: {error}", field=origin) from None
    top = Table(data, origin=f"{origin}:", error=CatalogError)
    tables = list(top.tables("model")) if top.has("model") else []
    top.done()
    for index, table in enumerate(tables):
        name = table.text("id")
        if not _NAME.fullmatch(name):
            table.fail("id", f"must be lower-case letters, digits, '.', '_' and '-', not {name!r}")
        yield name, table.named(f"{origin}: model[{index}] {name!r}:")
