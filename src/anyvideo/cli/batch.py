"""`anyvideo batch`: a file of clips in, a folder of clips out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.batch_output import USUAL_NAME, Shelf, batch_document, show_batch
from anyvideo.cli.board import Board
from anyvideo.cli.clips import read_clip_file
from anyvideo.cli.console import emit
from anyvideo.cli.documents import error_document
from anyvideo.cli.errors import Interrupted, exit_code, failed, show_error
from anyvideo.cli.session import session_of
from anyvideo.types.errors import AnyVideoError, BatchFailed, InvalidRequest

if TYPE_CHECKING:
    from anyvideo.types.batch import BatchResult

File = Annotated[Path, typer.Argument(metavar="FILE", help="YAML, JSON or TOML with the clips.")]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on where an earlier run of the same file stopped; buys nothing twice."),
]
Concurrency = Annotated[int | None, typer.Option(metavar="N", help="How many clips at once.", min=1)]
MinSuccesses = Annotated[
    int | None, typer.Option(metavar="N", help="With fewer the command fails; default: 3, or all of fewer.")
]
BatchBudget = Annotated[
    str | None, typer.Option(metavar="DOLLARS", help="The most that the whole batch may cost.")
]
NotBefore = Annotated[
    str | None, typer.Option(metavar="TIME", help="Send nothing before 02:30, 02:30Z or 2026-12-01T02:30.")
]
BatchId = Annotated[str | None, typer.Option("--id", metavar="NAME", help="A name of the batch of its own.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Where the clips go; default: named like the file."
    ),
]
Name = Annotated[
    str | None,
    typer.Option(metavar="TEMPLATE", help=f"How the clips' files are named; default: {USUAL_NAME}."),
]

SAID_HERE = ("concurrency", "min_successes", "budget", "batch_id", "not_before")
"""The terms of a batch that have an option."""


def batch(
    ctx: typer.Context,
    file: File,
    resume: Resume = False,
    concurrency: Concurrency = None,
    min_successes: MinSuccesses = None,
    budget: BatchBudget = None,
    not_before: NotBefore = None,
    batch_id: BatchId = None,
    models: opt.Models = None,
    image_transfer: opt.ImageTransfer = None,
    image_fallback: opt.ImageFallback = None,
    timeout: opt.Timeout = None,
    attempt_timeout: opt.AttemptTimeout = None,
    poll_interval: opt.PollInterval = None,
    output: Folder = None,
    name: Name = None,
    as_json: opt.AsJson = False,
) -> None:
    """Buy many clips within one budget."""
    told = read_clip_file(file)
    terms = told.terms | opt.given(locals(), SAID_HERE)
    options = told.options | opt.given(locals(), opt.EVERY_CLIP)
    session = session_of(ctx)
    settings = session.settings()
    in_file = options.get("output")
    shelf = Shelf.of(
        output or (settings.output or Path()) / file.stem,
        name or in_file or settings.template or USUAL_NAME,
        said_by="name" if name or not in_file else "output",
        own={
            clip.get("index", place): clip["output"]
            for place, clip in enumerate(told.clips)
            if "output" in clip
        },
    )
    options["output"] = shelf.name
    board = Board()
    error: AnyVideoError | None = None
    with session.client(board, settings=replace(settings, output=shelf.folder)) as client:
        try:
            with board:
                result = client.batch(told.clips, resume=resume, **(options | terms))
        except BatchFailed as failure:
            error, result = failure, failure.result
        except KeyboardInterrupt:
            raise failed(_interrupted(board.batch_id), as_json=as_json) from None
        except InvalidRequest as wrong:
            raise _begun_before(wrong) from None
        saved, not_saved = shelf.save(result, client.job)
    error = error or not_saved
    _tell(result, saved, shelf.draw(result, saved), as_json=as_json, error=error)
    raise typer.Exit(0 if error is None else exit_code(error))


def _tell(
    result: BatchResult,
    saved: Mapping[int, Path],
    sheet: Path | None,
    *,
    as_json: bool,
    error: AnyVideoError | None,
) -> None:
    if as_json:
        emit(batch_document(result, saved, sheet) | ({} if error is None else error_document(error)))
        return
    show_batch(result, saved, sheet)
    if error is not None:
        show_error(error)


def _interrupted(batch_id: str | None) -> Interrupted:
    if batch_id is None:
        return Interrupted("interrupted before anything was sent", job_id="")
    return Interrupted(
        f"interrupted; the jobs of batch {batch_id} are kept",
        job_id="",
        hint="the same command with --resume",
    )


def _begun_before(error: InvalidRequest) -> Any:
    if error.field != "batch_id" or "begun before" not in error.message:
        return error
    hint = "--resume goes on with it, --id NAME buys all of it anew"
    return InvalidRequest(error.message, field="file", hint=hint)
