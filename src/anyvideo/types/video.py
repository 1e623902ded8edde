"""The result."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from anyvideo.types.errors import InvalidRequest, MediaError
from anyvideo.types.job import Attempt, MediaInfo, Mismatch
from anyvideo.types.money import Cost
from anyvideo.types.plan import Adjustment


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A finished clip: the checked file, measured facts, the cost, and the attempts that led to it.

    `cost` is all attempts together; `mismatches` name what was measured otherwise than ordered. `label` is
    set where the clip is no model's output.
    """

    job_id: str
    path: Path
    info: MediaInfo
    model: str
    cost: Cost
    attempts: tuple[Attempt, ...]
    adjustments: tuple[Adjustment, ...]
    label: str | None = None
    mismatches: tuple[Mismatch, ...] = ()

    @property
    def provider(self) -> str:
        """Who made it."""
        return self.model.partition("/")[0]

    @property
    def duration(self) -> float:
        """Measured length in seconds."""
        return self.info.duration

    def save(self, destination: str | Path) -> Path:
        """Copy the file to `destination`, whole or not at all, and return that path.

        Raises InvalidRequest when it is a folder or cannot be written, MediaError when the clip's own file is
        gone, as it is once the client of a memory store is closed.
        """
        target = Path(destination)
        if not self.path.exists():
            raise MediaError(
                f"the clip's own file {self.path} is gone: deleted, or with a closed client's memory store",
                hint="save it while that client is open, or give the client a store that lasts",
            )
        if target.is_dir():
            raise InvalidRequest(
                f"{target} is a folder", field="output", hint="name a file in it, like clip.mp4"
            )
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self.path.open("rb") as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(target)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise InvalidRequest(f"cannot write {target}: {error.strerror}", field="output") from error
        return target
