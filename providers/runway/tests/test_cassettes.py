"""Recorded exchanges with Runway, replayed without a network by both clients."""

from __future__ import annotations

from anyvideo.testing.cassettes import ProviderCassettes


class TestCassettes(ProviderCassettes):
    provider = "runway"
    model = "runway/gen4.5"
