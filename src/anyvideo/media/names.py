"""File names are ours: a template filled in with tame words, always below one folder, never over a file."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import string
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from anyvideo.types.errors import InvalidRequest, MediaError

FIELDS = frozenset({"job_id", "batch_id", "index", "prompt", "attempt", "provider", "model", "day"})
MAX_TEMPLATE = 300
_MOST_WORD = 80
_MOST_SLUG = 48
_MOST_SIBLINGS = 1000
_TAME = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_HINT = f"use words in braces, like {{job_id}}/clip_{{index}}.mp4: {', '.join(sorted(FIELDS))}"


def check_template(template: str) -> str:
    """The template, if it can only name files below its folder. Raises InvalidRequest (field `output`)."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise _wrong(f"the output template is not understood: {error}") from None
    if len(template) > MAX_TEMPLATE or not all(letter.isprintable() for letter in template):
        raise _wrong("the output template is too long, or holds control characters")
    for _, field, spec, conversion in parts:
        if field is not None and (field not in FIELDS or spec or conversion):
            raise _wrong(f"the output template does not know {{{field}}}")
    steps = template.split("/")
    if any(step.strip(". ") == "" for step in steps) or "\\" in template or ":" in template:
        raise _wrong("the output template must be a relative path with '/' and without '..'")
    if not template.lower().endswith(".mp4"):
        raise _wrong("the output template must end in .mp4")
    return template


def tame(word: str) -> str:
    """One word that is safe in a file name everywhere: letters, digits, '.', '_' and '-', never hidden."""
    tamed = _TAME.sub("-", word).strip(".-")[:_MOST_WORD].rstrip(".-")
    return f"_{tamed}" if not tamed or _RESERVED.fullmatch(tamed) else tamed


def slug(prompt: str | None) -> str:
    """The first words of a prompt as a file name; empty where it has no Latin letters or digits."""
    words = re.findall(r"[a-z0-9]+", (prompt or "").lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_MOST_SLUG]
        if len(longer) > _MOST_SLUG:
            break
        name = longer
    return name


def named(template: str, words: Mapping[str, str]) -> PurePosixPath:
    """The relative path, or the key in a bucket, that a template makes of these words.

    Raises InvalidRequest for a bad template.
    """
    tamed = {name: tame(words.get(name, "")) for name in FIELDS}
    return PurePosixPath(check_template(template).format_map(tamed))


def place(source: Path, folder: Path, template: str, words: Mapping[str, str]) -> Path:
    """Put the file under its name below `folder`, as a link where that can be, and return that path.

    A name that is taken by another file gets a number; one that holds this very file already is kept, so
    that a second call changes nothing. Raises MediaError where the way leads out of the folder through a
    symbolic link, `OSError` where it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / named(template, words)
    _stay_inside(folder, target.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    _stay_inside(folder, target.parent)
    for candidate in _siblings(target):
        if _taken_by(candidate, source) or _put(source, candidate):
            return candidate
    raise MediaError(f"{target.name} and {_MOST_SIBLINGS} names after it are taken")


def _stay_inside(folder: Path, parent: Path) -> None:
    try:
        inside = parent.resolve().is_relative_to(folder.resolve())
    except RuntimeError:  # what a loop of symbolic links is before Python 3.13
        raise MediaError(f"{parent} leads nowhere") from None
    if not inside:
        raise MediaError(f"{parent.name} leads out of the output folder")


def _siblings(target: Path) -> Iterator[Path]:
    yield target
    for number in range(2, _MOST_SIBLINGS + 2):
        yield target.with_name(f"{target.stem}-{number}{target.suffix}")


def _taken_by(candidate: Path, source: Path) -> bool:
    """Whether the name holds this very file already."""
    if candidate.is_symlink() or not candidate.is_file():
        return False
    return candidate.samefile(source) or filecmp.cmp(candidate, source, shallow=False)


def _put(source: Path, candidate: Path) -> bool:
    """Whether the name was free and is now the file's, whole."""
    try:
        os.link(source, candidate)
    except FileExistsError:
        return False
    except OSError:
        return _copied(source, candidate)
    return True


def _copied(source: Path, candidate: Path) -> bool:
    """Another file system: copy beside the name, then link that, so that the name is never half a file."""
    part = candidate.with_name(f".{candidate.name}.{os.getpid()}.part")
    try:
        with source.open("rb") as whole, part.open("xb") as copy:
            shutil.copyfileobj(whole, copy)
            copy.flush()
            os.fsync(copy.fileno())
        os.link(part, candidate)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, field="output", hint=_HINT)
