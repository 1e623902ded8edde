"""Recorded exchanges with Replicate, replayed without a network by both clients."""

from __future__ import annotations

from anyvideo.testing.cassettes import ProviderCassettes


class TestCassettes(ProviderCassettes):
    provider = "replicate"
    model = "replicate/seedance-1-lite"
