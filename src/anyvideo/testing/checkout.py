"""A plugin's checkout as if it were installed: for its own tests, before `pip install -e .`."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import (
    Distribution,
    DistributionFinder,
    PackageNotFoundError,
    distribution,
)
from pathlib import Path
from typing import Any


def use_checkout(folder: Path) -> None:
    """Make `src` importable, and the entry points of `pyproject.toml` known, in this process.

    Does nothing where the distribution is installed. Raises OSError and tomllib.TOMLDecodeError.
    """
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    try:
        distribution(project["name"])
    except PackageNotFoundError:
        sys.path.insert(0, str(folder / "src"))
        sys.meta_path.append(_Finder(_Checkout(folder, project)))


class _Checkout(Distribution):
    """What an installation would write down."""

    def __init__(self, folder: Path, project: Mapping[str, Any]) -> None:
        self._folder = folder
        self._texts = {
            "METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
            "entry_points.txt": "\n".join(
                line
                for group, entries in project.get("entry-points", {}).items()
                for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
            ),
        }

    def read_text(self, filename: str) -> str | None:
        return self._texts.get(filename)

    def locate_file(self, path: Any) -> Any:
        return self._folder / "src" / path


class _Finder(DistributionFinder):
    def __init__(self, checkout: _Checkout) -> None:
        self._checkout = checkout

    def find_spec(self, *_: object) -> None:
        """It finds distributions, not modules."""

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        wanted = None if context is None else context.name
        return [self._checkout] if wanted in (None, self._checkout.metadata["Name"]) else []
