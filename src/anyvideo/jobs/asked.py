"""What a batch asks for, so that a later run knows it again: also where a picture can be read no more.

A picture counts by its content, so that another one under the same name makes another batch. Whether it can
be opened today must not count: then the name that it was given by stands in. Content that is there but is no
picture counts as another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anyvideo.jobs.fingerprint import request_fingerprint
from anyvideo.jobs.wish import Wish
from anyvideo.media.inputs import ImageSource, local_path
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.job import Job
from anyvideo.types.request import Image, VideoRequest
from anyvideo.types.video import Video

ASKED = "asked"
"""The note in a job's metadata with what its clip asked for."""
ASKED_IN_ALL = "asked_in_all"
"""The note with what all clips of a batch without an id of its own asked for, pictures by their names."""
DERIVED = "batch_"
"""How the id of a batch begins that was given none."""

_NONE, _UNREAD, _REFUSED = "-", "?", "!"
_SOME = Image(url="https://picture.invalid")
_IMAGE, _REFERENCE = "image", "reference_image."


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A picture, by the digests of its content and of its name.

    The content is "?" where it could not be opened, and "!" where it was no picture.
    """

    content: str
    name: str = ""

    @property
    def told(self) -> str:
        """The content's digest, or the name's behind the mark."""
        return self.content + self.name if self.content in (_UNREAD, _REFUSED) else self.content

    def is_like(self, other: Seen) -> bool:
        """The same picture; where one of both could not be opened, by its name."""
        if _UNREAD in (self.content, other.content):
            return self.name == other.name != ""
        return self.told == other.told


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one clip asks for, as digests: its words and numbers, and its pictures by their places."""

    words: str
    pictures: Mapping[str, Seen]

    @classmethod
    def of_note(cls, note: str) -> Asked:
        """What `note` says."""
        words, *rest = note.split()
        places = (part.partition("=") for part in rest)
        seen = {place: told.partition("/") for place, _, told in places}
        return cls(
            words=words,
            pictures={place: Seen(content=content, name=name) for place, (content, _, name) in seen.items()},
        )

    @property
    def note(self) -> str:
        """All of it as text."""
        seen = [f"{place}={one.content}/{one.name}" for place, one in sorted(self.pictures.items())]
        return " ".join([self.words, *seen])

    @property
    def digest(self) -> str:
        """What counts of it for the id of a batch: of a picture that could be read not its name."""
        told = {place: one.told for place, one in self.pictures.items()}
        image = told.pop(_IMAGE, _NONE)
        named = {place.removeprefix(_REFERENCE): one for place, one in told.items()}
        unread = any(one.startswith(_UNREAD) for one in named.values())
        references = (_UNREAD if unread else "") + _digest(named) if named else _NONE
        return f"{self.words}.{image}.{references}"

    @property
    def unread(self) -> bool:
        """Whether a picture of it cannot, or could not, be opened."""
        return any(one.content == _UNREAD for one in self.pictures.values())

    def is_like(self, other: Asked) -> bool:
        """The same clip, as far as anybody can tell without the pictures that cannot be opened."""
        if self.words != other.words or self.pictures.keys() != other.pictures.keys():
            return False
        return all(one.is_like(other.pictures[place]) for place, one in self.pictures.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A clip as a run was told it. `options` is what it is bought with, `named` its pictures by name.

    `unread` says which picture cannot be read where the clip cannot be bought without it.
    """

    wish: Wish
    options: Mapping[str, Any]
    asked: Asked
    named: Mapping[str, str]
    unread: InvalidRequest | None = None


def sources_of(options: Mapping[str, Any]) -> dict[str, ImageSource]:
    """A clip's pictures as they were given, by their places."""
    references = options.get("reference_images") or {}
    given = {_IMAGE: options.get("image"), **{_REFERENCE + name: one for name, one in references.items()}}
    return {place: source for place, source in given.items() if source is not None}


def with_pictures(options: Mapping[str, Any], pictures: Mapping[str, Image]) -> dict[str, Any]:
    """The options with these pictures in their places."""
    merged: dict[str, Any] = dict(options)
    if _IMAGE in pictures:
        merged["image"] = pictures[_IMAGE]
    references = {
        name: pictures.get(_REFERENCE + name, source)
        for name, source in (merged.get("reference_images") or {}).items()
    }
    return {**merged, "reference_images": references} if references else merged


def stand_in(source: ImageSource) -> Image:
    """What stands for a picture that cannot be read. It is never sent."""
    name = _digest(name_of(source) or "")
    return Image(data=b"", sha256=_UNREAD + name, size=0, content_type="image/png")


def named_of(source: ImageSource, image: Image | None) -> str:
    """The name by which a picture was given; of one that has none its content's."""
    return name_of(source) or (_NONE if image is None else _content(image))


def name_of(source: ImageSource) -> str | None:
    """The name by which a picture was given; None for content, which has none."""
    if isinstance(source, Video):
        return f"job {source.job_id}"
    if isinstance(source, str):
        source = local_path(source) or source
    if isinstance(source, str) and ("://" in source or source[:5].lower() == "data:"):
        return source
    if isinstance(source, str | Path):
        try:
            return str(Path(source).absolute())
        except (OSError, ValueError):
            return str(source)
    if not isinstance(source, Image):
        return None
    return name_of(source.path) if source.path is not None and source.data is None else source.url


def asked_of(wish: Wish, named: Mapping[str, str], refused: Collection[str] = ()) -> Asked:
    """What a clip asks for; `named` are its pictures by name, `refused` the places of what is no picture."""
    images = {_REFERENCE + name: one for name, one in wish.references.items()}
    if wish.request.image is not None:
        images[_IMAGE] = wish.request.image
    pictures = {
        place: Seen(
            content=_content(images[place]) if place in images else _REFUSED if place in refused else _UNREAD,
            name=_digest(name),
        )
        for place, name in named.items()
    }
    return Asked(words=_words(wish.request, wish.models), pictures=pictures)


def asked_by(job: Job) -> Asked:
    """What the clip of a recorded job asked for: its note, else what can be told from the job itself."""
    note = job.metadata.get(ASKED)
    if note:
        return Asked.of_note(note)
    pictures = {name: Seen(content=_UNREAD) for name in job.metadata if name.startswith(_REFERENCE)}
    if job.request.image is not None:
        pictures[_IMAGE] = Seen(content=_content(job.request.image))
    return Asked(words=_words(job.request, job.options.models), pictures=pictures)


def derived_id(clips: Mapping[int, Told]) -> str:
    """The id of a batch that was given none: the same clips have the same one."""
    return DERIVED + _digest([[index, told.asked.digest] for index, told in clips.items()])[:12]


def asked_in_all(clips: Mapping[int, Told]) -> str:
    """The digest of all clips, with each picture that has a name by that name."""
    return _digest([[index, told.asked.words, dict(told.named)] for index, told in clips.items()])


def may_have_another_id(clips: Mapping[int, Told]) -> bool:
    """Whether a run that could read other pictures than this one may have begun this batch."""
    return any(
        told.asked.unread or (told.named and told.wish.options.image_fallback == "text")
        for told in clips.values()
    )


def begun_as(clips: Mapping[int, Told], keyed: Mapping[str, Job]) -> str | None:
    """The id under which a run that could read other pictures began this batch; of several the latest.

    `keyed` are the recorded jobs of all batches without an id of their own.
    """
    whole = asked_in_all(clips)
    batches: dict[str, dict[str, Job]] = {}
    for key, job in keyed.items():
        batch_id, _, clip = key.partition("/")
        if job.metadata.get(ASKED_IN_ALL) == whole:
            batches.setdefault(batch_id, {})[clip] = job
    fitting = [batch_id for batch_id, jobs in batches.items() if _continues(clips, jobs)]
    return max(fitting, key=lambda one: max(job.created_at for job in batches[one].values()), default=None)


def _continues(clips: Mapping[int, Told], jobs: Mapping[str, Job]) -> bool:
    recorded = {index: asked_by(jobs[str(index)]) for index in clips if str(index) in jobs}
    unread = any(told.asked.unread for told in clips.values())
    unread = unread or any(asked.unread for asked in recorded.values())
    return unread and all(clips[index].asked.is_like(asked) for index, asked in recorded.items())


def _content(image: Image) -> str:
    told = image.url or image.sha256 or ""
    return _UNREAD if told.startswith(_UNREAD) else _digest(told)


def _words(request: VideoRequest, models: tuple[str, ...]) -> str:
    return _digest(request_fingerprint(replace(request, image=_SOME), models))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
