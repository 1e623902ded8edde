"""One client, one video, from whichever provider works today.

from anyvideo import Client

with Client() as client:
    video = client.generate("a red fox crosses a frozen lake at dawn")
    video.save("fox.mp4")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyvideo.catalog.spec import ModelSpec
    from anyvideo.client import AsyncClient, Client, ProviderInfo
    from anyvideo.jobs.batch import Clip
    from anyvideo.jobs.recovery import Recovered
    from anyvideo.jobs.store.base import Line, Used
    from anyvideo.plugins import Plugins
    from anyvideo.settings import Settings, load_settings
    from anyvideo.types.batch import BatchResult, ClipResult
    from anyvideo.types.budget import Budget
    from anyvideo.types.errors import (
        AllModelsFailed,
        AnyVideoError,
        AuthenticationFailed,
        BadDelivery,
        BadRequest,
        BatchFailed,
        BudgetExceeded,
        CatalogError,
        ConfigurationError,
        DownloadFailed,
        Forbidden,
        GenerationFailed,
        IdempotencyConflict,
        InputModerated,
        InvalidRequest,
        JobCanceled,
        JobError,
        JobNotFound,
        MediaError,
        MissingExtra,
        MissingKey,
        ModelUnavailable,
        NoCredit,
        NoModelFits,
        NotAccepted,
        OutcomeUnknown,
        OutputModerated,
        OverCapacity,
        PatienceOver,
        PluginError,
        ProviderError,
        RateLimited,
        ResultGone,
        ServiceError,
        StaleWrite,
        StillRunning,
        StoreError,
        UnknownModel,
        UsageError,
        VideoRefused,
    )
    from anyvideo.types.events import Event, EventKind
    from anyvideo.types.job import Attempt, Job, MediaInfo, Mismatch
    from anyvideo.types.money import Cost, CostBasis, Quote
    from anyvideo.types.plan import Adjustment, Candidate, Fit, Plan, Rejection
    from anyvideo.types.request import Image, Task, VideoRequest
    from anyvideo.types.states import AttemptState, JobStatus
    from anyvideo.types.video import Video

__version__ = "0.1.0"

__all__ = [
    "Adjustment",
    "AllModelsFailed",
    "AnyVideoError",
    "AsyncClient",
    "Attempt",
    "AttemptState",
    "AuthenticationFailed",
    "BadDelivery",
    "BadRequest",
    "BatchFailed",
    "BatchResult",
    "Budget",
    "BudgetExceeded",
    "Candidate",
    "CatalogError",
    "Client",
    "Clip",
    "ClipResult",
    "ConfigurationError",
    "Cost",
    "CostBasis",
    "DownloadFailed",
    "Event",
    "EventKind",
    "Fit",
    "Forbidden",
    "GenerationFailed",
    "IdempotencyConflict",
    "Image",
    "InputModerated",
    "InvalidRequest",
    "Job",
    "JobCanceled",
    "JobError",
    "JobNotFound",
    "JobStatus",
    "Line",
    "MediaError",
    "MediaInfo",
    "Mismatch",
    "MissingExtra",
    "MissingKey",
    "ModelSpec",
    "ModelUnavailable",
    "NoCredit",
    "NoModelFits",
    "NotAccepted",
    "OutcomeUnknown",
    "OutputModerated",
    "OverCapacity",
    "PatienceOver",
    "Plan",
    "PluginError",
    "Plugins",
    "ProviderError",
    "ProviderInfo",
    "Quote",
    "RateLimited",
    "Recovered",
    "Rejection",
    "ResultGone",
    "ServiceError",
    "Settings",
    "StaleWrite",
    "StillRunning",
    "StoreError",
    "Task",
    "UnknownModel",
    "UsageError",
    "Used",
    "Video",
    "VideoRefused",
    "VideoRequest",
    "load_settings",
]

_ROOMS = {
    "anyvideo.client": ("AsyncClient", "Client", "ProviderInfo"),
    "anyvideo.plugins": ("Plugins",),
    "anyvideo.settings": ("Settings", "load_settings"),
    "anyvideo.catalog.spec": ("ModelSpec",),
    "anyvideo.jobs.batch": ("Clip",),
    "anyvideo.jobs.recovery": ("Recovered",),
    "anyvideo.jobs.store.base": ("Line", "Used"),
    "anyvideo.types.batch": ("BatchResult", "ClipResult"),
    "anyvideo.types.budget": ("Budget",),
    "anyvideo.types.events": ("Event", "EventKind"),
    "anyvideo.types.job": ("Attempt", "Job", "MediaInfo", "Mismatch"),
    "anyvideo.types.money": ("Cost", "CostBasis", "Quote"),
    "anyvideo.types.plan": ("Adjustment", "Candidate", "Fit", "Plan", "Rejection"),
    "anyvideo.types.request": ("Image", "Task", "VideoRequest"),
    "anyvideo.types.states": ("AttemptState", "JobStatus"),
    "anyvideo.types.video": ("Video",),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = next((room for room, names in _ROOMS.items() if name in names), "anyvideo.types.errors")
    value = getattr(importlib.import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
