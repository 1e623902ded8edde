"""Where a batch's clips are saved, and what is said about them: words, JSON, one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from anyvideo.cli.console import notes, results, table
from anyvideo.cli.documents import (
    Document,
    adjustment_document,
    amount,
    attempt_document,
    cost_document,
    error_document,
    info_document,
    mismatch_document,
)
from anyvideo.cli.errors import NotSaved
from anyvideo.media.names import check_template, place
from anyvideo.types.errors import AnyVideoError, InvalidRequest
from anyvideo.types.money import dollars

if TYPE_CHECKING:
    from anyvideo.types.batch import BatchResult, ClipResult
    from anyvideo.types.job import Job
    from anyvideo.types.video import Video

USUAL_NAME = "clip_{index}.mp4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A folder for a batch's clips and the template of their names, checked before anything is bought.

    `own` are the templates of clips that have one of their own.
    """

    folder: Path
    name: str
    own: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, name: str, *, said_by: str = "name", own: Mapping[int, str]) -> Self:
        """Raises InvalidRequest (field `output`, or `said_by` for the template)."""
        try:
            check_template(name)
        except InvalidRequest as error:
            raise InvalidRequest(error.message, field=said_by, hint=error.hint) from error
        if "{index}" not in name and "{job_id}" not in name:
            raise InvalidRequest(
                f"the name {name!r} is the same for every clip", field=said_by, hint="put {index} into it"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidRequest(f"{folder} cannot be used: {error.strerror}", field="output") from error
        return cls(folder=folder, name=name, own=own)

    def save(
        self, result: BatchResult, load: Callable[[str], Job]
    ) -> tuple[dict[int, Path], NotSaved | None]:
        """Where each delivered clip lies: below the folder already, or now under its name.

        `load` gives a job by its id. Clips that cannot be saved stay in the store: stderr says where and why
        of each, and the error is about all of them.
        """
        saved: dict[int, Path] = {}
        kept: list[int] = []
        for clip in result.clips:
            if clip.video is not None:
                name = self.own.get(clip.index, self.name)
                try:
                    saved[clip.index] = self._saved(clip.video, load(clip.video.job_id), name)
                except (OSError, AnyVideoError) as error:
                    saved[clip.index] = clip.video.path
                    kept.append(clip.index)
                    notes().print(f"clip {clip.index} stays at {clip.video.path}: {error}")
        return saved, self._not_saved(kept) if kept else None

    def _not_saved(self, kept: list[int]) -> NotSaved:
        return NotSaved(
            f"clips that are paid and kept and could not be written below {self.folder}:"
            f" {', '.join(map(str, kept))}",
            job_id="",
            hint="make room there, or name another folder with -o; then the same command with --resume",
        )

    def _saved(self, video: Video, job: Job, name: str) -> Path:
        """A run that goes to the same folder keeps the names of earlier ones, and those of single clips."""
        from anyvideo.jobs.deliver import words_of

        folder = self.folder.absolute()
        if job.options.output_folder == folder and video.path.is_relative_to(folder) and video.path.exists():
            return self.folder / video.path.relative_to(folder)
        return place(video.path, self.folder, name, words_of(job))

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
        "difference": None if clip.difference is None else round(clip.difference, 3) + 0.0,
        "generation_time": None if clip.generation_time is None else round(clip.generation_time, 3),
        "info": None if video is None else info_document(video.info),
        "cost": cost_document(clip.cost),
        "held": amount(dollars(clip.held_micros)),
        "job_ids": list(clip.job_ids),
        "reused": clip.reused,
        "attempts": [attempt_document(attempt) for attempt in clip.attempts],
        "adjustments": [adjustment_document(change) for change in clip.adjustments],
        "mismatches": [] if video is None else [mismatch_document(one) for one in video.mismatches],
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
        rows.add_row(str(clip.index), what, length, took, clip.cost.figure)
    console.print(rows)
    for words, indices in _remarks(result).items():
        where = "" if len(indices) == result.total else f" (clips {', '.join(map(str, indices))})"
        console.print(f"{words}{where}", soft_wrap=True)
    if sheet is not None:
        console.print(f"sheet  {sheet}", soft_wrap=True)
    held = f", {dollars(result.held_micros)} USD still held" if result.held_micros else ""
    console.print(f"batch  {result.id}: {result.successful} of {result.total} in {result.wall_time:.0f} s")
    console.print(f"cost   {result.cost}{held}")


def _remarks(result: BatchResult) -> dict[str, list[int]]:
    """Each distinct adjustment and mismatch in words, with the clips that it is about."""
    remarks: dict[str, list[int]] = {}
    for clip in result.clips:
        if clip.reused is not None:
            remarks.setdefault(f"reused job {clip.reused}: its cost counts where it was bought", []).append(
                clip.index
            )
        changes = [f"change {change}" for change in clip.adjustments]
        differences = [f"differs {one}" for one in (clip.video.mismatches if clip.video else ())]
        for words in dict.fromkeys(changes + differences):
            remarks.setdefault(words, []).append(clip.index)
    return remarks
