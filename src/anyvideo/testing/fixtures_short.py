"""`client`, the short name of `video_client`; left out where another plugin's `client` is expected."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def client(video_client: Any) -> Any:
    """See `video_client`."""
    return video_client
