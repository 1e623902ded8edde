"""Every error that anyvideo raises.

AnyVideoError
├── UsageError                 yours: nothing was sent, change the call or the settings
│   ├── InvalidRequest         a field of the request is wrong; names it
│   │   ├── UnknownModel       no installed provider declares that model, alias or route
│   │   └── IdempotencyConflict  the key belongs to a job that asked for something else
│   ├── NoModelFits            every model of the route was turned down; carries the plan
│   ├── BudgetExceeded         the next attempt would pass a cap
│   ├── JobNotFound            the store has no such job
│   ├── ConfigurationError     a setting, key, extra or plugin is missing or wrong
│   │   ├── MissingExtra       an optional dependency is not installed; names the command
│   │   ├── MissingKey         a provider's key variable is not set
│   │   ├── CatalogError       a models.toml says something impossible; names file, model, key
│   │   └── PluginError        a provider plugin is broken, absent or clashes with another
│   └── StoreError             the store cannot be used here
│       └── StaleWrite         another process drives this job now
├── ProviderError              theirs: says provider, model, stage, whether money went
│   ├── BadRequest             the vendor turned the request down as malformed
│   ├── AuthenticationFailed   the key is wrong, expired or disabled
│   ├── NoCredit               the account has no money left
│   ├── Forbidden              the account may not do this
│   ├── RateLimited            too many requests; carries retry_after when the vendor said so
│   ├── OverCapacity           the vendor sheds load and says that nothing was started
│   ├── ModelUnavailable       the model is retired, disabled or unknown to the vendor
│   ├── InputModerated         the prompt or image was refused
│   ├── OutputModerated        the result was made and withheld
│   ├── GenerationFailed       the vendor tried and failed; `transient` when it says so
│   ├── PatienceOver           the attempt took longer than it was allowed
│   ├── ResultGone             the job or its result no longer exists at the vendor
│   ├── NotAccepted            the request provably never reached the vendor
│   ├── ServiceError           an answer that fits none of the above
│   └── DownloadFailed         the result could not be fetched
├── MediaError                 a file is not what it should be
├── BatchFailed                too few clips of a batch succeeded; carries the result with those that did
└── JobError                   where a job stands when the call ends; carries its id, here and at the vendor
    ├── OutcomeUnknown         the vendor may have taken the job and nobody can tell yet; money is held
    ├── StillRunning           the timeout passed; the job goes on
    ├── JobCanceled            the job was canceled
    ├── VideoRefused           a check of the application refused the clip; it is paid and its file is kept
    └── AllModelsFailed        an ExceptionGroup with one typed cause for each attempt
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

Charged = Literal["yes", "no", "unknown"]
Stage = Literal["prepare", "submit", "poll", "cancel", "result", "download"]


def _rebuild(cls: type[AnyVideoError], args: tuple[Any, ...], state: dict[str, Any]) -> AnyVideoError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class AnyVideoError(Exception):
    """Base of all errors. `message` says what happened, `hint` the way out (may be None)."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    @property
    def field(self) -> str | None:
        """The request field, setting or option that caused the error, when there is one."""
        return None

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class UsageError(AnyVideoError):
    """Yours: nothing was sent. Change the call or the settings."""

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self._field = field

    @property
    def field(self) -> str | None:
        return self._field


class InvalidRequest(UsageError):
    """A field of the request is wrong. `field` names it, `hint` says what is allowed."""


class UnknownModel(InvalidRequest):
    """No installed provider declares that model, alias or route."""


class IdempotencyConflict(InvalidRequest):
    """The idempotency key belongs to a job that asked for something else."""


class NoModelFits(UsageError):
    """Every model of the route was turned down. `plan` holds each rejection with its reason."""

    def __init__(
        self, message: str, *, plan: Any = None, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.plan = plan


class BudgetExceeded(UsageError):
    """The next attempt would pass a cap. Raise the cap or choose a cheaper model."""


class JobNotFound(UsageError):
    """The store has no such job. `anyvideo jobs` lists the ones it has."""


class ConfigurationError(UsageError):
    """A setting, key, extra or plugin is missing or wrong."""


class MissingExtra(ConfigurationError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the extra '{extra}'",
            field=extra,
            hint=f'pip install "anyvideo[{extra}]"',
        )
        self.extra = extra


class MissingKey(ConfigurationError):
    """A provider's key variable is not set."""


class CatalogError(ConfigurationError):
    """A models.toml says something impossible. The message names file, model and key."""


class PluginError(ConfigurationError):
    """A provider plugin is broken, not installed, or clashes with another one."""


class StoreError(UsageError):
    """The store cannot be used here: unwritable, of a newer schema, or in use wrongly."""


class StaleWrite(StoreError):
    """Another process drives this job now; what this one wanted to write was refused."""


class ProviderError(AnyVideoError):
    """Theirs. `charged` says whether money went; `code` and `status` are the vendor's own words.

    `retry_after` is in seconds.
    """

    default_charged: ClassVar[Charged] = "no"

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        stage: Stage | None = None,
        code: str | None = None,
        status: int | None = None,
        charged: Charged | None = None,
        retry_after: float | None = None,
        transient: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.model = model
        self.stage: Stage | None = stage
        self.code = code
        self.status = status
        self.charged: Charged = charged or self.default_charged
        self.retry_after = retry_after
        self.transient = transient

    def at(self, *, provider: str, model: str, stage: Stage) -> Self:
        """Fill in where it happened, keeping what is already known; returns self."""
        self.provider = self.provider or provider
        self.model = self.model or model
        self.stage = self.stage or stage
        return self


class BadRequest(ProviderError):
    """The vendor turned the request down as malformed; nothing was started."""


class AuthenticationFailed(ProviderError):
    """The key is wrong, expired or disabled."""


class NoCredit(ProviderError):
    """The account has no money left."""


class Forbidden(ProviderError):
    """The account may not do this."""


class RateLimited(ProviderError):
    """Too many requests."""


class OverCapacity(ProviderError):
    """The vendor sheds load and says that nothing was started."""


class ModelUnavailable(ProviderError):
    """The model is retired, disabled or unknown to the vendor."""


class InputModerated(ProviderError):
    """The prompt or the image was refused. Never retried, never sent elsewhere by default."""

    default_charged: ClassVar[Charged] = "unknown"


class OutputModerated(ProviderError):
    """The result was made and withheld."""

    default_charged: ClassVar[Charged] = "unknown"


class GenerationFailed(ProviderError):
    """The vendor tried and failed. `transient` is True where the vendor calls it so."""


class PatienceOver(ProviderError):
    """The attempt took longer than its patience allowed and was canceled."""

    default_charged: ClassVar[Charged] = "unknown"


class ResultGone(ProviderError):
    """The job, or its paid result, no longer exists at the vendor."""

    default_charged: ClassVar[Charged] = "yes"


class NotAccepted(ProviderError):
    """The request provably never reached the vendor: DNS, refused connection, TLS, no byte sent."""


class ServiceError(ProviderError):
    """An answer that fits no other class: a 5xx, a body that cannot be read."""

    default_charged: ClassVar[Charged] = "unknown"


class DownloadFailed(ProviderError):
    """The result exists and could not be fetched. `expired` when the link no longer works."""

    default_charged: ClassVar[Charged] = "yes"

    def __init__(
        self,
        message: str,
        *,
        expired: bool = False,
        retryable: bool = True,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.expired = expired
        self.retryable = retryable


class MediaError(AnyVideoError):
    """A file is not what it should be: not a video, not an image, shorter than promised."""


class BatchFailed(AnyVideoError):
    """Too few clips of a batch succeeded. `result` holds every clip, the delivered ones among them."""

    def __init__(self, message: str, *, result: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class JobError(AnyVideoError):
    """Where a job stands when the call ends. `job_id` resumes or cancels it later.

    `provider` and `provider_job_id` say where it was bought last, and under which name the vendor knows it;
    None while nothing was sent, or nobody knows.
    """

    provider: str | None = None
    provider_job_id: str | None = None

    def __init__(self, message: str, *, job_id: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.job_id = job_id

    def bought(self, provider: str, provider_job_id: str | None) -> Self:
        """Fill in where; returns self."""
        self.provider, self.provider_job_id = provider, provider_job_id
        return self


class OutcomeUnknown(JobError):
    """The vendor may have taken the job and nobody can tell yet. Its hold is kept; nothing is resent."""


class StillRunning(JobError):
    """The timeout passed. The job goes on and can be resumed by its id."""


class JobCanceled(JobError):
    """The job was canceled."""


class VideoRefused(JobError):
    """A check of the application refused the finished clip. It is paid for; `path` is where it is kept."""

    def __init__(self, message: str, *, job_id: str, path: Any = None, hint: str | None = None) -> None:
        super().__init__(message, job_id=job_id, hint=hint)
        self.path = path


class AllModelsFailed(JobError, ExceptionGroup[ProviderError]):
    """Every candidate failed. `exceptions` has one typed cause for each attempt, in order."""

    def __new__(cls, message: str, exceptions: Sequence[ProviderError], **_: Any) -> Self:
        return ExceptionGroup.__new__(cls, message, list(exceptions))

    def __init__(
        self, message: str, exceptions: Sequence[ProviderError], *, job_id: str = "", hint: str | None = None
    ) -> None:
        ExceptionGroup.__init__(self, message, list(exceptions))
        self.job_id = job_id
        self.hint = hint

    def derive(self, excs: Sequence[ProviderError]) -> AllModelsFailed:  # type: ignore[override]
        return AllModelsFailed(self.message, excs, job_id=self.job_id, hint=self.hint)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), (self.message, list(self.exceptions)), dict(self.__dict__))


PROVIDER_ERRORS: Mapping[str, type[ProviderError]] = {
    cls.__name__: cls
    for cls in (
        BadRequest,
        AuthenticationFailed,
        NoCredit,
        Forbidden,
        RateLimited,
        OverCapacity,
        ModelUnavailable,
        InputModerated,
        OutputModerated,
        GenerationFailed,
        PatienceOver,
        ResultGone,
        NotAccepted,
        ServiceError,
        DownloadFailed,
    )
}
"""The classes by name, as they are stored and shown."""
