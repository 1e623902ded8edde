"""Echo keeps every rule of docs/providers.md."""

from __future__ import annotations

import pytest
from anyvideo_echo import anyvideo_providers

from anyvideo.provider import ProviderPlugin
from anyvideo.testing import ProviderConformance


class TestEcho(ProviderConformance):
    @pytest.fixture
    def plugin(self) -> ProviderPlugin:
        return anyvideo_providers()[0]
