"""Where settings come from: the real environment, a `.env` file, an `anyvideo.toml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from anyvideo.types.errors import ConfigurationError

FILE = "anyvideo.toml"
FILE_VARIABLE = "ANYVIDEO_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Variables in layers: the real environment beats `.env`. Blank values count as not set."""

    layers: tuple[Mapping[str, str], ...] = field(default=(), repr=False)

    def find(self, *names: str) -> tuple[str, str] | None:
        """The first of the names that is set, and its value without the blanks around it."""
        for layer in self.layers:
            for name in names:
                value = layer.get(name, "").strip()
                if value:
                    return name, value
        return None

    def get(self, *names: str) -> str | None:
        """The value of the first of the names that is set."""
        found = self.find(*names)
        return None if found is None else found[1]

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings hold keys, so they are not pickled: load them where they are needed")

    def words(self, name: str) -> tuple[str, ...]:
        """A list with commas; empty when not set."""
        return tuple(word.strip() for word in (self.get(name) or "").split(",") if word.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed `anyvideo.toml` and where it lies; `path` None where there is none."""

    path: Path | None
    values: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """What its relative paths start from."""
        return Path() if self.path is None else self.path.parent


def find_sources(environ: Mapping[str, str] | None, folder: Path | None) -> tuple[Lookup, Document]:
    """Everything that can be read for a folder. Raises ConfigurationError naming the file.

    `anyvideo.toml` may lie in the folder or above it, or where ANYVIDEO_CONFIG says. `.env` is read in the
    folder and beside that file, nowhere else: one that somebody left further up must not move base URLs.
    """
    real = dict(os.environ) if environ is None else dict(environ)
    here = Path.cwd() if folder is None else folder.absolute()
    near = _dotenv(here / ".env")
    path = _document_path(Lookup(layers=(real, near)), here)
    beside = _dotenv(path.parent / ".env") if path is not None and path.parent != here else {}
    return Lookup(layers=(real, near, beside)), Document(path=path, values=_toml(path))


def _document_path(lookup: Lookup, here: Path) -> Path | None:
    named = lookup.get(FILE_VARIABLE)
    if named is None:
        return next((path for parent in (here, *here.parents) if (path := parent / FILE).is_file()), None)
    path = here / Path(named).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"{FILE_VARIABLE} names a file that is not there: {path}",
            field=FILE_VARIABLE,
            hint="correct the path or unset the variable",
        )
    return path


def _toml(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", field=str(path)) from None


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, interpolate=False, encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {type(error).__name__}", field=str(path), hint="save it as UTF-8 text"
        ) from None
    return {name: value for name, value in values.items() if value is not None}
