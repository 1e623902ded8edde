"""A purchase and its attempts, as they are stored and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from anyvideo.types.budget import Budget
from anyvideo.types.errors import PROVIDER_ERRORS, Charged, DownloadFailed, ProviderError, Stage
from anyvideo.types.money import Cost, Quote, total
from anyvideo.types.plan import Adjustment, Fit, Plan
from anyvideo.types.request import VideoRequest
from anyvideo.types.states import AttemptState, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose money: provider, API origin and a truncated hash of the key."""

    provider: str
    origin: str
    key_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """The handle kept for fetch and cancel: the vendor's job id, its model word, and what else it needs."""

    job_id: str
    model: str
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result at the vendor. `url` may be a signed secret: it is never shown or logged.

    `path` stands in for `url` where the file was made on this machine.
    """

    url: str | None = field(default=None, repr=False)
    path: Path | None = None
    expires_at: datetime | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A ProviderError as data. `kind` is its class name."""

    kind: str
    message: str
    code: str | None = None
    status: int | None = None
    stage: Stage | None = None
    charged: Charged | None = None
    retry_after: float | None = None
    transient: bool = False
    hint: str | None = None

    def error(self, *, provider: str, model: str) -> ProviderError:
        """The typed error again."""
        return PROVIDER_ERRORS[self.kind](
            self.message,
            provider=provider,
            model=model,
            stage=self.stage,
            code=self.code,
            status=self.status,
            charged=self.charged,
            retry_after=self.retry_after,
            transient=self.transient,
            hint=self.hint,
        )

    @classmethod
    def of(cls, error: ProviderError) -> Failure:
        """What is kept of an error."""
        kind = next(name for name, known in PROVIDER_ERRORS.items() if type(error) is known)
        return cls(
            kind=kind,
            message=error.message,
            code=error.code,
            status=error.status,
            stage=error.stage,
            charged=error.charged,
            retry_after=error.retry_after,
            transient=error.transient or (isinstance(error, DownloadFailed) and error.retryable),
            hint=error.hint,
        )


UsageValue = int | float | str | bool
"""One measured thing that a vendor reports, such as seconds of compute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one reply of a provider says about a job.

    `native` is the vendor's status word, `progress` runs from 0 to 1, `queue` counts jobs ahead,
    `gone` means that the vendor no longer knows the job. `known_word` is False for a status word that
    the plugin's table does not have: the job then counts as running.
    """

    status: JobStatus
    native: str
    progress: float | None = None
    queue: int | None = None
    outputs: tuple[Output, ...] = ()
    usage: Mapping[str, UsageValue] = field(default_factory=dict)
    reported_cost: Cost | None = None
    failure: Failure | None = None
    gone: bool = False
    known_word: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One line of an attempt's history: which write, and when (UTC)."""

    name: str
    at: datetime


Canceling = Literal["caller", "patience"]
"""Who has an attempt canceled: the caller, from when the cancel is begun, or its used-up patience."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one candidate. Times are UTC; `hold_micros` is what is set aside now.

    `tag` is our own random mark for this try, which the vendor was told where it is `tagged`; `body_hash` the
    SHA-256 of the exact bytes that were sent.
    """

    id: str
    number: int
    model: str
    vendor: str
    account: Account | None
    fit: Fit
    quote: Quote
    state: AttemptState
    tag: str
    created_at: datetime
    hold_micros: int = 0
    patience: float | None = None
    sends: int = 0
    due_at: datetime | None = None
    body_hash: str | None = None
    tagged: bool = False
    sent_at: datetime | None = None
    accepted_at: datetime | None = None
    finished_at: datetime | None = None
    ref: Ref | None = None
    native: str | None = None
    progress: float | None = None
    queue: int | None = None
    polls: int = 0
    trouble: int = 0
    outputs: tuple[Output, ...] = ()
    usage: Mapping[str, UsageValue] = field(default_factory=dict)
    reported_cost: Cost | None = None
    cost: Cost | None = None
    failure: Failure | None = None
    canceling: Canceling | None = None
    cancel_sent: bool = False
    gone_since: datetime | None = None
    writes: tuple[Write, ...] = ()

    @property
    def provider(self) -> str:
        """The provider's name, the part of the model id before the slash."""
        return self.model.partition("/")[0]

    @property
    def charged(self) -> Charged:
        """Whether money went for this attempt."""
        if self.cost is not None and not self.cost.whole:
            return (self.failure and self.failure.charged) or "unknown"
        if self.cost is not None:
            return "yes" if self.cost.micros else "no"
        if self.state in (AttemptState.CREATED, AttemptState.HELD, AttemptState.REJECTED):
            return "no"
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """Measured facts of a video file. `duration` in seconds, `fps` in frames per second, `width` and `height`
    in pixels as shown, `codec` by its common name (h264, hevc, av1 …), `bytes` the file's size, `sha256` in
    lower-case hex, `faststart` true when playback can begin before the whole file is there, `frames` how many
    there are, `bit_rate` the whole file's bits per second. `decoded` says that every frame was decoded.
    """

    duration: float
    fps: float
    width: int
    height: int
    codec: str
    audio: bool
    bytes: int
    sha256: str
    faststart: bool
    frames: int = 0
    bit_rate: int = 0
    decoded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that was measured otherwise than ordered, beyond tolerance; both in words."""

    field: str
    ordered: str
    measured: str

    def __str__(self) -> str:
        return f"{self.field}: ordered {self.ordered}, measured {self.measured}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The finished file and what was measured of it. `label` is set where it is no model's output."""

    path: Path
    info: MediaInfo
    label: str | None = None
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """How a job is to be driven. Money in micro-dollars, times in seconds.

    `max_duplicate_micros` bounds what "resubmit" may pay twice. `models` are the ones that the caller named.
    """

    max_cost_micros: int | None = None
    attempt_timeout: float | None = None
    poll_interval: float | None = None
    allow_unpriced: bool = False
    on_unknown: Literal["hold", "resubmit"] = "hold"
    max_duplicate_micros: int | None = None
    budgets: tuple[Budget, ...] = ()
    models: tuple[str, ...] = ()
    image_transfer: Literal["auto", "upload", "url"] = "auto"
    image_fallback: Literal["error", "text"] = "error"
    output: str | None = None
    output_folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The caller's purchase: a snapshot. Client methods take it or its id."""

    id: str
    request: VideoRequest
    plan: Plan
    options: JobOptions
    created_at: datetime
    status: JobStatus = JobStatus.QUEUED
    attempts: tuple[Attempt, ...] = ()
    artifact: Artifact | None = None
    failure: Failure | None = None
    cancel_requested: bool = False
    deadline: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: int = 0

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.status in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED)

    @property
    def cost(self) -> Cost | None:
        """All attempts together; None while an outcome is not settled."""
        costs = [attempt.cost for attempt in self.attempts if attempt.cost is not None]
        if not self.finished:
            return None
        return total(costs)

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """What the latest attempt's model does otherwise than asked."""
        return self.attempt.fit.adjustments if self.attempt else ()
