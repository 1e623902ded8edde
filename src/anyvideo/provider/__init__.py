"""The provider door: everything that the author of a plugin imports.

A plugin is facts plus thin translation. It never sleeps, retries, polls, reads the environment or touches
money.
"""

from __future__ import annotations

from anyvideo.catalog.load import read_catalog
from anyvideo.catalog.spec import Catalog, ModelSpec
from anyvideo.net.explain import (
    addresses_in,
    explain_status,
    job_id_in,
    json_object,
    number_in,
    text_in,
    time_in,
)
from anyvideo.net.wire import NoReply, RefusedByVendor, Reply
from anyvideo.provider.door import (
    Describes,
    Finds,
    Found,
    Order,
    ProviderContext,
    Submission,
    Uploads,
    VideoProvider,
)
from anyvideo.provider.facts import (
    Cancels,
    MediaRules,
    ProviderPlugin,
    Recovery,
    RecoveryKind,
    Refusal,
    hookimpl,
)
from anyvideo.provider.http import HTTPProvider, HTTPRequest
from anyvideo.provider.webhooks import Delivery, Notice, ReceivesWebhooks, standard_webhook
from anyvideo.types.clock import Clock
from anyvideo.types.errors import (
    AuthenticationFailed,
    BadDelivery,
    BadRequest,
    Charged,
    DownloadFailed,
    Forbidden,
    GenerationFailed,
    InputModerated,
    MissingExtra,
    ModelUnavailable,
    NoCredit,
    NotAccepted,
    OutputModerated,
    OverCapacity,
    ProviderError,
    RateLimited,
    ResultGone,
    ServiceError,
)
from anyvideo.types.job import Failure, Output, Ref, Update, UsageValue
from anyvideo.types.money import Cost, CostBasis, cost_micros
from anyvideo.types.plan import Fit, InputValue
from anyvideo.types.request import Task
from anyvideo.types.states import JobStatus

__all__ = [
    "AuthenticationFailed",
    "BadDelivery",
    "BadRequest",
    "Cancels",
    "Catalog",
    "Charged",
    "Clock",
    "Cost",
    "CostBasis",
    "Delivery",
    "Describes",
    "DownloadFailed",
    "Failure",
    "Finds",
    "Fit",
    "Forbidden",
    "Found",
    "GenerationFailed",
    "HTTPProvider",
    "HTTPRequest",
    "InputModerated",
    "InputValue",
    "JobStatus",
    "MediaRules",
    "MissingExtra",
    "ModelSpec",
    "ModelUnavailable",
    "NoCredit",
    "NoReply",
    "NotAccepted",
    "Notice",
    "Order",
    "Output",
    "OutputModerated",
    "OverCapacity",
    "ProviderContext",
    "ProviderError",
    "ProviderPlugin",
    "RateLimited",
    "ReceivesWebhooks",
    "Recovery",
    "RecoveryKind",
    "Ref",
    "Refusal",
    "RefusedByVendor",
    "Reply",
    "ResultGone",
    "ServiceError",
    "Submission",
    "Task",
    "Update",
    "Uploads",
    "UsageValue",
    "VideoProvider",
    "addresses_in",
    "cost_micros",
    "explain_status",
    "hookimpl",
    "job_id_in",
    "json_object",
    "number_in",
    "read_catalog",
    "standard_webhook",
    "text_in",
    "time_in",
]
