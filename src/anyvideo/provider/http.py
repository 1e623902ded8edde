"""A base class for vendors without an SDK of their own: plain facts and pure functions, no network code.

A subclass says what to send and what an answer means; everything that goes over the wire is done here, once,
on the guarded transport.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, Literal

from anyvideo.catalog.load import read_catalog
from anyvideo.net.explain import explain_status, job_id_in, json_object, text_in
from anyvideo.net.wire import RefusedByVendor, Reply
from anyvideo.provider.door import Order, ProviderContext, Submission
from anyvideo.provider.facts import Cancels, MediaRules, ProviderPlugin, Recovery, Refusal
from anyvideo.types.errors import GenerationFailed, ProviderError, ResultGone
from anyvideo.types.job import Failure, Output, Ref, Update, UsageValue
from anyvideo.types.money import Cost
from anyvideo.types.states import JobStatus

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPRequest:
    """One call to make. `path` comes below the base URL; a whole address must lie on the same origin.

    `headers` come over those of the provider.
    """

    method: Method
    path: str
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class HTTPProvider(ABC):
    """Facts as class attributes, and pure functions from values to values.

    `headers` go with every call; `{key}` in them is replaced by the account's key. `statuses` maps the
    vendor's words to ours, `errors` its error codes to what they mean. The rest are the facts of
    `ProviderPlugin`. A vendor's abilities (`Uploads`, `Finds`, `Describes`) are methods that a subclass adds
    with the help of `call`.
    """

    name: ClassVar[str]
    base_url: ClassVar[str]
    statuses: ClassVar[Mapping[str, JobStatus]]
    vendor: ClassVar[str | None] = None
    base_url_variable: ClassVar[str | None] = None
    key_variables: ClassVar[tuple[str, ...]] = ()
    headers: ClassVar[Mapping[str, str]] = {"authorization": "Bearer {key}"}
    errors: ClassVar[Mapping[str, type[ProviderError]]] = {}
    refusals: ClassVar[tuple[Refusal, ...]] = ()
    recovery: ClassVar[Recovery] = Recovery(kind="nothing")
    media: ClassVar[MediaRules] = MediaRules()
    cancels: ClassVar[Cancels] = "none"
    vendor_deadline: ClassVar[bool] = False
    simulator: ClassVar[str | None] = None

    @classmethod
    def plugin(cls, *, package: str | None = None) -> ProviderPlugin:
        """What to register; `models.toml` lies in `package`, by default the one that holds the class.

        Raises CatalogError.
        """
        home = package or getattr(sys.modules[cls.__module__], "__package__", None) or cls.__module__
        vendor = cls.vendor or cls.name
        return ProviderPlugin(
            name=cls.name,
            vendor=vendor,
            catalog=read_catalog(cls.name, vendor=vendor, package=home),
            recovery=cls.recovery,
            open=cls,
            statuses=cls.statuses,
            refusals=cls.refusals,
            media=cls.media,
            key_variables=cls.key_variables,
            base_url_variable=cls.base_url_variable,
            default_base_url=cls.base_url,
            cancels=cls.cancels,
            vendor_deadline=cls.vendor_deadline,
            simulator=cls.simulator,
        )

    def __init__(self, context: ProviderContext) -> None:
        self.context = context

    @abstractmethod
    def submit_request(self, order: Order) -> HTTPRequest:
        """The POST that buys. Pure."""

    @abstractmethod
    def fetch_request(self, ref: Ref) -> HTTPRequest:
        """The call that tells how a job stands. Pure."""

    def cancel_request(self, ref: Ref) -> HTTPRequest | None:  # noqa: ARG002
        """The call that stops a job; None where the vendor has none. Pure."""
        return None

    @abstractmethod
    def parse(self, fields: Mapping[str, Any]) -> Update:
        """What a job's JSON object says; `reading` makes the update. Pure."""

    def reference(self, fields: Mapping[str, Any], order: Order) -> Ref:
        """The handle from the answer to a submit. Raises ServiceError where it names no job. Pure."""
        return Ref(job_id=job_id_in(fields), model=order.spec.slug)

    def complaint(self, reply: Reply) -> tuple[str | None, str | None]:
        """The vendor's error code and message in a refusal, found in the usual places. Pure."""
        error = reply.body.get("error") if isinstance(reply.body, Mapping) else None
        places = (error, reply.body)
        code = next((text for place in places if (text := text_in(place, "code"))), None)
        said = [text_in(place, name) for place in places for name in ("message", "detail", "error")]
        said.append(error if isinstance(error, str) and error.strip() else None)
        return code, next((text for text in said if text is not None), None)

    def explain(self, reply: Reply) -> ProviderError:
        """By code where `errors` knows it, else by status."""
        code, message = self.complaint(reply)
        return explain_status(reply, message, meaning=self.errors.get(code or ""), code=code)

    def reading(
        self,
        word: object,
        *,
        addresses: Iterable[str] = (),
        progress: float | None = None,
        queue: int | None = None,
        usage: Mapping[str, UsageValue] | None = None,
        reported_cost: Cost | None = None,
        error: ProviderError | None = None,
    ) -> Update:
        """The update for a status word. A word that `statuses` does not have counts as running.

        `addresses` count when the job has succeeded, `error` when it has failed. A success
        without an address is looked at again for a minute. `progress` runs from 0 to 1.
        """
        native = word if isinstance(word, str) else ""
        status = self.statuses.get(native, JobStatus.RUNNING)
        outputs = tuple(Output(url=url) for url in addresses) if status is JobStatus.SUCCEEDED else ()
        if status is JobStatus.FAILED and error is None:
            error = GenerationFailed("the job failed without a reason", stage="poll", charged="unknown")
        return Update(
            status=status,
            native=native,
            progress=None if progress is None else min(progress, 1.0),
            queue=queue,
            outputs=outputs,
            usage=usage or {},
            reported_cost=reported_cost,
            failure=Failure.of(error) if error is not None and status is JobStatus.FAILED else None,
            known_word=native in self.statuses,
        )

    async def call(self, request: HTTPRequest) -> Reply:
        """Send once and return the 2xx. Raises RefusedByVendor for any other answer, NoReply for none."""
        key = self.context.key.get_secret_value() if self.context.key else ""
        usual = {name: value.replace("{key}", key) for name, value in self.headers.items()}
        whole = request.path.startswith(("https://", "http://"))
        return await self.context.exchange(
            self.context.http.request(
                request.method,
                request.path if whole else self.context.base_url.rstrip("/") + request.path,
                params=dict(request.query) or None,
                json=None if request.json is None else dict(request.json),
                headers={**usual, **request.headers},
            )
        )

    async def submit(self, order: Order) -> Submission:
        """Send the one POST."""
        fields = json_object(await self.call(self.submit_request(order)))
        return Submission(ref=self.reference(fields, order), update=self._dated(self.parse(fields)))

    async def fetch(self, ref: Ref) -> Update:
        """Ask once."""
        reply = await self._known(self.fetch_request(ref))
        return _gone() if reply is None else self._dated(self.parse(json_object(reply)))

    async def cancel(self, ref: Ref) -> Update:
        """Ask to stop; where the vendor cannot, only tell how the job stands."""
        request = self.cancel_request(ref)
        if request is None:
            return await self.fetch(ref)
        reply = await self._known(request)
        if reply is None:
            return _gone()
        if reply.body is None and reply.readable:
            return Update(status=JobStatus.RUNNING, native="cancel accepted")
        return self._dated(self.parse(json_object(reply)))

    async def aclose(self) -> None:  # noqa: B027 - most have nothing to close
        """Nothing to close: the connections are the context's."""

    async def _known(self, request: HTTPRequest) -> Reply | None:
        try:
            return await self.call(request)
        except RefusedByVendor as refused:
            if refused.reply.status not in (404, 410):
                raise
            return None

    def _dated(self, update: Update) -> Update:
        """Outputs without an end of life get the declared one."""
        if self.recovery.result_ttl is None:
            return update
        ends = self.context.clock.now() + timedelta(seconds=self.recovery.result_ttl)
        outputs = tuple(
            output if output.expires_at else replace(output, expires_at=ends) for output in update.outputs
        )
        return replace(update, outputs=outputs)


def _gone() -> Update:
    lost = ResultGone("the vendor does not know this job, or it was deleted", status=404, stage="poll")
    return Update(status=JobStatus.FAILED, native="404", gone=True, failure=Failure.of(lost))
