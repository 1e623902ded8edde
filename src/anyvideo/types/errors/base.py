"""What all errors share, and those that are of no branch."""

from __future__ import annotations

from typing import Any


def rebuild(cls: type[AnyVideoError], args: tuple[Any, ...], state: dict[str, Any]) -> AnyVideoError:
    """What an error pickles to: no constructor runs, so that its arguments may be named ones."""
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
        return rebuild, (type(self), self.args, dict(self.__dict__))

    @property
    def field(self) -> str | None:
        """The request field, setting or option that caused the error, when there is one."""
        return None

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class MediaError(AnyVideoError):
    """A file is not what it should be: not a video, not an image, shorter than promised."""


class BatchFailed(AnyVideoError):
    """Too few clips of a batch succeeded. `result` holds every clip, the delivered ones among them."""

    def __init__(self, message: str, *, result: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class BadDelivery(AnyVideoError):
    """A delivery that cannot be trusted or read. Neither a secret nor the right signature is in its text."""
