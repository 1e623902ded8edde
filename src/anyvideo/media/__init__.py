"""Files: fetch them, measure them, draw and encode them.

`probe`, `read_mp4` and `download` need nothing but the core; `encode_mp4` and `contact_sheet` need
the extra `media`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazy: these two share their module's name, and the import system would put the module in their place.
from anyvideo.media.download import download
from anyvideo.media.probe import probe
from anyvideo.types.job import MediaInfo

if TYPE_CHECKING:
    from anyvideo.media.encode import encode_mp4
    from anyvideo.media.mp4 import Mp4Info, read_mp4
    from anyvideo.media.sheet import contact_sheet

__all__ = [
    "MediaInfo",
    "Mp4Info",
    "contact_sheet",
    "download",
    "encode_mp4",
    "probe",
    "read_mp4",
]

_HOMES = {
    "Mp4Info": "mp4",
    "contact_sheet": "sheet",
    "encode_mp4": "encode",
    "read_mp4": "mp4",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
