"""What every command needs: the client that the main options describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from anyvideo.client import Client
    from anyvideo.settings import Settings
    from anyvideo.types.budget import Budget
    from anyvideo.types.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The main options; None leaves the choice to the settings."""

    store: str | None = None
    profile: str | None = None

    def settings(self) -> Settings:
        """What the environment, `.env` and `anyvideo.toml` say. Raises ConfigurationError."""
        from anyvideo.settings import load_settings

        return load_settings(profile=self.profile)

    def lasting(self, settings: Settings) -> bool:
        """Whether jobs and clips outlive the command: a memory store keeps nothing."""
        from anyvideo.jobs.store.database import MEMORY

        return str(self.store or settings.store) != MEMORY

    def client(
        self,
        on_event: Callable[[Event], None] | None = None,
        *,
        settings: Settings | None = None,
        budgets: Sequence[Budget] = (),
    ) -> Client:
        """A client over the caller's own settings; use it in a `with` block."""
        from anyvideo.client import Client

        return Client(
            store=self.store, settings=settings or self.settings(), budgets=budgets, on_event=on_event
        )


def session_of(ctx: typer.Context) -> Session:
    """The session of a running command."""
    session = ctx.find_object(Session)
    assert session is not None
    return session
