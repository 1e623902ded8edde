"""Recorded HTTP for tests: scrubbed when it is recorded, readable, replayed without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyvideo.testing.cassettes.check import Finding, check_files, check_text
    from anyvideo.testing.cassettes.mask import Masker
    from anyvideo.testing.cassettes.scenarios import ProviderCassettes
    from anyvideo.testing.cassettes.tape import CassetteMiss, Tape, open_cassette

__all__ = [
    "CassetteMiss",
    "Finding",
    "Masker",
    "ProviderCassettes",
    "Tape",
    "check_files",
    "check_text",
    "open_cassette",
]

_HOMES = {
    "CassetteMiss": "tape",
    "Finding": "check",
    "Masker": "mask",
    "ProviderCassettes": "scenarios",
    "Tape": "tape",
    "check_files": "check",
    "check_text": "check",
    "open_cassette": "tape",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
