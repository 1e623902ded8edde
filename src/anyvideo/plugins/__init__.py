"""Plugins: what they may hook into, how they are found, and how a broken one stays alone."""

from anyvideo.plugins.found import BrokenPlugin
from anyvideo.plugins.registry import Plugins

__all__ = ["BrokenPlugin", "Plugins"]
