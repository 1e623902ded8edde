"""The unfinished file of a download and the note beside it that says what it is a part of."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The byte to continue at, the strong ETag of the version that lies on disk before it, and the size that
    version had when it was begun, where the server said it.

    The last byte on disk is asked for again, so that a part which is already whole gets an answer
    with a body instead of a 416.
    """

    start: int
    etag: str
    total: int | None = None


class PartFile:
    """`<destination>.part` and its note. Every method blocks; none is called twice at a time.

    `resource` is the link's origin and path: a signed link's query is a secret, and changes each time
    the same result is asked for. The note keeps only its digest.
    """

    def __init__(self, destination: Path, resource: str) -> None:
        self._resource = hashlib.sha256(resource.encode()).hexdigest()
        self._destination = destination
        self._path = destination.with_name(destination.name + ".part")
        self._note = destination.with_name(destination.name + ".part.etag")
        self._file: BinaryIO | None = None

    def saved(self) -> Saved | None:
        """What an earlier try left that can be continued."""
        try:
            size = self._path.stat().st_size
            note = json.loads(self._note.read_text(encoding="utf-8"))
            etag, resource, total = str(note["etag"]), note["resource"], note.get("total")
        except (FileNotFoundError, ValueError, LookupError, TypeError):
            return None
        if size <= 1 or resource != self._resource:
            return None
        return Saved(start=size - 1, etag=etag, total=total if isinstance(total, int) else None)

    def open(self, start: int, etag: str | None, total: int | None) -> None:
        """Continue at byte `start`, or begin afresh at 0 and note the version in `etag` and its size."""
        self._destination.parent.mkdir(parents=True, exist_ok=True)
        if start:
            self._file = self._path.open("r+b")
            self._file.truncate(start)
            self._file.seek(0, io.SEEK_END)
            return
        self.discard()
        if etag is not None:
            note = json.dumps({"etag": etag, "resource": self._resource, "total": total})
            self._note.write_text(note, encoding="utf-8")
        self._file = self._path.open("wb")

    def head(self) -> bytes:
        """The first bytes on disk."""
        with self._path.open("rb") as file:
            return file.read(16)

    def write(self, data: bytes) -> None:
        """Append."""
        if self._file is None:
            raise ValueError("the part is not open")
        self._file.write(data)

    def close(self) -> None:
        """Bring what was written to the disk itself."""
        if self._file is not None:
            file, self._file = self._file, None
            with file:
                file.flush()
                os.fsync(file.fileno())

    def finish(self) -> None:
        """Give the file its name, durably."""
        self._path.replace(self._destination)
        self._note.unlink(missing_ok=True)
        _sync_directory(self._destination.parent)

    def discard(self) -> None:
        """Remove the part and its note."""
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    """Make a rename survive a power cut, where the system lets a directory be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
