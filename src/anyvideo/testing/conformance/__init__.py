"""The conformance suite: whoever passes it can be trusted with money."""

from __future__ import annotations

from anyvideo.testing.conformance.rules import RULES, RuleBroken
from anyvideo.testing.conformance.samples import Samples
from anyvideo.testing.conformance.suite import ProviderConformance

__all__ = ["RULES", "ProviderConformance", "RuleBroken", "Samples"]
