"""The command line: `anyvideo` and `python -m anyvideo`."""

from __future__ import annotations

from anyvideo.cli.app import app

__all__ = ["app"]
