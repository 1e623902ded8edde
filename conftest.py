"""What every test folder shares: the core's and the plugins'."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

FOREIGN_ENDINGS = ("_API_KEY", "_API_SECRET", "_API_TOKEN", "_API_URL", "_BASE_URL", "_MODEL_VERSION")
FOREIGN_STARTS = ("ANYVIDEO_", "VIDEO_")
FOREIGN_NAMES = frozenset({"ENVIRONMENT", "REPLICATE_MODEL"})
OURS = frozenset({"ANYVIDEO_WIRE"})

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job in a script's background has Ctrl-C ignored, and so have its children, in which tests press it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
