"""What goes to an opened provider, what comes back, and what it can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from anyvideo.catalog.spec import ModelSpec
from anyvideo.net.wire import Reply
from anyvideo.types.clock import Clock
from anyvideo.types.errors import ProviderError
from anyvideo.types.job import Ref, Update
from anyvideo.types.plan import Fit, InputValue

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing to buy. `media` maps our words (image) to what is sent: an address, a data URI, an upload.

    `deadline` is in seconds: where the vendor can stop a job by itself, it is told to after that long.
    """

    fit: Fit
    spec: ModelSpec
    tag: str
    deadline: float | None = None
    callback_url: str | None = None
    media: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> dict[str, InputValue]:
        """All inputs in the model's own words, pictures included."""
        named = {self.spec.inputs[word]: address for word, address in self.media.items()}
        return {**self.fit.inputs, **named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What came back from a submit. The update may be terminal already."""

    ref: Ref
    update: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A job that the vendor lists: for telling whether a lost submit was taken.

    `inputs` are empty where the vendor no longer tells them: such a job may be any order of its model.
    """

    ref: Ref
    update: Update
    created_at: datetime
    inputs: Mapping[str, object]
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What an opened provider works with, for one client in that client's loop.

    `http` and `transport` put every call on the guarded transport; `outputs` carries no credentials.
    `exchange` awaits an SDK call and returns the answer that the wire saw, whatever the SDK made of it.
    """

    key: SecretStr | None
    base_url: str
    http: httpx.AsyncClient
    transport: httpx.AsyncBaseTransport
    outputs: httpx.AsyncClient
    clock: Clock
    work: Path
    exchange: Callable[[Awaitable[object]], Awaitable[Reply]]


class VideoProvider(Protocol):
    """The live backend that speaks to one vendor."""

    async def submit(self, order: Order) -> Submission:
        """Send one POST that buys."""
        ...

    async def fetch(self, ref: Ref) -> Update:
        """Ask once how the job stands."""
        ...

    async def cancel(self, ref: Ref) -> Update:
        """Ask the vendor to stop; the update says what it answered."""
        ...

    def explain(self, reply: Reply) -> ProviderError:
        """Pure: what this vendor's status and body mean."""
        ...

    async def aclose(self) -> None:
        """Close what was opened."""
        ...


@runtime_checkable
class Uploads(Protocol):
    """The vendor stores inputs for a while, free of charge."""

    async def upload(self, content: bytes, *, content_type: str, filename: str) -> str:
        """Store the content and return the address to put into an order."""
        ...


@runtime_checkable
class Finds(Protocol):
    """The vendor lists recent jobs."""

    async def find(self, since: datetime) -> Sequence[Found]:
        """All jobs created since then, newest first: what is not among them was never taken.

        Raises ServiceError where the list could not be read to its end, or tells less than that.
        """
        ...


@runtime_checkable
class Describes(Protocol):
    """The vendor tells a model's newest version, free of charge."""

    async def latest_version(self, slug: str) -> str:
        """The version id. Raises ModelUnavailable when there is none."""
        ...
