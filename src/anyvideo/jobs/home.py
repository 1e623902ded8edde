"""Connections, loops and threads belong to the process that opened them: a forked child leaves them alone."""

from __future__ import annotations

import os

from anyvideo.types.errors import ConfigurationError


class Home:
    """The process in which something was opened, if it is open."""

    def __init__(self) -> None:
        self._pid: int | None = None

    def enter(self) -> None:
        """It is opened here. Raises ConfigurationError where it is open in another process."""
        self.check()
        self._pid = os.getpid()

    def leave(self) -> None:
        """It is closed."""
        self._pid = None

    @property
    def abroad(self) -> bool:
        """Whether it is open, and in another process than this one."""
        return self._pid not in (None, os.getpid())

    def check(self) -> None:
        """Raises ConfigurationError abroad."""
        if self.abroad:
            raise ConfigurationError(
                "this client was opened in another process", field="client", hint="make one here"
            )
