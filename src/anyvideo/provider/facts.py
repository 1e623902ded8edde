"""What a plugin declares: plain facts, no connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pluggy

from anyvideo.catalog.spec import Catalog
from anyvideo.provider.door import ProviderContext, VideoProvider
from anyvideo.types.errors import PluginError
from anyvideo.types.states import JobStatus

hookimpl = pluggy.HookimplMarker("anyvideo")

RecoveryKind = Literal["listing", "tag", "nothing", "in_process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How a lost submit can be found again, and how long results live. Seconds.

    `listing`: recent jobs can be listed and echo their inputs; `tag`: the list echoes a tag of ours;
    `nothing`: nobody can tell; `in_process`: nothing is bought, sending again is free. `echoes_callback`: the
    list says the `Order.callback_url` of each job too, so that `Found.tag` is its last part. Any other kind
    raises PluginError: it would protect nobody.
    """

    kind: RecoveryKind
    result_ttl: float | None = None
    list_lag: float = 30.0
    echoes_callback: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        known = get_args(RecoveryKind)
        if self.kind not in known:
            raise PluginError(
                f"a lost submit cannot be found again by {self.kind!r}; a recovery is one of:"
                f" {', '.join(known)}",
                field="recovery",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRules:
    """How pictures reach the vendor. Sizes in bytes; None: not possible.

    `data_uri_bytes` bounds the encoded data URI, `upload_bytes` the file given to `Uploads`.
    """

    data_uri_bytes: int | None = None
    upload_bytes: int | None = None
    content_types: frozenset[str] = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer for which the vendor documents that nothing was started. `body` is a regular expression."""

    status: int
    source: str
    body: str | None = None


Cancels = Literal["stops", "may_delete_output", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin:
    """What a plugin registers: plain facts, no connection.

    `statuses` maps the vendor's words to ours; a word that is not in it counts as running.
    `vendor_deadline` says that `Order.deadline` is enforced by the vendor. `stand_in` marks a provider whose
    output is no model's: it is used only when nothing else is ready, and labelled with `label`.
    """

    name: str
    vendor: str
    catalog: Catalog
    recovery: Recovery
    open: Callable[[ProviderContext], VideoProvider]
    statuses: Mapping[str, JobStatus]
    refusals: Sequence[Refusal] = ()
    media: MediaRules = MediaRules()
    key_variables: tuple[str, ...] = ()
    base_url_variable: str | None = None
    default_base_url: str | None = None
    model_variable: str | None = None
    cancels: Cancels = "none"
    vendor_deadline: bool = False
    simulator: str | None = None
    stand_in: bool = False
    label: str | None = None

    @property
    def needs_key(self) -> bool:
        """Whether it works only with a key."""
        return bool(self.key_variables)
