"""What every test folder shares: the core's and the plugins'."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

FOREIGN_ENDINGS = ("_API_KEY", "_API_SECRET", "_API_TOKEN", "_API_URL", "_BASE_URL", "_MODEL_VERSION")
FOREIGN_STARTS = ("ANYVIDEO_", "VIDEO_")
FOREIGN_NAMES = frozenset({"ENVIRONMENT", "REPLICATE_MODEL"})
OURS = frozenset({"ANYVIDEO_WIRE"})


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def no_real_accounts(pytestconfig: pytest.Config) -> Iterator[None]:
    """Hide the keys and settings of whoever runs the tests, unless they asked to record live."""
    if pytestconfig.getoption("anyvideo_record", None) == "live":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - OURS:
            if name in FOREIGN_NAMES or name.startswith(FOREIGN_STARTS) or name.endswith(FOREIGN_ENDINGS):
                patch.delenv(name)
        yield
