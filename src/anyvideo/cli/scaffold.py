"""`anyvideo new-provider`: a plugin for a vendor of yours, which passes its own tests from the start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anyvideo.cli.console import emit, notes
from anyvideo.cli.options import AsJson
from anyvideo.types.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

TEMPLATES: Final = "testing/templates/provider"
PLACEHOLDER: Final = "NAME"
ENDING: Final = ".jinja"
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The provider's name, like acme.")]
Folder = Annotated[
    Path, typer.Option("--folder", metavar="FOLDER", help="Where its own folder is made; default: here.")
]


def new_provider(name: Name, folder: Folder = Path(), as_json: AsJson = False) -> None:
    """Write a provider plugin that works, for a vendor that does not exist, to be made yours."""
    target = folder / f"anyvideo-{name}"
    written = write_provider(name, target)
    if as_json:
        emit({"name": name, "folder": str(target), "files": written})
        return
    for path in written:
        notes().print(f"  {target / path}")
    notes().print(f'Next: cd {target}, pip install -e ".[test]", pytest; then follow its README.md.')


def write_provider(name: str, target: Path) -> list[str]:
    """Write the distribution into `target` and return its files. Raises InvalidRequest and MissingExtra."""
    check_name(name)
    texts = rendered(name)
    try:
        target.mkdir(parents=True)
        for path, text in texts.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        exists = isinstance(error, FileExistsError)
        raise InvalidRequest(
            f"{target} exists already" if exists else f"{target} cannot be written: {error.strerror}",
            field="name",
            hint="nothing was changed; choose another name or --folder" if exists else None,
        ) from error
    return sorted(texts)


def check_name(name: str) -> None:
    """Raises InvalidRequest for what cannot be a provider's name, or is one's already."""
    from anyvideo.plugins import Plugins

    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"a provider cannot be called {name!r}",
            field="name",
            hint="use lower-case letters and digits, with '-' between words",
        )
    if name in {plugin.name for plugin in Plugins.discover().all}:
        raise InvalidRequest(f"a provider called {name!r} is installed already", field="name")


def rendered(name: str) -> dict[str, str]:
    """Every file of the distribution, by its path. Raises MissingExtra."""
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError as error:
        raise MissingExtra("testing", "new-provider") from error
    environment = Environment(  # noqa: S701 - Python and TOML, not HTML
        variable_start_string="<<",
        variable_end_string=">>",
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    words = _words(name)
    return {
        path.replace(PLACEHOLDER, name if "cassettes" in path else words["under"]): environment.from_string(
            text
        ).render(words)
        for path, text in _templates()
    }


def _words(name: str) -> dict[str, str]:
    under = name.replace("-", "_")
    return {
        "name": name,
        "under": under,
        "module": f"anyvideo_{under}",
        "distribution": f"anyvideo-{name}",
        "title": "".join(part.capitalize() for part in name.split("-")),
        "variable": under.upper(),
        "series": ".".join(version("anyvideo").split(".")[:2]),
        "today": datetime.now(UTC).date().isoformat(),
    }


def _templates() -> Iterator[tuple[str, str]]:
    top = files("anyvideo").joinpath(TEMPLATES)

    def walk(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
        for entry in folder.iterdir():
            if entry.is_dir():
                yield from walk(entry, f"{path}{entry.name}/")
            elif entry.name.endswith(ENDING):
                yield f"{path}{entry.name.removesuffix(ENDING)}", entry.read_text(encoding="utf-8")

    return walk(top, "")
