"""The tests also run before `pip install -e .`."""

from pathlib import Path

from anyvideo.testing import use_checkout

use_checkout(Path(__file__).parent)
