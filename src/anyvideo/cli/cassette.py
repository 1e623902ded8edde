"""`anyvideo cassette check`: no secret may lie in recorded exchanges."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyvideo.cli.console import emit, notes, results
from anyvideo.cli.options import AsJson
from anyvideo.types.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from anyvideo.testing.cassettes.check import Finding

cassette_app = typer.Typer(help="Recorded exchanges.", no_args_is_help=True, rich_markup_mode=None)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, and folders to look through.")]


@cassette_app.callback()
def cassette() -> None:
    """Recorded exchanges."""


@cassette_app.command("check")
def check(paths: Paths, as_json: AsJson = False) -> None:
    """Look for secrets in cassettes or any text; exit 1 where there are some."""
    findings = _findings(paths)
    if as_json:
        emit({"clean": not findings, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            results().print(str(finding), soft_wrap=True)
        _summary(len(findings))
    if findings:
        raise typer.Exit(1)


def _findings(paths: list[Path]) -> list[Finding]:
    try:
        from anyvideo.testing.cassettes.check import check_files

        return check_files(paths)
    except ModuleNotFoundError as error:
        raise MissingExtra("testing", "looking for secrets") from error
    except OSError as error:
        raise InvalidRequest(
            f"{error.filename} cannot be read: {error.strerror}", field="paths", hint="name files or folders"
        ) from None


def _summary(count: int) -> None:
    if count:
        notes().print(
            f"{count} probable secrets. Change those that are real at once, then record again with the pytest"
            " plugin, which masks them."
        )
    else:
        notes().print("no secrets found")
