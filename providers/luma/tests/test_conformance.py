"""The suite that every provider passes."""

from __future__ import annotations

import pytest

from anyvideo.provider import ProviderPlugin
from anyvideo.testing import ProviderConformance
from anyvideo_luma import anyvideo_providers


class TestLuma(ProviderConformance):
    @pytest.fixture
    def plugin(self) -> ProviderPlugin:
        return anyvideo_providers()[0]
