"""Orders and answers, translated for Replicate's official SDK (`replicate` 1.0.7).

What the SDK makes of an answer is left aside: its models crash on `aborted` and drop fields. Calls never ask
to wait, and a deadline travels as the client's own header, because the SDK has no parameter for it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from anyvideo.provider import (
    BadDelivery,
    Delivery,
    Failure,
    Found,
    JobStatus,
    ModelUnavailable,
    Notice,
    Order,
    ProviderContext,
    ProviderError,
    Ref,
    RefusedByVendor,
    Reply,
    ResultGone,
    ServiceError,
    Submission,
    Update,
    explain_status,
    job_id_in,
    json_object,
    standard_webhook,
    text_in,
    time_in,
)
from anyvideo_replicate.answers import read_prediction, version_of
from anyvideo_replicate.words import DISABLED_TITLES, RATE_LIMIT_RESET

if TYPE_CHECKING:
    from pydantic import SecretStr
    from replicate.client import Client

SHORTEST_DEADLINE = 5
MOST_PAGES = 200
_PREDICTIONS = "/v1/predictions"


class Replicate:
    """Predictions of one account."""

    def __init__(self, context: ProviderContext) -> None:
        self._context = context
        self._client = self._sdk()

    def _sdk(self, **headers: str) -> Client:
        from replicate.client import Client

        key = self._context.key
        return Client(
            api_token=key.get_secret_value() if key else None,
            base_url=self._context.base_url,
            transport=self._context.transport,
            trust_env=False,
            headers=headers,
        )

    async def submit(self, order: Order) -> Submission:
        """POST the prediction; `Cancel-After` makes Replicate stop it by itself."""
        client = self._client
        if order.deadline is not None:
            client = self._sdk(**{"Cancel-After": f"{max(SHORTEST_DEADLINE, int(order.deadline))}s"})
        inputs = {name: value for name, value in order.inputs.items() if value is not None}
        spec, told = order.spec, _told_at(order.callback_url)
        if spec.version is not None and spec.version != "latest":
            call = client.predictions.async_create(version=spec.version, input=inputs, **told)
        else:
            call = client.models.predictions.async_create(model=spec.slug, input=inputs, **told)
        fields = json_object(await self._context.exchange(call))
        ref = Ref(job_id=job_id_in(fields), model=spec.slug, extra=version_of(fields))
        return Submission(ref=ref, update=self._read(fields))

    async def fetch(self, ref: Ref) -> Update:
        """GET the prediction; after an hour Replicate has removed what it made."""
        return await self._known(self._client.predictions.async_get(ref.job_id))

    async def cancel(self, ref: Ref) -> Update:
        """POST the cancel; a running public model is billed for the time until then."""
        return await self._known(self._client.predictions.async_cancel(ref.job_id))

    async def _known(self, call: Any) -> Update:
        try:
            reply = await self._context.exchange(call)
        except RefusedByVendor as refused:
            if refused.reply.status != 404:
                raise
            gone = ResultGone("Replicate does not know this prediction", status=404, stage="poll")
            return Update(status=JobStatus.FAILED, native="404", gone=True, failure=Failure.of(gone))
        return self._read(json_object(reply))

    def _read(self, fields: Mapping[str, Any]) -> Update:
        return read_prediction(fields, now=self._context.clock.now())

    async def find(self, since: datetime) -> Sequence[Found]:
        """Predictions since then, newest first, with their inputs until Replicate removes those.

        Raises ServiceError where not all of them could be read.
        """
        query: str | None = urlencode({"created_after": since.isoformat()})
        found: list[Found] = []
        for _ in range(MOST_PAGES):
            call = self._client.predictions.async_list(f"{_PREDICTIONS}?{query}")
            page = json_object(await self._context.exchange(call))
            results = page.get("results")
            if not isinstance(results, list):
                raise ServiceError("Replicate's list has no results", transient=True)
            seen = [self._found(item) for item in results]
            found += [one for one in seen if one.created_at >= since]
            query = urlsplit(text_in(page, "next") or "").query
            if not query or any(one.created_at < since for one in seen):
                return found
        raise ServiceError("Replicate's list is too long to be read to the end", transient=True)

    def _found(self, item: object) -> Found:
        created = time_in(item, "created_at")
        if not isinstance(item, dict) or created is None or text_in(item, "id") is None:
            raise ServiceError("Replicate lists a prediction without an id or a time", transient=True)
        inputs = None if item.get("data_removed") is True else item.get("input")
        return Found(
            ref=_named(item),
            update=self._read(item),
            created_at=created,
            inputs=inputs if isinstance(inputs, dict) else {},
        )

    async def latest_version(self, slug: str) -> str:
        """The newest version's hash. Raises ModelUnavailable where the model or a version is missing."""
        try:
            reply = await self._context.exchange(self._client.models.async_get(slug))
        except RefusedByVendor as refused:
            if refused.reply.status != 404:
                raise
            raise ModelUnavailable(f"Replicate has no model {slug}", status=404, stage="prepare") from None
        version = text_in(json_object(reply).get("latest_version"), "id")
        if version is None:
            raise ModelUnavailable(f"{slug} has no version on Replicate", stage="prepare")
        return version

    async def upload(self, content: bytes, *, content_type: str, filename: str) -> str:
        """POST a file that lives 24 hours and return its address."""
        call = self._client.files.async_create(
            io.BytesIO(content), filename=filename, content_type=content_type
        )
        address = text_in(json_object(await self._context.exchange(call)).get("urls"), "get")
        if address is None:
            raise ServiceError("Replicate stored the file without an address", transient=True)
        return address

    def receive(
        self, delivery: Delivery, *, secrets: Sequence[SecretStr], now: datetime, window: float
    ) -> Notice:
        """A prediction, signed by the Standard Webhooks scheme (replicate.com/docs: verify-webhook)."""
        mark = standard_webhook(delivery, secrets=secrets, now=now, window=window)
        fields = delivery.json_object()
        if text_in(fields, "id") is None:
            raise BadDelivery("it names no prediction")
        return Notice(id=mark, ref=_named(fields), update=read_prediction(fields, now=now))

    def explain(self, reply: Reply) -> ProviderError:
        """By status; a 422 whose title speaks of the version is about the model, not about the input."""
        title, detail = text_in(reply.body, "title"), text_in(reply.body, "detail")
        reset = RATE_LIMIT_RESET.search(detail or "")
        return explain_status(
            reply,
            detail or title,
            meaning=ModelUnavailable if title in DISABLED_TITLES else None,
            code=title,
            wait=float(reset.group(1)) if reset else None,
        )

    async def aclose(self) -> None:
        """Nothing to close: the SDK's clients hold no connection of their own."""


def _named(fields: Mapping[str, Any]) -> Ref:
    return Ref(job_id=job_id_in(fields), model=text_in(fields, "model") or "", extra=version_of(fields))


def _told_at(address: str | None) -> dict[str, Any]:
    """Where Replicate says that a prediction has ended."""
    return {} if address is None else {"webhook": address, "webhook_events_filter": ["completed"]}
