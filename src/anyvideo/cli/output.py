"""Where a clip is saved: checked before anything is bought, and never over somebody's file by surprise."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from anyvideo.cli.console import emit, notes, results, table
from anyvideo.cli.documents import video_document
from anyvideo.cli.errors import NotSaved
from anyvideo.cli.held import held_words
from anyvideo.cli.timeline import why
from anyvideo.media.names import check_template, place, slug
from anyvideo.types.errors import AnyVideoError, InvalidRequest, MediaError

if TYPE_CHECKING:
    from anyvideo.types.job import Attempt, Job
    from anyvideo.types.video import Video

_TRIAL = b"\0" * 65536
"""What is written to see whether a folder takes a file: a full disk may still take an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked place: `path` where the caller named one, else what `template` says, else a free name.

    Both are below `folder`. `replaces`: `path` was a file when the command began.
    """

    folder: Path
    path: Path | None = None
    replaces: bool = False
    template: str | None = None

    @classmethod
    def of(cls, output: Path | None, folder: Path | None = None, *, template: str | None = None) -> Self:
        """Raises InvalidRequest (field `output`) for a folder, for a name that is no MP4's, and where nothing
        can be written: a trial file is, and is removed again.

        An output with words in braces is a template, below what stands before the first of them.
        """
        try:
            return cls._tried(output, folder, template)
        except OSError as error:
            raise InvalidRequest(
                f"output: nothing can be written in {_folder_of(output, folder)}: {error.strerror}",
                field="output",
                hint="name another place with -o",
            ) from error

    @classmethod
    def _tried(cls, output: Path | None, folder: Path | None, template: str | None) -> Self:
        if output is not None and ("{" in str(output) or "}" in str(output)):
            folder, template = _split(output)
            output = None
        if output is None and template is not None:
            return cls(folder=_usable(folder or Path()), template=check_template(template))
        folder = _folder_of(output, folder)
        if output is not None and output.is_dir():
            raise InvalidRequest(
                f"output {output} is a folder",
                field="output",
                hint=f"name a file in it, like {output / 'clip.mp4'}",
            )
        if output is not None and output.suffix.lower() != ".mp4":
            raise InvalidRequest(
                f"output {output} does not end in .mp4, and the clip is an MP4",
                field="output",
                hint=f"name it {output.with_suffix('.mp4')}" if output.name else None,
            )
        if not folder.is_dir():
            raise InvalidRequest(
                f"output is to be in {folder}, which is no folder", field="output", hint=f"mkdir -p {folder}"
            )
        usable = _usable(folder, "anyvideo" if output is None else output.name)
        return cls(folder=usable, path=output, replaces=output is not None and os.path.lexists(output))

    @property
    def recorded(self) -> str | None:
        """The template to record with a job, so that whoever delivers it places it here: a free name is its
        own. None where there is none, and where a file is to be replaced: that is for who said so to do.
        """
        if self.path is None or self.replaces:
            return self.template
        try:
            return check_template(self.path.name)
        except InvalidRequest:
            return None

    def _named(self, video: Video, job: Job) -> Path:
        if self.path is None:
            return _free(self.folder / f"{slug(job.request.prompt) or job.id}.mp4")
        if self.replaces:
            return self.path
        try:
            return place(video.path, self.folder, self.path.name, {})
        except (OSError, InvalidRequest, MediaError):  # saving says what is wrong, or the name is no template
            return _free(self.path) if os.path.lexists(self.path) else self.path

    def save(self, video: Video, job: Job) -> Path:
        """The clip's file under its name; one that has it already is left as it is, and one that came to it
        since the command began keeps it: the clip gets the next.

        Raises InvalidRequest where it cannot be written.
        """
        if self.template is None:
            path = self._named(video, job)
            try:
                return video.save(path)
            except InvalidRequest:
                if not _same(path, video.path):
                    raise
                return path
        from anyvideo.jobs.deliver import words_of

        try:
            return place(video.path, self.folder, self.template, words_of(job))
        except (OSError, MediaError) as error:
            raise InvalidRequest(f"cannot write below {self.folder}: {error}", field="output") from error


def _folder_of(output: Path | None, folder: Path | None) -> Path:
    return (folder or Path()) if output is None else output.parent


def _split(output: Path) -> tuple[Path, str]:
    """The folder before the first step with a brace, and the template from there."""
    steps = output.parts
    first = next(place for place, step in enumerate(steps) if "{" in step or "}" in step)
    return Path(*steps[:first]), "/".join(steps[first:])


def _usable(folder: Path, name: str = "anyvideo") -> Path:
    """A folder that is there, or can be made, and takes a file of that name. Raises OSError."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    with tempfile.NamedTemporaryFile(dir=there, prefix=f".{name}.", suffix=".part") as trial:
        trial.write(_TRIAL)
        trial.flush()
        os.fsync(trial.fileno())
    return folder


def _same(path: Path, other: Path) -> bool:
    """Whether both are there and one file."""
    with suppress(OSError):
        return path.samefile(other)
    return False


def _free(path: Path) -> Path:
    free, number = path, 1
    while os.path.lexists(free) or sheet_path(free).exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def sheet_path(path: Path) -> Path:
    """The contact sheet beside a clip."""
    return path.with_name(f"{path.stem}.sheet.png")


def saved(video: Video, target: Target, *, job: Job, lasting: bool) -> Path:
    """Where the clip lies now. Raises NotSaved: it is paid and kept, in the store where that is `lasting`,
    else in the folder for temporary files.

    To be called while the client is open: a memory store's files go with it.
    """
    path = target.path
    replaced = target.replaces and path is not None and path.exists() and not _same(path, video.path)
    try:
        path = target.save(video, job)
    except (InvalidRequest, MediaError) as error:
        again = f"the clip is paid and kept: anyvideo resume {video.job_id} -o OTHER.mp4"
        if not lasting:
            spare = _free(Path(tempfile.gettempdir(), f"{job.id}.mp4"))
            again = f"the clip is paid and kept in {video.save(spare)}"
        raise NotSaved(error.message, job_id=video.job_id, hint=again) from error
    if replaced:
        notes().print(f"replaced {path}")
    return path


def deliver(video: Video, path: Path, *, as_json: bool) -> None:
    """Draw the saved clip's contact sheet and say so."""
    sheet = draw_sheet(path)
    if as_json:
        emit(video_document(video, path=path, sheet=sheet))
    else:
        show(video, path=path, sheet=sheet)


def draw_sheet(path: Path) -> Path | None:
    """The sheet that was drawn; None, with a word on stderr, where it could not be, also for Ctrl-C: the clip
    is there.
    """
    from anyvideo.media import contact_sheet

    sheet = sheet_path(path)
    try:
        contact_sheet(path, sheet)
    except (AnyVideoError, OSError, KeyboardInterrupt) as error:
        notes().print(f"no contact sheet: {str(error) or 'interrupted'}")
        return None
    return sheet


def show(video: Video, *, path: Path, sheet: Path | None) -> None:
    """The result in words."""
    info = video.info
    sound = "with sound" if info.audio else "no sound"
    console = results()
    console.print(f"saved  {path}", soft_wrap=True)
    if sheet is not None:
        console.print(f"sheet  {sheet}", soft_wrap=True)
    console.print(
        f"clip   {info.duration:.3g} s, {info.width}x{info.height}, {info.fps:.4g} fps, {info.codec},"
        f" {sound}, {_size(info.bytes)}"
    )
    console.print(f"model  {video.model}" + (f": {video.label}" if video.label else ""))
    console.print(f"cost   {video.cost}")
    for words in held_words(video.job_id, video.attempts):
        console.print(f"held   {words}", soft_wrap=True)
    for change in video.adjustments:
        console.print(f"change {change}")
    for difference in video.mismatches:
        console.print(f"differs {difference}")
    if len(video.attempts) > 1:
        show_attempts(video.attempts)


def show_attempts(attempts: tuple[Attempt, ...]) -> None:
    """A row for each model that was tried, and a line for why it failed."""
    rows = table("#", "model", "state", "cost", whole=("#", "model", "state", "cost"))
    for attempt in attempts:
        cost = str(attempt.cost) if attempt.cost else f"charged: {attempt.charged}"
        rows.add_row(str(attempt.number), attempt.model, str(attempt.state), cost)
    console = results()
    console.print(rows)
    for attempt in attempts:
        if attempt.failure is not None:
            console.print(f"{attempt.number}   {why(attempt.failure)}", soft_wrap=True)


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{count / 1_000:.0f} kB"
