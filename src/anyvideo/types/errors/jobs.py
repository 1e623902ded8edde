"""Where a job stands when the call ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from anyvideo.types.errors.base import AnyVideoError, rebuild
from anyvideo.types.errors.vendors import ProviderError


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
        return rebuild, (type(self), (self.message, list(self.exceptions)), dict(self.__dict__))
