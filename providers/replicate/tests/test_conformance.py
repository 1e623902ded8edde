"""The suite that every provider passes."""

from __future__ import annotations

import pytest

from anyvideo.provider import ProviderPlugin
from anyvideo.testing import ProviderConformance, Samples, standard_delivery
from anyvideo_replicate import anyvideo_providers


class TestReplicate(ProviderConformance):
    @pytest.fixture
    def plugin(self) -> ProviderPlugin:
        return anyvideo_providers()[0]

    @pytest.fixture
    def samples(self) -> Samples:
        return Samples(deliver=standard_delivery)
