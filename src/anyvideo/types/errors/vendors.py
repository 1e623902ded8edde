"""Theirs: what a vendor said or did, and whether money went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from anyvideo.types.errors.base import AnyVideoError

Charged = Literal["yes", "no", "unknown"]
Stage = Literal["prepare", "submit", "poll", "cancel", "result", "download", "resolve"]


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
