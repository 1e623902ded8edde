"""Yours: nothing was sent, change the call or the settings."""

from __future__ import annotations

from typing import Any

from anyvideo.types.errors.base import AnyVideoError


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
