"""The provider door: everything that the author of a plugin imports.

A plugin is facts plus thin translation. It never sleeps, retries, polls, reads the environment or touches money.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import pluggy

from anyvideo.catalog.load import read_catalog
from anyvideo.catalog.spec import Catalog, ModelSpec
from anyvideo.net.explain import (
    addresses_in,
    explain_status,
    job_id_in,
    json_object,
    number_in,
    text_in,
    time_in,
)
from anyvideo.net.wire import NoReply, RefusedByVendor, Reply
from anyvideo.types.clock import Clock
from anyvideo.types.errors import (
    AuthenticationFailed,
    BadRequest,
    DownloadFailed,
    Forbidden,
    GenerationFailed,
    InputModerated,
    ModelUnavailable,
    NoCredit,
    NotAccepted,
    OutputModerated,
    OverCapacity,
    ProviderError,
    RateLimited,
    ResultGone,
    ServiceError,
)
from anyvideo.types.job import Failure, Output, Ref, Update, UsageValue
from anyvideo.types.money import Cost, CostBasis, cost_micros
from anyvideo.types.plan import Fit, InputValue
from anyvideo.types.request import Task
from anyvideo.types.states import JobStatus

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr

hookimpl = pluggy.HookimplMarker("anyvideo")

RecoveryKind = Literal["listing", "tag", "client_id", "replay", "nothing", "in_process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How a lost submit can be found again, and how long results live. Seconds.

    `listing`: recent jobs can be listed and echo their inputs; `tag`: the list echoes a tag of ours;
    `nothing`: nobody can tell; `in_process`: nothing is bought, sending again is free.
    """

    kind: RecoveryKind
    result_ttl: float | None = None
    list_lag: float = 30.0
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRules:
    """How pictures reach the vendor. Sizes in bytes; None: not possible.

    `data_uri_bytes` bounds the encoded data URI, `upload_bytes` the file given to `Uploads`.
    """

    data_uri_bytes: int | None = None
    upload_bytes: int | None = None
    content_types: frozenset[str] = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer for which the vendor documents that nothing was started. `body` is a regular expression."""

    status: int
    source: str
    body: str | None = None


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
    """A job that the vendor lists: for telling whether a lost submit was taken."""

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
        """Jobs created since then, newest first."""
        ...


@runtime_checkable
class Describes(Protocol):
    """The vendor tells a model's newest version, free of charge."""

    async def latest_version(self, slug: str) -> str:
        """The version id. Raises ModelUnavailable when there is none."""
        ...


Cancels = Literal["stops", "may_delete_output", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin:
    """What a plugin registers: plain facts, no connection.

    `statuses` maps the vendor's words to ours; a word that is not in it counts as running.
    `vendor_deadline` says that `Order.deadline` is enforced by the vendor. `stand_in` marks a provider whose
    output is no model's: it is used only when nothing else is ready, and labelled with `label`.
    """

    name: str
    vendor: str
    catalog: Catalog
    recovery: Recovery
    open: Callable[[ProviderContext], VideoProvider]
    statuses: Mapping[str, JobStatus]
    refusals: Sequence[Refusal] = ()
    media: MediaRules = MediaRules()
    key_variables: tuple[str, ...] = ()
    base_url_variable: str | None = None
    default_base_url: str | None = None
    model_variable: str | None = None
    cancels: Cancels = "none"
    vendor_deadline: bool = False
    simulator: str | None = None
    stand_in: bool = False
    label: str | None = None

    @property
    def needs_key(self) -> bool:
        """Whether it works only with a key."""
        return bool(self.key_variables)


__all__ = [
    "AuthenticationFailed",
    "BadRequest",
    "Cancels",
    "Catalog",
    "Charged",
    "Clock",
    "Cost",
    "CostBasis",
    "Describes",
    "DownloadFailed",
    "Failure",
    "Finds",
    "Fit",
    "Forbidden",
    "Found",
    "GenerationFailed",
    "InputModerated",
    "InputValue",
    "JobStatus",
    "MediaRules",
    "MissingExtra",
    "ModelSpec",
    "ModelUnavailable",
    "NoCredit",
    "NoReply",
    "NotAccepted",
    "Order",
    "Output",
    "OutputModerated",
    "OverCapacity",
    "ProviderContext",
    "ProviderError",
    "ProviderPlugin",
    "RateLimited",
    "Recovery",
    "RecoveryKind",
    "Ref",
    "Refusal",
    "RefusedByVendor",
    "Reply",
    "ResultGone",
    "ServiceError",
    "Submission",
    "Task",
    "Update",
    "Uploads",
    "UsageValue",
    "VideoProvider",
    "addresses_in",
    "cost_micros",
    "explain_status",
    "hookimpl",
    "job_id_in",
    "json_object",
    "number_in",
    "read_catalog",
    "text_in",
    "time_in",
]
