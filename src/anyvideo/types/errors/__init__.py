"""Every error that anyvideo raises.

AnyVideoError
├── UsageError                 yours: nothing was sent, change the call or the settings
│   ├── InvalidRequest         a field of the request is wrong; names it
│   │   ├── UnknownModel       no installed provider declares that model, alias or route
│   │   └── IdempotencyConflict  the key belongs to a job that asked for something else
│   ├── NoModelFits            every model of the route was turned down; carries the plan
│   ├── BudgetExceeded         the next attempt would pass a cap
│   ├── JobNotFound            the store has no such job
│   ├── ConfigurationError     a setting, key, extra or plugin is missing or wrong
│   │   ├── MissingExtra       an optional dependency is not installed; names the command
│   │   ├── MissingKey         a provider's key variable is not set
│   │   ├── CatalogError       a models.toml says something impossible; names file, model, key
│   │   └── PluginError        a provider plugin is broken, absent or clashes with another
│   └── StoreError             the store cannot be used here
│       └── StaleWrite         another process drives this job now
├── ProviderError              theirs: says provider, model, stage, whether money went
│   ├── BadRequest             the vendor turned the request down as malformed
│   ├── AuthenticationFailed   the key is wrong, expired or disabled
│   ├── NoCredit               the account has no money left
│   ├── Forbidden              the account may not do this
│   ├── RateLimited            too many requests; carries retry_after when the vendor said so
│   ├── OverCapacity           the vendor sheds load and says that nothing was started
│   ├── ModelUnavailable       the model is retired, disabled or unknown to the vendor
│   ├── InputModerated         the prompt or image was refused
│   ├── OutputModerated        the result was made and withheld
│   ├── GenerationFailed       the vendor tried and failed; `transient` when it says so
│   ├── PatienceOver           the attempt took longer than it was allowed
│   ├── ResultGone             the job or its result no longer exists at the vendor
│   ├── NotAccepted            the request provably never reached the vendor
│   ├── ServiceError           an answer that fits none of the above
│   └── DownloadFailed         the result could not be fetched
├── MediaError                 a file is not what it should be
├── BadDelivery                a delivery that cannot be trusted or read
├── BatchFailed                too few clips of a batch succeeded; carries the result with those that did
└── JobError                   where a job stands when the call ends; carries its id, here and at the vendor
    ├── OutcomeUnknown         the vendor may have taken the job and nobody can tell yet; money is held
    ├── StillRunning           the timeout passed; the job goes on
    ├── JobCanceled            the job was canceled
    ├── VideoRefused           a check of the application refused the clip; it is paid and its file is kept
    └── AllModelsFailed        an ExceptionGroup with one typed cause for each attempt
"""

from __future__ import annotations

from anyvideo.types.errors.base import (
    AnyVideoError,
    BadDelivery,
    BatchFailed,
    MediaError,
)
from anyvideo.types.errors.jobs import (
    AllModelsFailed,
    JobCanceled,
    JobError,
    OutcomeUnknown,
    StillRunning,
    VideoRefused,
)
from anyvideo.types.errors.usage import (
    BudgetExceeded,
    CatalogError,
    ConfigurationError,
    IdempotencyConflict,
    InvalidRequest,
    JobNotFound,
    MissingExtra,
    MissingKey,
    NoModelFits,
    PluginError,
    StaleWrite,
    StoreError,
    UnknownModel,
    UsageError,
)
from anyvideo.types.errors.vendors import (
    PROVIDER_ERRORS,
    AuthenticationFailed,
    BadRequest,
    Charged,
    DownloadFailed,
    Forbidden,
    GenerationFailed,
    InputModerated,
    ModelUnavailable,
    NoCredit,
    NotAccepted,
    OutputModerated,
    OverCapacity,
    PatienceOver,
    ProviderError,
    RateLimited,
    ResultGone,
    ServiceError,
    Stage,
)

__all__ = [
    "PROVIDER_ERRORS",
    "AllModelsFailed",
    "AnyVideoError",
    "AuthenticationFailed",
    "BadDelivery",
    "BadRequest",
    "BatchFailed",
    "BudgetExceeded",
    "CatalogError",
    "Charged",
    "ConfigurationError",
    "DownloadFailed",
    "Forbidden",
    "GenerationFailed",
    "IdempotencyConflict",
    "InputModerated",
    "InvalidRequest",
    "JobCanceled",
    "JobError",
    "JobNotFound",
    "MediaError",
    "MissingExtra",
    "MissingKey",
    "ModelUnavailable",
    "NoCredit",
    "NoModelFits",
    "NotAccepted",
    "OutcomeUnknown",
    "OutputModerated",
    "OverCapacity",
    "PatienceOver",
    "PluginError",
    "ProviderError",
    "RateLimited",
    "ResultGone",
    "ServiceError",
    "Stage",
    "StaleWrite",
    "StillRunning",
    "StoreError",
    "UnknownModel",
    "UsageError",
    "VideoRefused",
]
