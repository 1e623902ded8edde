"""vcrpy's cassette with our rules: what is recorded, in which order it plays, what is missing in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from vcr.cassette import Cassette, CassetteContextDecorator
from vcr.persisters.filesystem import FilesystemPersister
from vcr.record_mode import RecordMode
from vcr.request import Request

from anyvideo.testing.cassettes.form import Serializer, kept_request, kept_response, path_of, same
from anyvideo.testing.cassettes.mask import Masker

Source = Literal["simulator", "live"]
READS: Final = frozenset({"GET", "HEAD"})


class CassetteMiss(BaseException):
    """A request that the cassette does not have. No library's retry may catch it."""


class Persister(FilesystemPersister):  # type: ignore[misc]
    """Files in UTF-8, whatever the machine prefers."""

    @classmethod
    def load_cassette(cls, cassette_path: Any, serializer: Any) -> Any:
        from vcr.persisters.filesystem import CassetteNotFoundError
        from vcr.serialize import deserialize

        path = Path(cassette_path)
        if not path.is_file():
            raise CassetteNotFoundError
        return deserialize(path.read_text(encoding="utf-8"), serializer)

    @staticmethod
    def save_cassette(cassette_path: Any, cassette_dict: Any, serializer: Any) -> None:
        from vcr.serialize import serialize

        path = Path(cassette_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(serialize(cassette_dict, serializer), encoding="utf-8", newline="\n")


class Tape(Cassette):  # type: ignore[misc]
    """Writes play once and in order. Reads play in order; the last answer is given again when polls go on.

    A read never overtakes a write to the same job that was recorded before its answer.
    """

    misses: list[str]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.misses = []
        self.discarded = False
        self._loading = False

    def _load(self) -> None:
        self._loading = True
        try:
            super()._load()
        finally:
            self._loading = False

    def append(self, request: Request, response: dict[str, Any]) -> None:
        """Keep an exchange: as it is when it is loaded, cleaned when it is recorded."""
        if self._loading:
            self.data.append((request, response))
        elif not self.replaying and not self._is_same_poll(request, response):
            super().append(request, response)

    @property
    def replaying(self) -> bool:
        """Whether answers come from the file."""
        return bool(self.record_mode is RecordMode.NONE)

    def can_play_response_for(self, request: Request) -> bool:
        """Whether there is an answer. Raises CassetteMiss where there must be one."""
        if not self.replaying:
            return False
        if self._next(self._before_record_request(request)) is None:
            miss = f"{request.method} {request.path}"
            self.misses.append(miss)
            raise CassetteMiss(miss)
        return True

    def play_response(self, request: Request) -> dict[str, Any]:
        """The next answer to this request."""
        index = self._next(self._before_record_request(request))
        assert index is not None, "asked for before"
        self.play_counts[index] += 1
        answer: dict[str, Any] = self.data[index][1]
        return answer

    def unplayed(self) -> list[str]:
        """What was recorded and not asked for."""
        return [
            f"{request.method} {request.path}"
            for index, (request, _) in enumerate(self.data)
            if not self.play_counts[index]
        ]

    def _save(self, force: bool = False) -> None:
        if not self.discarded:
            super()._save(force=force)

    def _next(self, request: Request) -> int | None:
        matching = [index for index, (stored, _) in enumerate(self.data) if same(request, stored)]
        fresh = next((index for index in matching if not self.play_counts[index]), None)
        if request.method not in READS:
            return fresh
        if fresh is not None and not self._write_before(fresh, path_of(request)):
            return fresh
        return next((index for index in reversed(matching) if self.play_counts[index]), None)

    def _write_before(self, index: int, path: str) -> bool:
        """Whether a write to what lies at this path was recorded before, and has not been made yet."""
        return any(
            stored.method not in READS and path_of(stored).startswith(path) and not self.play_counts[earlier]
            for earlier, (stored, _) in enumerate(self.data[:index])
        )

    def _is_same_poll(self, request: Request, response: dict[str, Any]) -> bool:
        """Whether this read was answered just like the last one: such polls are kept once."""
        clean = self._before_record_request(request)
        if clean.method not in READS:
            return False
        path = path_of(clean)
        for stored, answer in reversed(self.data):
            if same(clean, stored):
                return bool(answer == self._before_record_response(response))
            if stored.method not in READS and path_of(stored).startswith(path):
                return False
        return False


@contextmanager
def open_cassette(
    path: Path,
    *,
    source: Source | None,
    secrets: Iterable[str] = (),
    moves: Iterable[tuple[str, str]] = (),
) -> Iterator[Tape]:
    """Replay the file, or record it anew from `source`. It is written when the block ends.

    `secrets` are known values that must not be recorded, `moves` pairs of address prefixes.
    """
    masker = Masker(secrets, moves=moves)
    if source is not None:
        path.unlink(missing_ok=True)
    arguments = {
        "path": str(path),
        "persister": Persister,
        "serializer": Serializer(masker, source or "simulator"),
        "record_mode": RecordMode.NONE if source is None else RecordMode.ONCE,
        "before_record_request": lambda request: kept_request(request, masker),
        "before_record_response": lambda response: kept_response(response, masker),
    }
    with CassetteContextDecorator.from_args(Tape, **arguments) as playing:
        yield playing
