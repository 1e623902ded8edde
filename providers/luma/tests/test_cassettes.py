"""Recorded exchanges with Luma, replayed without a network by both clients."""

from __future__ import annotations

from anyvideo.testing.cassettes import ProviderCassettes


class TestCassettes(ProviderCassettes):
    provider = "luma"
    model = "luma/ray-flash-2"
