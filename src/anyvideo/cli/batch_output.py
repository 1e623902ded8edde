"""Where a batch's clips are saved, and what is said about them: words, JSON, one picture."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from anyvideo.cli.console import notes, results, table
from anyvideo.cli.documents import (
    Document,
    amount,
    attempt_document,
    cost_document,
    error_document,
    info_document,
)
from anyvideo.cli.output import slug
from anyvideo.types.errors import AnyVideoError, InvalidRequest
from anyvideo.types.money import dollars

if TYPE_CHECKING:
    from anyvideo.types.batch import BatchResult, ClipResult

FIELDS = ("batch_id", "index", "job_id", "model", "prompt")
USUAL_NAME = "clip_{index}.mp4"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A folder for a batch's clips and the template of their names, checked before anything is bought."""

    folder: Path
    name: str

    @classmethod
    def of(cls, folder: Path, name: str) -> Self:
        """Raises InvalidRequest (field `output` or `name`)."""
        try:
            fields = [part for _, part, _, _ in string.Formatter().parse(name) if part is not None]
        except ValueError as error:
            raise InvalidRequest(f"the name {name!r} is no template: {error}", field="name") from error
        path = PurePosixPath(name)
        if set(fields) - {*FIELDS} or path.is_absolute() or ".." in path.parts or path.suffix != ".mp4":
            raise InvalidRequest(
                f"the name {name!r} cannot be used",
                field="name",
                hint=f"a relative path that ends in .mp4, with {', '.join(f'{{{one}}}' for one in FIELDS)}",
            )
        if not {"index", "job_id"} & {*fields}:
            raise InvalidRequest(
                f"the name {name!r} is the same for every clip", field="name", hint="put {index} into it"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRequest(f"{folder} cannot be used: {error.strerror}", field="output") from error
        return cls(folder=folder, name=name)

    def save(self, result: BatchResult) -> dict[int, Path]:
        """Save every delivered clip; says where each lies."""
        saved: dict[int, Path] = {}
        for clip in result.clips:
            if clip.video is not None:
                path = self.folder / self.name.format_map(_words(result, clip))
                path.parent.mkdir(parents=True, exist_ok=True)
                saved[clip.index] = clip.video.save(path)
        return saved

    def draw(self, result: BatchResult, saved: Mapping[int, Path]) -> Path | None:
        """One picture of all clips; None, with a word on stderr, where it cannot be drawn."""
        from anyvideo.media.wall import clip_wall

        if not saved:
            return None
        sheet = self.folder / f"{result.id}.sheet.png"
        try:
            clip_wall([*saved.values()], sheet)
        except (AnyVideoError, OSError) as error:
            notes().print(f"no contact sheet: {error}")
            return None
        return sheet


def _words(result: BatchResult, clip: ClipResult) -> dict[str, str]:
    assert clip.video is not None
    said = {
        "batch_id": result.id,
        "index": str(clip.index),
        "job_id": clip.video.job_id,
        "model": clip.video.model,
        "prompt": slug(clip.prompt) or "clip",
    }
    return {name: _UNSAFE.sub("-", word).lstrip(".") for name, word in said.items()}


def batch_document(result: BatchResult, saved: Mapping[int, Path], sheet: Path | None) -> Document:
    """What `batch` answers; `cost` is all settled attempts, `held` what is still set aside, in dollars."""
    status = "failed" if not result.successful else "partial" if result.failed else "succeeded"
    return {
        "batch_id": result.id,
        "status": status,
        "total": result.total,
        "successful": result.successful,
        "failed": result.failed,
        "cost": cost_document(result.cost),
        "held": amount(dollars(result.held_micros)),
        "wall_time": round(result.wall_time, 3),
        "sheet": None if sheet is None else str(sheet),
        "clips": [_clip_document(clip, saved.get(clip.index)) for clip in result.clips],
    }


def _clip_document(clip: ClipResult, path: Path | None) -> Document:
    video, error = clip.video, clip.error
    typed = error if isinstance(error, AnyVideoError) else None
    told = {"type": type(error).__name__, "message": str(error), "field": None, "hint": None}
    return {
        "index": clip.index,
        "prompt": clip.prompt,
        "status": "failed" if video is None else "succeeded",
        "path": None if path is None else str(path),
        "model": None if video is None else video.model,
        "label": None if video is None else video.label,
        "target_duration": clip.target_duration,
        "duration": clip.duration,
        "difference": None if clip.difference is None else round(clip.difference, 3),
        "generation_time": None if clip.generation_time is None else round(clip.generation_time, 3),
        "info": None if video is None else info_document(video.info),
        "cost": cost_document(clip.cost),
        "held": amount(dollars(clip.held_micros)),
        "job_ids": list(clip.job_ids),
        "attempts": [attempt_document(attempt) for attempt in clip.attempts],
        "error": None if error is None else told if typed is None else error_document(typed)["error"],
    }


def show_batch(result: BatchResult, saved: Mapping[int, Path], sheet: Path | None) -> None:
    """The result in words."""
    console = results()
    rows = table("clip", "file or reason", "length", "took", "cost", whole=("clip", "length", "took", "cost"))
    for clip in result.clips:
        what = str(saved[clip.index]) if clip.index in saved else str(clip.error)
        length = "" if clip.duration is None else f"{clip.duration:.3g} s"
        if clip.difference is not None and abs(clip.difference) >= 0.05:
            length += f" ({clip.difference:+.2g})"
        took = "" if clip.generation_time is None else f"{clip.generation_time:.0f} s"
        rows.add_row(str(clip.index), what, length, took, str(clip.cost.amount))
    console.print(rows)
    if sheet is not None:
        console.print(f"sheet  {sheet}", soft_wrap=True)
    held = f", {dollars(result.held_micros)} USD still held" if result.held_micros else ""
    console.print(f"batch  {result.id}: {result.successful} of {result.total} in {result.wall_time:.0f} s")
    console.print(f"cost   {result.cost}{held}")
